package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
)

// answerTo lets an error be answered.
func answerTo(t *testing.T, err error, change ...func(*exchange)) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	s := &server{Face: &Face{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	w := httptest.NewRecorder()
	x := &exchange{w: w, request: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)}
	x.request.Header.Set(headerRequestID, "request-1")
	for _, c := range change {
		c(x)
	}
	s.fail(x, err)
	return w, log.String()
}

// No kind is forgotten, and each has the status that its name promises.
func TestEveryKindHasAStatus(t *testing.T) {
	want := map[fhir.Kind]int{
		fhir.Internal: 500, fhir.Invalid: 400, fhir.Unauthenticated: 401, fhir.Forbidden: 403, fhir.NotFound: 404, fhir.MethodNotAllowed: 405, fhir.NotAcceptable: 406,
		fhir.Conflict: 409, fhir.Gone: 410, fhir.PreconditionFailed: 412, fhir.TooLarge: 413, fhir.UnsupportedMedia: 415, fhir.Unprocessable: 422,
		fhir.PreconditionRequired: 428, fhir.Throttled: 429, fhir.TooCostly: 400, fhir.Unavailable: 503,
	}
	for _, k := range fhir.Kinds() {
		w, _ := answerTo(t, fmt.Errorf("wrapped: %w", fhir.Errorf(k, fhir.CodeInvalid, "Because.")))
		if w.Code != want[k] || w.Code == 0 {
			t.Errorf("%v: status %d, want %d", k, w.Code, want[k])
		}
		if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (k == fhir.Unauthenticated) {
			t.Errorf("%v: WWW-Authenticate %v", k, challenged)
		}
		if retry := w.Header().Get("Retry-After") != ""; retry != (k == fhir.Unavailable) {
			t.Errorf("%v: Retry-After %v", k, retry)
		}
		if told := strings.Contains(w.Body.String(), "Because."); told != (k != fhir.Internal) {
			t.Errorf("%v: told the detail: %v", k, told)
		}
	}
}

// What is internal is in the log, with the request's id, and not in the answer.
func TestInternalIsNotShown(t *testing.T) {
	for name, err := range map[string]error{
		"a foreign error": fmt.Errorf("read: %w", errors.New("disk of secret")),
		"an own error":    fhir.Errorf(fhir.Internal, fhir.CodeException, "Detail of secret").Because(errors.New("disk")),
	} {
		w, log := answerTo(t, err)
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if !strings.Contains(log, "secret") || !strings.Contains(log, "disk") || !strings.Contains(log, "request=request-1") {
			t.Errorf("%s: the log says %q", name, log)
		}
	}
	cause := fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "Public.").Because(errors.New("secret"))
	if w, log := answerTo(t, cause); strings.Contains(w.Body.String(), "secret") || log != "" {
		t.Errorf("%s, log %q", w.Body, log)
	}
}

// A request that its client gave up, or whose time is over, is no defect.
func TestRequestThatIsOver(t *testing.T) {
	w, log := answerTo(t, fmt.Errorf("query: %w", context.Canceled), func(x *exchange) {
		ctx, cancel := context.WithCancel(x.request.Context())
		cancel()
		x.request = x.request.WithContext(ctx)
	})
	if w.Code != http.StatusServiceUnavailable || log != "" || !strings.Contains(w.Body.String(), `"transient"`) {
		t.Errorf("%d %s, log %q", w.Code, w.Body, log)
	}
}

func TestOutcome(t *testing.T) {
	got := string(outcome([]fhir.Issue{
		{Severity: fhir.Severe, Code: fhir.CodeValue, Detail: `Say "x" <here>.`, Path: "Patient.name[0]"},
		{Severity: fhir.Warning, Code: fhir.CodeNotSupported, Detail: "No.", Path: "http._count"},
		{Severity: fhir.Information, Code: fhir.CodeInformational},
	}))
	const want = `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value","details":{"text":"Say \"x\" <here>."},"expression":["Patient.name[0]"]},` +
		`{"severity":"warning","code":"not-supported","details":{"text":"No."},"location":["http._count"]},{"severity":"information","code":"informational"}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOfRequest(t *testing.T) {
	original := fhir.Errorf(fhir.Invalid, fhir.CodeValue, "No.").At("birthdate")
	original.Issues = append(original.Issues, fhir.Issue{Detail: "Nowhere."}, fhir.Issue{Detail: "Known.", Path: "http.x"})
	var marked *fhir.Error
	if !errors.As(ofRequest(fmt.Errorf("wrapped: %w", original)), &marked) || !errors.Is(marked, fhir.Invalid) {
		t.Fatal("no *fhir.Error of the same kind")
	}
	for i, want := range []string{"http.birthdate", "", "http.x"} {
		if marked.Issues[i].Path != want {
			t.Errorf("place %d: %s, want %s", i, marked.Issues[i].Path, want)
		}
	}
	if original.Issues[0].Path != "birthdate" {
		t.Error("the original was changed")
	}
	if foreign := errors.New("x"); ofRequest(foreign) != foreign { //nolint:errorlint // the very same error is meant
		t.Error("a foreign error was changed")
	}
}
