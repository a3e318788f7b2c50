package load_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/portico-health/portico/cmd/portico/load"
	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/rest"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

// A server whose store has no transactions is loaded all the same: a transaction is taken apart. Only who wants it whole is refused, and told why.
func TestLoadWithoutTransactions(t *testing.T) {
	types := []string{"Encounter", "Patient"}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "load.db")})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	rules, err := search.NewRules(search.Config{Types: types, BaseURL: "http://example.org/fhir"})
	must(t, err)
	e, err := engine.New(t.Context(), engine.Config{
		Store: storagetest.WithoutTransactions(store), Rules: rules, Validator: validate.New(), Types: types, Now: time.Now, NewID: fhir.NewID,
		SearchBudget: engine.DefaultSearchBudget, MaxIncludes: engine.DefaultMaxIncludes,
	})
	must(t, err)
	anybody := func(*http.Request, http.Header) (fhir.Principal, error) {
		return fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited()}, nil
	}
	face := &rest.Face{
		Engine: e, Authenticate: anybody, Log: slog.New(slog.DiscardHandler),
		Promises: rest.Promises(e, conformance.Config{BaseURL: "http://example.org", Unchecked: validate.Unchecked}),
	}
	router := mux.NewRouter()
	must(t, face.Routes(router))
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)

	encounter := `{"resource":{"resourceType":"Encounter","id":"v","status":"planned","class":{"code":"HH"},"subject":{"reference":"` + annURL + `"}},"request":{"method":"PUT","url":"Encounter/v"}}`
	dir := folder(t, map[string]string{"transaction.json": entries("transaction", encounter, annEntry)})
	summary, err := load.Run(t.Context(), load.Options{URL: server.URL + conformance.FHIRPath, Files: []string{dir}})
	if err != nil || len(summary.Refusals) > 0 || summary.Types["Patient"].Created+summary.Types["Encounter"].Created != 2 {
		t.Errorf("%+v, %v", summary, err)
	}
	summary, err = load.Run(t.Context(), load.Options{URL: server.URL + conformance.FHIRPath, Files: []string{dir}, Transaction: true})
	if err != nil || len(summary.Refusals) != 1 || summary.Refusals[0].Status != 400 {
		t.Errorf("%+v, %v", summary, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
