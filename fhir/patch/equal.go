package patch

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// equal compares two values as a test does (https://www.rfc-editor.org/rfc/rfc6902#section-4.6): the order of members
// does not count, and numbers are compared by their value.
func equal(a, b any) bool {
	switch a := a.(type) {
	case *fhir.Object:
		b, ok := b.(*fhir.Object)
		return ok && sameMembers(a, b)
	case fhir.Array:
		b, ok := b.(fhir.Array)
		return ok && slices.EqualFunc(a, b, equal)
	case fhir.Number:
		b, ok := b.(fhir.Number)
		return ok && (a == b || decimalOf(a) == decimalOf(b))
	default:
		return a == b
	}
}

func sameMembers(a, b *fhir.Object) bool {
	if a.Len() != b.Len() {
		return false
	}
	members := make(map[string]any, b.Len()) // a hostile object is large
	for name, v := range b.All() {
		members[name] = v
	}
	for name, v := range a.All() {
		if other, ok := members[name]; !ok || !equal(v, other) {
			return false
		}
	}
	return true
}

// decimal is the value of a number, in the one form that it has: 10, 1.0e1 and 1E+1 are the digit 1 with the exponent 1.
// Zero is the zero decimal.
type decimal struct {
	negative bool
	digits   string // without zeros at its ends
	exponent int    // of the last digit
}

// decimalOf reads a number as ParseJSON lets it pass. No power of ten is worked out, for it may have thousands of digits.
func decimalOf(n fhir.Number) decimal {
	text, negative := strings.CutPrefix(string(n), "-")
	mantissa, power := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, power = text[:i], text[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return decimal{}
	}
	exponent, _ := strconv.Atoi(power) // "" is 0
	significant := strings.TrimRight(digits, "0")
	return decimal{negative, significant, exponent - len(fraction) + len(digits) - len(significant)}
}
