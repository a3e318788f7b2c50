package access

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
)

// TestEveryKindHasItsStatus, one of the client's for all but failures of the server. Of what is internal nothing is shown.
func TestEveryKindHasItsStatus(t *testing.T) {
	a := New(Config{Log: slog.New(slog.DiscardHandler)})
	for _, kind := range fhir.Kinds() {
		w := httptest.NewRecorder()
		err := fhir.Errorf(kind, fhir.CodeInvalid, "The table at 10.1.2.3 is of oak.").Because(errors.New("secret"))
		a.writeProblem(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, KeysPath, http.NoBody), err)
		got := decodedAs[problem](t, w.Body.Bytes())
		failed, internal := kind == fhir.Internal || kind == fhir.Unavailable, kind == fhir.Internal
		if statuses[kind] == 0 || w.Code != statuses[kind] || got.Status != w.Code || got.Title != http.StatusText(w.Code) || (w.Code >= 500) != failed {
			t.Errorf("%v: %d %+v", kind, w.Code, got)
		}
		if strings.Contains(w.Body.String(), "secret") || strings.Contains(got.Detail, "oak") == internal {
			t.Errorf("%v: %s", kind, w.Body)
		}
		if (w.Header().Get("Retry-After") != "") != (kind == fhir.Unavailable) || (w.Header().Get("WWW-Authenticate") != "") != (kind == fhir.Unauthenticated) {
			t.Errorf("%v: %v", kind, w.Header())
		}
	}
}
