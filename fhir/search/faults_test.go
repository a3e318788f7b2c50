package search_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// read reads a query string, and gives everything that is told of it.
func read(rules *search.Rules, query string, strict bool) ([]fhir.Issue, error) {
	pairs, err := search.SplitQuery(query)
	if err != nil {
		return fhir.AsError(err).Issues, err
	}
	req, err := rules.Parse("Patient", pairs, search.Options{Strict: strict, Now: now})
	if err != nil {
		return fhir.AsError(err).Issues, err
	}
	return req.Ignored, nil
}

// TestHostileQueries: half a megabyte of small faults makes a small answer, and costs no more than a few times its size.
func TestHostileQueries(t *testing.T) {
	const size = 512 << 10
	const mostTold, mostAllocated = 32 << 10, 16 << 20 // bytes
	fill := func(start, part string) string { return start + strings.Repeat(part, (size-len(start))/len(part)) }
	rules := mustRules(t)
	for _, query := range []string{
		fill("", "%&"), fill("", "%ff=%&"), fill("", "a=1&"), fill("", "a&"), fill("", "_format=x&"), fill("", "_count:x=1&"), fill("_count=1", "&_count=2"),
		fill("_sort=x", ",x"), fill("_sort=birthdate", ",birthdate"), fill("_sort=", ","), fill("birthdate=x", ",x"), fill("name=a", ",a"), fill("name=", ","), fill("name=", `\x,`), fill("name=", "É"),
		"x=%" + strings.Repeat("&%", search.MaxPairs-1), "_sum:x=1" + strings.Repeat("&_sort:x=1", search.MaxPairs-1),
		"a=1" + strings.Repeat("&a=1", search.MaxClauses-1), "birthdate=x,x,x" + strings.Repeat("&birthdate=x,x,x", search.MaxClauses-1),
	} {
		for _, strict := range []bool{true, false} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			issues, err := read(rules, query, strict)
			runtime.ReadMemStats(&after)
			told := 0
			for _, issue := range issues {
				told += len(issue.Detail) + len(issue.Path)
			}
			if told > mostTold || len(issues) > 21 {
				t.Errorf("?%.30s…, strict %v: %d issues with %d bytes are told", query, strict, len(issues), told)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > mostAllocated {
				t.Errorf("?%.30s…, strict %v: %d bytes are allocated", query, strict, allocated)
			}
			if err != nil && !errors.Is(err, fhir.Invalid) && !errors.Is(err, fhir.TooCostly) {
				t.Errorf("?%.30s…, strict %v: %v", query, strict, err)
			}
		}
	}
}

// TestListsEnd: what is left out of a list is said, once, wherever the list grows.
func TestListsEnd(t *testing.T) {
	repeat := func(n int, part string) string { return strings.TrimSuffix(strings.Repeat(part+"&", n), "&") }
	for _, tt := range []struct {
		query  string
		strict bool
		issues int
		ends   bool
	}{
		{repeat(20, "%"), true, 20, false},
		{repeat(21, "%"), true, 21, true},
		{repeat(search.MaxPairs, "%"), true, 21, true},
		{repeat(20, "a=1"), false, 20, false},
		{repeat(21, "a=1"), false, 21, true},
		{repeat(21, "a=1"), true, 21, true},
		{"birthdate=x" + strings.Repeat(",x", 30), true, 21, true}, // in one parameter
		{"a=1&birthdate=x" + strings.Repeat(",x", 30) + "&b=1", true, 21, true},
		{"birthdate=" + repeat(10, "x&birthdate=x,x"), true, 21, true},
	} {
		issues, _ := read(mustRules(t), tt.query, tt.strict)
		if len(issues) != tt.issues {
			t.Errorf("?%.40s…: %d issues, want %d", tt.query, len(issues), tt.issues)
			continue
		}
		for i, issue := range issues {
			if closing := strings.HasPrefix(issue.Detail, "The list ends here"); closing != (tt.ends && i == 20) || closing != (issue.Severity == fhir.Information) {
				t.Errorf("?%.40s…: issue %d is %+v", tt.query, i, issue)
			}
		}
	}
}
