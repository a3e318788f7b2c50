package validate

import (
	"cmp"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
)

// TestCompareAgreesWithFractions: the order of numbers is that of the library's exact fractions.
func TestCompareAgreesWithFractions(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,4})?([eE][+-]?[0-4])?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if got := cmp.Compare(compare(fhir.Number(a), fhir.Number(b)), 0); got != x.Cmp(y) {
			t.Fatalf("compare(%s, %s) = %d, want %d", a, b, got, x.Cmp(y))
		}
	})
}

func TestNearest(t *testing.T) {
	words := []string{"birthDate", "gender", "name", "deceasedBoolean", "id"}
	for word, want := range map[string]string{
		"birthdate": "birthDate", "birtDate": "birthDate", "brithDate": "birthDate", "birthDates": "birthDate",
		"gendr": "gender", "nmae": "name", "NAME": "name", "names": "name", "mane": "", "x": "", "": "", "ix": "",
	} {
		if got := nearest(word, words); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
