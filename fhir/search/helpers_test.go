package search_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

const base = "https://fhir.example.org/fhir"

// served are the types that the tests' rules know.
var served = []string{
	"Appointment", "AuditEvent", "Bundle", "DocumentReference", "Encounter", "HealthcareService", "Location", "MedicationRequest", "Observation", "Organization",
	"Patient", "PlanDefinition", "Practitioner", "PractitionerRole", "Provenance", "RiskAssessment", "Schedule", "ServiceRequest", "Slot", "Subscription", "Task",
}

func newRules(types ...string) (*search.Rules, error) {
	return search.NewRules(search.Config{Types: types, BaseURL: base})
}

// rulesOfServed are made once: they never change.
var rulesOfServed = sync.OnceValues(func() (*search.Rules, error) { return newRules(served...) })

func mustRules(t testing.TB) *search.Rules {
	t.Helper()
	rules, err := rulesOfServed()
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func mustResource(t testing.TB, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.ParseResource([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// copyEntries makes a deep copy and says how many entries it has.
func copyEntries(e search.Entries) int {
	terms, texts, ranges := make([]search.Term, len(e.Terms)), make([]search.Text, len(e.Texts)), make([]search.Range, len(e.Ranges))
	for i, t := range e.Terms {
		terms[i] = search.Term{Param: t.Param, Value: clone(t.Value)}
	}
	for i, t := range e.Texts {
		texts[i] = search.Text{Param: t.Param, Folded: clone(t.Folded), Exact: t.Exact}
	}
	copy(ranges, e.Ranges)
	ordereds := make([]search.Ordered, len(e.Ordereds))
	for i, o := range e.Ordereds {
		ordereds[i] = search.Ordered{Param: o.Param, Low: clone(o.Low), High: clone(o.High)}
	}
	places := append([]search.Place{}, e.Places...)
	return len(terms) + len(texts) + len(ranges) + len(ordereds) + len(places)
}

func clone(s string) string { return string([]byte(s)) }

// now is the clock of the tests.
var now = fhir.InstantOf(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))

// indexed is a resource as search sees it, last updated a minute before now.
func indexed(t testing.TB, rules *search.Rules, text string) (string, search.Indexed) {
	t.Helper()
	r := mustResource(t, text)
	return r.Type(), search.Indexed{ID: r.ID(), Instant: now - 60_000_000, Entries: rules.Extract(r)}
}

// parse reads a query string strictly.
func parse(rules *search.Rules, typ, query string) (search.Request, error) {
	pairs, err := search.SplitQuery(query)
	if err != nil {
		return search.Request{}, err
	}
	return rules.Parse(typ, pairs, search.Options{Strict: true, Now: now})
}

// found says whether a search finds a resource.
func found(t testing.TB, rules *search.Rules, resource, query string) bool {
	t.Helper()
	typ, x := indexed(t, rules, resource)
	req, err := parse(rules, typ, query)
	if err != nil {
		t.Fatalf("%s?%s: %v", typ, query, err)
	}
	return search.Match(req.Query, x)
}

// hit is a search, and whether it finds the resource of its table.
type hit struct {
	query string
	want  bool
}

func checkHits(t *testing.T, resource string, hits []hit) {
	t.Helper()
	rules := mustRules(t)
	for _, h := range hits {
		if got := found(t, rules, resource, h.query); got != h.want {
			t.Errorf("?%s finds %v, want %v, in %s", h.query, got, h.want, resource)
		}
	}
}

// refusal is a search that is refused, and words of the reason.
type refusal struct{ typ, query, reason string }

func checkRefusals(t *testing.T, refusals []refusal) {
	t.Helper()
	rules := mustRules(t)
	for _, r := range refusals {
		_, err := parse(rules, r.typ, r.query)
		var e *fhir.Error
		if !errors.As(err, &e) || e.Kind != fhir.Invalid {
			t.Errorf("%s?%s: %v, want a refusal", r.typ, r.query, err)
			continue
		}
		if !strings.Contains(e.Issues[0].Detail, r.reason) {
			t.Errorf("%s?%s: %q does not say %q", r.typ, r.query, e.Issues[0].Detail, r.reason)
		}
		if name, _, _ := strings.Cut(r.query, "="); e.Issues[0].Path != name {
			t.Errorf("%s?%s: the place is %q", r.typ, r.query, e.Issues[0].Path)
		}
	}
}
