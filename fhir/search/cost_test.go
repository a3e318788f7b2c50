package search_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// allocated is how many bytes something allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// filled repeats a part up to a size.
func filled(size int, start, part string) string {
	return start + strings.Repeat(part, max(0, size-len(start))/len(part))
}

// TestLongestValues: the longest value of each kind of parameter costs a few times its size, whatever it is made of.
func TestLongestValues(t *testing.T) {
	const size = 256 << 10
	most := func(name string) uint64 {
		if strings.Contains(name, ".") || strings.Contains(name, "_has") {
			return 3 * search.MaxRead // for many types
		}
		return 16 * size
	}
	rules := withWords(t, "Patient", "Observation")
	type name struct{ typ, name string }
	names := []name{
		{"Patient", "_id"}, {"Patient", "name"}, {"Patient", "name:exact"}, {"Patient", "name:contains"}, {"Patient", "gender"}, {"Patient", "gender:not"}, {"Patient", "gender:in"}, {"Patient", "identifier"},
		{"Patient", "identifier:of-type"}, {"Patient", "identifier:text"}, {"Patient", "email"}, {"Patient", "phone"}, {"Patient", "active"}, {"Patient", "birthdate"}, {"Patient", "_lastUpdated"}, {"Patient", "_since"},
		{"Patient", "organization"}, {"Patient", "organization:Organization"}, {"Patient", "organization:identifier"}, {"Patient", "name:missing"}, {"Patient", "_text"}, {"Patient", "_content"},
		{"Patient", "_profile"}, {"Patient", "_profile:above"}, {"Patient", "_profile:below"}, {"RiskAssessment", "probability"}, {"Observation", "value-quantity"},
		{"Observation", "code-value-quantity"}, {"Observation", "code-value-concept"}, {"Observation", "code-value-string"}, {"Observation", "code-value-date"}, {"Observation", "combo-code-value-quantity"},
		{"Location", "near"}, {"Patient", "_filter"}, {"Patient", "_sort"}, {"Patient", "_elements"}, {"Patient", "_include"}, {"Patient", "_revinclude"}, {"Patient", "_count"}, {"Patient", "_summary"}, {"Patient", "_total"},
		{"Patient", "_type"}, {"Patient", "_contained"}, {"Patient", "foo"}, {"Patient", "organization.name"}, {"Observation", "subject.name"}, {"Task", "focus.subject.identifier"}, {"Patient", "_has:Task:focus:focus.code"},
	}
	values := []string{
		filled(size, "", "9"), filled(size, "0.", "0"), filled(size, "1e", "9"), filled(size, "5|", "9"), filled(size, "5||", "m"), filled(size, "1$", "2"), filled(size, "", "2$"), filled(size, "", "1|"), filled(size, "", "a"), filled(size, "", "É"),
		filled(size, "", `\|`), filled(size, "", "\\\\"), filled(size, "", `\`), filled(size, "", "a "), filled(size, "", " "), filled(size, "", "."), filled(size, "https://", "a/"), filled(size, "https://a", "/"), filled(size, "https://a", "|"), filled(size, "", ","),
		filled(size, "x", ",x"), filled(size, "", "("), filled(size, "name eq ", "x"), filled(size, "", ":"), filled(size, "Patient:", "x"), filled(size, "-", "-"), filled(size, "ne", "1"), filled(size, "|", "a$5||m"), filled(size, "c$5||", "m"), filled(size, "c|", "c") + "$5",
		strings.TrimSuffix(filled(size, "", strings.Repeat("9", size/search.MaxValues)+","), ","), strings.TrimSuffix(filled(size, "", strings.Repeat("a/", size/search.MaxValues/2)+","), ","),
	}
	for _, n := range names {
		for _, value := range values {
			pairs := []search.Pair{{Name: n.name, Value: value}}
			for _, strict := range []bool{true, false} {
				var err error
				made := allocated(func() { _, err = rules.Parse(n.typ, pairs, search.Options{Strict: strict, Now: now}) })
				if made > most(n.name) || err != nil && !errors.Is(err, fhir.Invalid) && !errors.Is(err, fhir.TooCostly) {
					t.Errorf("%s?%s=%.20s…, strict %v: %d KiB are allocated, %.300v", n.typ, n.name, value, strict, made>>10, err)
				}
			}
		}
	}
	for _, name := range []string{"_type", "_id", "_profile:above", "_tag", "_elements", "_text", "_has:Provenance:target:agent", "foo", "_sort", "_filter"} {
		for _, value := range values {
			var err error
			made := allocated(func() {
				_, err = rules.ParseSystem([]search.Pair{{Name: name, Value: value}}, search.Options{Now: now})
			})
			if made > 3*search.MaxRead || err != nil && !errors.Is(err, fhir.Invalid) && !errors.Is(err, fhir.TooCostly) {
				t.Errorf("?%s=%.20s…: %d KiB are allocated, %.300v", name, value, made>>10, err)
			}
		}
	}
}

// TestChainsEndWhereTheyAreTooCostly: what a chain comes to with its values is counted as it is read, not when it is made.
func TestChainsEndWhereTheyAreTooCostly(t *testing.T) {
	const most = 8 << 20
	rules := mustRules(t)
	set := strings.TrimSuffix(strings.Repeat("http://hl7.org/fhir/ValueSet/task-status,", 180), ",")
	plain := strings.TrimSuffix(strings.Repeat("x,", 180), ",")
	for _, tt := range []struct{ typ, name, value, advice string }{
		{"Patient", "_has:Task:focus:focus._has:Task:focus:focus._tag:in", set, "Give the codes"},
		{"Patient", "_has:Task:focus:focus._has:Task:focus:focus._tag", plain, "comparisons"},
		{"Patient", "_has:Task:focus:focus._has:Task:focus:focus.identifier", plain, "comparisons"},
		{"Task", "focus.focus.focus.focus._lastUpdated", strings.ReplaceAll(plain, "x", "ge2026"), "comparisons"},
		{"Task", "focus.focus.focus.focus._id", "x", "Say which type is meant, as in subject:Patient.name."},
		{"Task", "focus", plain, "Write ids with their type (Patient/1)."},
		{"Task", "status:in", set, "Give the codes"},
		{"Task", "code:not-in", set, "Give the codes"},
		{"Task", "identifier", plain, ""},
		{"Task", "focus.focus.focus.focus.subject.birthdate", plain, ""},
		{"Task", "focus.focus.focus." + strings.Repeat("x", 1<<18), "1", ""},
		{"Task", "focus.focus.focus.focus", strings.Repeat("x", 1<<18), ""},
	} {
		for _, repeat := range []int{1, search.MaxClauses} {
			var pairs []search.Pair
			for range repeat {
				pairs = append(pairs, search.Pair{Name: tt.name, Value: tt.value})
				if strings.Count(tt.value, ",") > 0 {
					break // all of the values that are taken
				}
			}
			for _, strict := range []bool{true, false} {
				var err error
				made := allocated(func() { _, err = rules.Parse(tt.typ, pairs, search.Options{Strict: strict, Now: now}) })
				if made > most || tt.advice != "" && (!errors.Is(err, fhir.TooCostly) || !strings.Contains(err.Error(), tt.advice)) {
					t.Errorf("%s?%s=%.20s… %d times: %d KiB are allocated, %.300v", tt.typ, tt.name, tt.value, repeat, made>>10, err)
				}
			}
		}
	}
}

// TestBudgetIsOfTheWholeSearch: what several parameters come to is counted together, in filters too.
func TestBudgetIsOfTheWholeSearch(t *testing.T) {
	rules := mustRules(t)
	for _, part := range []string{"focus.focus.status=x", "_filter=focus.focus.status eq x"} {
		name, value, _ := strings.Cut(part, "=")
		for n, want := range map[int]error{1: nil, search.MaxClauses: fhir.TooCostly} {
			var pairs []search.Pair
			for i := range n {
				pairs = append(pairs, search.Pair{Name: name, Value: fmt.Sprint(value, i)})
			}
			_, err := rules.Parse("Task", pairs, search.Options{Strict: true, Now: now})
			if !errors.Is(err, want) {
				t.Errorf("%s %d times: %v", part, n, err)
			}
			if err != nil && len(fhir.AsError(err).Issues) != 1 {
				t.Errorf("%s %d times goes on: %v", part, n, err)
			}
		}
	}
}

// TestRepeatedReferences: references that say the same cost no more than a few times the text they are written in, wherever they stand, nor do those to what no
// chain leads to.
func TestRepeatedReferences(t *testing.T) {
	const many = 20_000
	rules := mustRules(t)
	repeated := func(part string) string {
		var b strings.Builder
		for i := range many {
			fmt.Fprintf(&b, strings.ReplaceAll(part, "%d", "%[1]d")+",", i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, text := range map[string]string{
		"the same":           `{"resourceType":"Task","contained":[{"resourceType":"Task","id":"b"}],"partOf":[` + strings.TrimSuffix(strings.Repeat(`{"reference":"#b"},`, many), ",") + `]}`,
		"within":             `{"resourceType":"Task","focus":{"reference":"#a"},"contained":[{"resourceType":"Task","id":"a","partOf":[` + strings.TrimSuffix(strings.Repeat(`{"reference":"#b"},`, many), ",") + `]},{"resourceType":"Task","id":"b"}]}`,
		"to nothing":         `{"resourceType":"Task","partOf":[` + repeated(`{"reference":"#b%d"}`) + `]}`,
		"to different":       `{"resourceType":"Task","contained":[` + repeated(`{"resourceType":"Task","id":"b%d"}`) + `],"partOf":[` + repeated(`{"reference":"#b%d"}`) + `]}`,
		"to others":          `{"resourceType":"Task","partOf":[` + repeated(`{"reference":"Task/%d"}`) + `]}`,
		"pairs":              `{"resourceType":"Observation","code":{"coding":[` + repeated(`{"code":"c%d"}`) + `]},"valueCodeableConcept":{"coding":[` + repeated(`{"code":"c%d"}`) + `]}}`,
		"a typed value":      `{"resourceType":"Patient","identifier":[{"value":"` + strings.Repeat("v", many) + `","type":{"coding":[` + repeated(`{"system":"s","code":"c%d"}`) + `]}}]}`,
		"a long part":        `{"resourceType":"Observation","code":{"coding":[` + repeated(`{"code":"c%d"}`) + `]},"valueCodeableConcept":{"coding":[{"code":"` + strings.Repeat("v", 10*many) + `"}]}}`,
		"pairs by reference": `{"resourceType":"DocumentReference","contained":[` + repeated(`{"resourceType":"DocumentReference","id":"b%d"}`) + `],"relatesTo":[` + repeated(`{"code":"replaces","target":{"reference":"#b%d"}}`) + `]}`,
	} {
		most := uint64(32 * len(text))
		if name == "pairs" || name == "a long part" {
			most *= 5 // four composites and the parameters of their parts look at each coding
		}
		r := mustResource(t, text)
		if made := allocated(func() { rules.Extract(r) }); made > most {
			t.Errorf("%s: %d KiB are allocated for a text of %d KiB", name, made>>10, len(text)>>10)
		}
		if made := allocated(func() { rules.Pointers(r, []string{"part-of", "subject", "patient", "relatesto"}) }); made > most {
			t.Errorf("%s: %d KiB are allocated for the pointers of a text of %d KiB", name, made>>10, len(text)>>10)
		}
	}
}

// TestContainedOfAnotherType: what is of a type that the parameter cannot refer to has no entries, for no chain asks for it.
func TestContainedOfAnotherType(t *testing.T) {
	_, x := indexed(t, mustRules(t), `{"resourceType":"Appointment","id":"a","contained":[{"resourceType":"Task","id":"t","status":"draft"},{"resourceType":"Slot","id":"s","status":"free"}],"slot":[{"reference":"#t"},{"reference":"#s"}]}`)
	var under []string
	for _, e := range x.Entries.Terms {
		if strings.HasPrefix(e.Param, "slot.") {
			under = append(under, e.Param)
		}
	}
	if len(under) == 0 || strings.Contains(strings.Join(under, " "), "slot.Task.") {
		t.Errorf("there are entries of %v", under)
	}
}
