package mongo

import (
	"testing"

	"github.com/portico-health/portico/fhir/search"
)

// Whether anything matches is what search.Match says, by chance; and it takes one call for all that clients identify resources by.
func TestMatches(t *testing.T) {
	s, chance := samplesByChance(t, 3)
	for range 250 {
		q := chance.Query()
		q.Type = "Patient"
		if leads(q.All) {
			continue
		}
		got, err := s.Store.matches(t.Context(), home, q)
		if want := len(s.matches(q.All)) > 0; err != nil || got != want {
			t.Errorf("%#v: %t (%v), want %t", q.All, got, err, want)
		}
	}
	seen := &counting{}
	few := newSamples(t, []search.Indexed{{ID: "a", Entries: search.Entries{Terms: []search.Term{{Param: "identifier", Value: "a"}, {Param: "active", Value: "true"}}}}}, func(c *Config) { c.monitor = seen.monitor() })
	is := func(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }
	for _, c := range []struct {
		all  []search.Any
		want bool
	}{
		{[]search.Any{is("identifier", "a")}, true},
		{[]search.Any{is("identifier", "b")}, false},
		{[]search.Any{is("active", "true"), is("identifier", "a")}, true},
		{[]search.Any{{search.Equal{Param: "identifier", Value: "b"}, search.Equal{Param: "identifier", Value: "a"}}, {search.Missing{Param: "name", Absent: true}}}, true},
		{[]search.Any{is(search.ID, "a"), is("identifier", "b")}, false},
		{[]search.Any{is(search.ID, "deleted")}, false},
		{nil, true},
		{[]search.Any{{search.Contains{Param: "name", Folded: "a"}}}, false},
	} {
		seen.calls()
		got, err := few.Store.matches(t.Context(), home, search.Query{Type: "Patient", All: c.all})
		if n := seen.calls(); err != nil || got != c.want || n != 1 {
			t.Errorf("%v: %t with %d calls (%v), want %t with one", c.all, got, n, err, c.want)
		}
	}
	if got, err := few.Store.matches(t.Context(), "demo/live", search.Query{Type: "Patient"}); err != nil || got {
		t.Errorf("in another partition: %t (%v)", got, err)
	}
	if got, err := few.Store.matches(t.Context(), home, search.Query{Type: "Nothing", All: []search.Any{is("identifier", "a")}}); err != nil || got {
		t.Errorf("of a type that is not there: %t (%v)", got, err)
	}
}
