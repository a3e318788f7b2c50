package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/search"
)

func located(t testing.TB, postalCode string) search.Indexed {
	t.Helper()
	_, x := indexed(t, mustRules(t), fmt.Sprintf(`{"resourceType":"Location","id":"l","address":{"postalCode":%q}}`, postalCode))
	return x
}

func TestPostalAreas(t *testing.T) {
	for _, c := range []struct {
		area       string
		has, hasNo []string
	}{
		{"LS1", []string{"LS1 4AP", "ls14ap", "LS1", " Ls1  4ap ", "LS"}, []string{"LS10 1AA", "LS11AAA", "LS2 1AA", "S1 4AP", "BD1 4AP", "L", ""}},
		{"ls1 4ap", []string{"LS1 1AA", "LS1", "LS"}, []string{"LS14 1AP", "LS10 4AP"}},
		{"LS14AP", []string{"LS1 1AA", "LS1", "LS"}, []string{"LS14 1AP"}}, // without a blank the last three are the inward code
		{"LS1 4", []string{"LS1 4AP", "LS1 4", "LS1", "LS"}, []string{"LS1 5AP", "LS14 1AA", "LS2 4AP"}},
		{"LS", []string{"LS1 4AP", "LS29 8AB", "LS"}, []string{"L1 1AA", "L", "BD1 4AP"}},
		{"W1", []string{"W1A 1AA", "W1 1AA", "W"}, []string{"W11 1AA", "W2 1AA"}},
		{"W1A", []string{"W1A 1AA", "W1", "W"}, []string{"W1B 1AA", "W1 1AA"}},
		{"1012", []string{"1012 AB", "1012"}, []string{"10121", "1013 AB"}},
		{"75001", []string{"75001"}, []string{"75", "75002", "7500"}},
		{"", nil, []string{"LS1 4AP", ""}},
		{"  ", nil, []string{"LS1 4AP", ""}},
	} {
		q := search.Query{Type: "Location", All: []search.Any{search.InPostalArea(c.area)}}
		for _, code := range c.has {
			if !search.Match(q, located(t, code)) {
				t.Errorf("%q is not in %q", code, c.area)
			}
		}
		for _, code := range c.hasNo {
			if search.Match(q, located(t, code)) {
				t.Errorf("%q is in %q", code, c.area)
			}
		}
	}
}

// TestPostalAreasAreStamped: a store of before is told by it. Whoever changes the entries changes areaStamp, and this text with it.
func TestPostalAreasAreStamped(t *testing.T) {
	if stamp := mustRules(t).Stamps()["Location"]["_area"]; stamp != "bacaad9932c8" {
		t.Errorf("the stamp is %q", stamp)
	}
	var of []string
	for _, e := range located(t, "EC1A 1BB").Entries.Terms {
		if strings.HasPrefix(e.Param, "_area") {
			of = append(of, e.Param+"="+e.Value)
		}
		if search.Owner(e.Param) != "_area" && strings.HasPrefix(e.Param, "_area") {
			t.Errorf("%s belongs to %s", e.Param, search.Owner(e.Param))
		}
	}
	if want := []string{"_area=EC", "_area=EC1", "_area=EC1A", "_area=EC1A 1", "_area=EC1A 1BB", "_area:whole=EC1A 1BB"}; !slices.Equal(of, want) {
		t.Errorf("the entries are %q, want %q", of, want)
	}
}
