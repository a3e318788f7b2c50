package search_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/search"
)

func TestOwnerOfAnIndexName(t *testing.T) {
	for index, want := range map[string]string{
		"code": "code", "code:text": "code", "date:none": "date", "value-quantity|": "value-quantity",
		"patient.Patient.name": "patient.", "patient.Patient.identifier:of-type": "patient.",
	} {
		if got := search.Owner(index); got != want {
			t.Errorf("%s belongs to %s, want %s", index, got, want)
		}
	}
}

// TestUsesOfAQuery: what a query asks of other types counts as theirs.
func TestUsesOfAQuery(t *testing.T) {
	q := search.Query{
		Type: "Appointment",
		All: []search.Any{
			{search.Equal{Param: "status", Value: "booked"}, search.Equal{Param: search.ID, Value: "a"}},
			{search.Refers{Param: "patient", To: search.Selection{Type: "Patient", All: []search.Any{
				{search.Not{Any: search.Any{search.StartsWith{Param: "name", Folded: "a"}}}},
				{search.ReferredBy{Param: "subject", From: search.Selection{Type: "Task", All: []search.Any{{search.Near{Param: "near"}}}}}},
			}}}},
			{search.Every{{search.EndsWith{Param: "text"}}, {search.Between{Param: "number"}, search.Missing{Param: "status"}}}},
		},
		Sort: []search.SortKey{{Param: search.LastUpdated}, {Param: "date", Absent: "date:none"}},
	}
	want := map[string][]string{
		"Appointment": {"date", "date:none", "number", "patient", "status", "text"},
		"Patient":     {"name"},
		"Task":        {"near", "subject"},
	}
	if diff := cmp.Diff(want, q.Uses()); diff != "" {
		t.Error(diff)
	}
	q = search.Query{Type: "Task", All: []search.Any{{search.Refers{Param: "focus", To: search.Selection{Type: "Slot", All: []search.Any{{search.Equal{Param: search.ID}}}}}}}}
	if diff := cmp.Diff(map[string][]string{"Task": {"focus"}, "Slot": nil}, q.Uses()); diff != "" {
		t.Error(diff)
	}
}
