package search_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir/search"
)

// _since is _lastUpdated=ge, at most 90 days back; now is noon on 2026-11-21, and what is found was updated a minute before.
func TestSince(t *testing.T) {
	checkHits(t, `{"resourceType":"Patient","id":"p"}`, []hit{
		{"_since=2026-11-21T11:59:00Z", true},
		{"_since=2026-11-21T11:59:00.000001Z", false},
		{"_since=2026-11-21T12:59:00%2B01:00", true},
		{"_since=2026-11-21T12:59:00+01:00", true}, // the plus sign has become a space
		{"_since=2026-11-21", true},
		{"_since=2026-11-22", false},
		{"_since=2026-11-22,2026-11-20", true},
		{"_since=2026-08-23", true}, // 90 days
	})
	rules := mustRules(t)
	since, err := parse(rules, "Patient", "_since=2026-10-01")
	if err != nil {
		t.Fatal(err)
	}
	updated, err := parse(rules, "Patient", "_lastUpdated=ge2026-10-01")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(updated.Query, since.Query); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]search.Pair{{Name: "_since", Value: "2026-10-01"}}, since.Applied); diff != "" {
		t.Error(diff)
	}
	checkRefusals(t, []refusal{
		{"Patient", "_since=2026-08-22", `"2026-08-22" is too long ago: _since goes back 90 days, to 2026-08-23. What was updated before is found by _lastUpdated=ge2026-08-22.`},
		{"Patient", "_since=2026-08-22T23:59:59Z", "is too long ago"},
		{"Patient", "_since=2026", "is too long ago"},
		{"Patient", "_since=yesterday", `"yesterday"`},
		{"Patient", "_since=gt2026-11-01", `"gt2026-11-01"`},
		{"Patient", "_since:not=2026-11-01", "has no modifier"},
	})
	if _, err := parse(rules, "Patient", "_sort=_since"); err == nil || !strings.Contains(err.Error(), "sorts by") {
		t.Errorf("its order is that of _lastUpdated: %v", err)
	}
	if _, err := rules.Criteria("Patient", []search.Pair{{Name: "_since", Value: "2026-11-21"}}, now); err == nil || !strings.Contains(err.Error(), "here write _lastUpdated=ge") {
		t.Errorf("what selects the resource to write: %v", err)
	}
}
