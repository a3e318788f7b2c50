package engine_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// "If any resource identities (including resolved identities from conditional update/delete) overlap in steps 1-3, then the transaction
// SHALL fail" (https://hl7.org/fhir/R4/http.html#trules).
func TestIdentitiesDoNotOverlap(t *testing.T) {
	one, two := patientOf("", "1", "New"), patientOf("", "2", "New")
	for _, c := range []struct {
		name    string
		there   []string // ids of patients that mrn asks for
		entries []engine.Change
		words   string
	}{
		{"two updates", nil, []engine.Change{entry(t, "PUT Patient/x", patientOf("x", "1", "A")), entry(t, "PUT Patient/x", patientOf("x", "1", "A"))}, "Patient/x comes twice"},
		{"update and delete", []string{"a"}, []engine.Change{entry(t, "PUT Patient/a", patientOf("a", "1", "A")), entry(t, "DELETE Patient/a", "")}, "DELETE Patient/a"},
		{"update and patch", []string{"a"}, []engine.Change{entry(t, "PUT Patient/a", patientOf("a", "1", "A")), entry(t, "PATCH Patient/a", rename)}, "PATCH Patient/a"},
		{"two deletes", []string{"a"}, []engine.Change{entry(t, "DELETE Patient/a", ""), entry(t, "DELETE Patient/a", "")}, "DELETE Patient/a"},
		{"two deletes of what is not there", nil, []engine.Change{entry(t, "DELETE Patient/a", ""), entry(t, "DELETE Patient/a", "")}, "DELETE Patient/a"},
		{"conditional update and update", []string{"a"}, []engine.Change{entry(t, "PUT Patient?"+mrn, one), entry(t, "PUT Patient/a", patientOf("a", "1", "A"))}, "PUT Patient?…"},
		{"conditional update and delete by another condition", []string{"a"}, []engine.Change{entry(t, "PATCH Patient?"+mrn, rename), entry(t, "PUT Patient?family=old", one)}, "Patient/a comes twice"},
		{"conditional delete and update", []string{"a"}, []engine.Change{entry(t, "DELETE Patient?"+mrn, ""), entry(t, "PUT Patient/a", patientOf("a", "1", "A"))}, "DELETE Patient?…"},
		{"conditional delete and delete", []string{"a"}, []engine.Change{entry(t, "DELETE Patient?"+mrn, ""), entry(t, "DELETE Patient/a", "")}, "DELETE Patient/a"},
		{"two conditional deletes", []string{"a"}, []engine.Change{entry(t, "DELETE Patient?"+mrn, ""), entry(t, "DELETE Patient?family=old", "")}, "DELETE Patient?…"},
		{"conditional patch and patch", []string{"a"}, []engine.Change{entry(t, "PATCH Patient?"+mrn, rename), entry(t, "PATCH Patient/a", rename)}, "PATCH Patient/a"},
		{"a create that finds what is updated", []string{"a"}, []engine.Change{entry(t, "POST Patient?"+mrn, one), entry(t, "PUT Patient/a", patientOf("a", "1", "A"))}, "POST Patient with ifNoneExist"},
		{"two creates that find one", []string{"a"}, []engine.Change{entry(t, "POST Patient?"+mrn, one), entry(t, "POST Patient?"+mrn, one)}, "Patient/a comes twice"},
		{"a create that finds what would be brought back", []string{"a"}, []engine.Change{entry(t, "DELETE Patient/a", ""), entry(t, "PUT Patient?"+mrn, patientOf("a", "1", "A"))}, "Patient/a comes twice"},

		{"two equal conditional creates", nil, []engine.Change{entry(t, "POST Patient?"+mrn, one), entry(t, "POST Patient?"+mrn, one)}, "ifNoneExist"},
		{"a conditional create of what another create makes", nil, []engine.Change{entry(t, "POST Patient?"+mrn, two), entry(t, "POST Patient", one)}, "POST Patient with ifNoneExist"},
		{"a conditional create of what an update makes", nil, []engine.Change{entry(t, "PUT Patient/x", patientOf("x", "1", "A")), entry(t, "POST Patient?"+mrn, two)}, "PUT Patient/x"},
		{"a conditional create of what a patch makes", nil, []engine.Change{entry(t, "PATCH Patient/other", `[{"op":"replace","path":"/identifier/0/value","value":"1"}]`), entry(t, "POST Patient?"+mrn, two)}, "PATCH Patient/other"},
		{"a conditional create by id of what is put there", nil, []engine.Change{entry(t, "PUT Patient/x", patientOf("x", "5", "A")), entry(t, "POST Patient?_id=x", two)}, "PUT Patient/x"},
		{"a conditional update of one, where a create makes another", []string{"a"}, []engine.Change{entry(t, "PUT Patient?"+mrn, one), entry(t, "POST Patient", one)}, "PUT Patient?…"},
		{"a conditional update of none, where a create makes one", nil, []engine.Change{entry(t, "PUT Patient?"+mrn, one), entry(t, "POST Patient", one)}, "PUT Patient?…"},
		{"a conditional patch of one, where a create makes another", []string{"a"}, []engine.Change{entry(t, "PATCH Patient?"+mrn, rename), entry(t, "POST Patient", one)}, "PATCH Patient?…"},
		{"two equal conditional updates of none", nil, []engine.Change{entry(t, "PUT Patient?"+mrn, one), entry(t, "PUT Patient?"+mrn, one)}, "PUT Patient?…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTransacting(t)
			have(t, e, c.there...)
			commit(t, e, resource(t, "%s", patientOf("other", "7", "Else")))
			before := state(t, e)
			_, err := e.Transact(t.Context(), alice, c.entries)
			wantKind(t, err, fhir.Invalid, c.words)
			told := map[int]bool{}
			for _, fault := range faultsOf(err) {
				told[fault.Index] = true
			}
			if !told[0] || !told[1] {
				t.Errorf("each of the two should be told of the other: %v", err)
			}
			if diff := cmp.Diff(before, state(t, e)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func faultsOf(err error) []*engine.ChangeError {
	var all engine.ChangeErrors
	if errors.As(err, &all) {
		return all
	}
	return nil
}

// What does not overlap, though it looks like it.
func TestIdentitiesApart(t *testing.T) {
	one := patientOf("", "1", "New")
	for _, c := range []struct {
		name    string
		there   []string
		entries []engine.Change
		want    int // patients with the number 1 in the end
		new     int // of them those that were written
	}{
		{"a create of what is deleted", []string{"a"}, []engine.Change{entry(t, "POST Patient?"+mrn, one), entry(t, "DELETE Patient/a", "")}, 1, 1},
		{"a create of what is deleted by a condition", []string{"a"}, []engine.Change{entry(t, "POST Patient?"+mrn, one), entry(t, "DELETE Patient?"+mrn, "")}, 1, 1},
		{"an update of what is deleted", []string{"a"}, []engine.Change{entry(t, "PUT Patient?"+mrn, one), entry(t, "DELETE Patient/a", "")}, 1, 1},
		{"an update of one of two, the other deleted", []string{"a", "b"}, []engine.Change{entry(t, "PUT Patient?"+mrn, one), entry(t, "DELETE Patient/a", "")}, 1, 1},
		{"a patch of one of two, the other deleted", []string{"a", "b"}, []engine.Change{entry(t, "PATCH Patient?"+mrn, rename), entry(t, "DELETE Patient/a", "")}, 1, 1},
		{"a create where both matches are deleted", []string{"a", "b", "c"}, []engine.Change{entry(t, "POST Patient?"+mrn, one), entry(t, "DELETE Patient/a", ""), entry(t, "DELETE Patient/b", ""), entry(t, "DELETE Patient/c", "")}, 1, 1},
		{"a delete that comes before the create of another", []string{"a"}, []engine.Change{entry(t, "POST Patient", one), entry(t, "DELETE Patient?"+mrn, "")}, 1, 1},
		{"a delete of none before a create", nil, []engine.Change{entry(t, "POST Patient", one), entry(t, "DELETE Patient?"+mrn, "")}, 1, 1},
		{"a conditional create that finds one, and others", []string{"a"}, []engine.Change{entry(t, "POST Patient?"+mrn, one), entry(t, "POST Patient", patientOf("", "2", "New"))}, 1, 0},
		{"the same id under another type", nil, []engine.Change{entry(t, "PUT Patient/s", patientOf("s", "1", "New")), entry(t, "PUT Subscription/s", subscription("off", "Patient?active=true"))}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTransacting(t)
			have(t, e, c.there...)
			out, err := e.Transact(t.Context(), alice, c.entries)
			if err != nil || len(out) != len(c.entries) {
				t.Fatal(err)
			}
			if all, fresh := count(t, e, mrn), count(t, e, mrn+"&family=new"); all != c.want || fresh != c.new {
				t.Errorf("%d match, %d of them new", all, fresh)
			}
		})
	}
}

// Hundreds of conditions over hundreds of resources are told apart.
func TestManyConditions(t *testing.T) {
	e := newTransacting(t)
	var entries []engine.Change
	for i := range 100 {
		number := fmt.Sprint(i)
		entries = append(entries, entry(t, "POST Patient?"+mrnOf(number), patientOf("", number, "New")))
	}
	if _, err := e.Transact(t.Context(), alice, entries[:50]); err != nil || count(t, e, "family=new") != 50 {
		t.Fatal(err)
	}
	for i := range 50 {
		entries[i] = entry(t, "POST Patient?"+mrnOf(fmt.Sprint(i)), patientOf("", fmt.Sprint(i), "New"))
	}
	out, err := e.Transact(t.Context(), alice, entries)
	if err != nil || count(t, e, "family=new") != 100 || out[49].Changed || !out[50].Created {
		t.Errorf("%d patients, %v", count(t, e, "family=new"), err)
	}
	entries = append(entries[:0], entry(t, "POST Patient?"+mrnOf("205")+",https://example.org/mrn%7C777", patientOf("", "100", "New")))
	for i := range 50 {
		number := fmt.Sprint(200 + i)
		entries = append(entries, entry(t, "POST Patient", patientOf("", number, "New")))
	}
	_, err = e.Transact(t.Context(), alice, entries)
	wantFaults(t, err, fault{0, fhir.Invalid, "satisfied"}, fault{6, fhir.Invalid, "ifNoneExist"})
}
