package engine_test

import (
	"slices"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// TestCheck: index entries are compared with what the rules make of the bodies, if the rules made them, and only then.
func TestCheck(t *testing.T) {
	store := openStore(t)
	want := func(step, base string, compared bool, places ...string) {
		t.Helper()
		var faults []string
		looked, did, err := engine.Check(t.Context(), store, rulesOf(t, base, indexed...), func(f storage.Fault) { faults = append(faults, f.Key.String()) })
		if err != nil || did != compared || !slices.Equal(faults, places) {
			t.Errorf("%s: faults of %v, compared %t; want %v, %t (%v; looked at %+v)", step, faults, did, places, compared, err, looked)
		}
	}
	want("nothing is there", baseA, true)
	a := under(t, store, baseA)
	observe(t, a)
	want("as written", baseA, true)
	want("other rules", baseB, false)

	b := under(t, store, baseB)
	want("before the pass", baseB, false)
	reindex(t, b)
	want("after the pass", baseB, true)
	want("the rules of before", baseA, false)

	body := resource(t, `{"resourceType":"Patient","id":"p","gender":"female"}`)
	_, err := store.Commit(t.Context(), "demo/test", []storage.Op{{
		Key: fhir.Key{Type: "Patient", ID: "p"}, Resource: body, Entries: search.Entries{Terms: []search.Term{{Param: "gender", Value: "male"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want("strange entries", baseB, true, "Patient/p")
	want("strange entries under the rules of before", baseA, false)
}
