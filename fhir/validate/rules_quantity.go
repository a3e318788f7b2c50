package validate

import (
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

const ucum = "http://unitsofmeasure.org"

// quantityRules are those of measured values.
var quantityRules = map[string]func(node) string{
	"qty-3": func(n node) string {
		return must(!n.has("code") || n.has("system"), "A quantity with a code must have the system of the code")
	},
	"sqty-1": func(n node) string {
		return must(!n.has("comparator"), "A comparator is not allowed here: the quantity must be exact")
	},
	"age-1": func(n node) string {
		value, ok := n.number("value")
		return must(n.codedInUCUM() && (!ok || compare(value, "0") > 0), "An age is greater than 0 and has a code of "+ucum)
	},
	"dis-1": func(n node) string {
		return must(n.codedInUCUM(), "A distance has a code of "+ucum)
	},
	"cnt-3": func(n node) string {
		value, _ := n.number("value")
		whole := !strings.Contains(value.String(), ".")
		return must(n.codedInUCUM() && (!n.has("code") || n.is("code", "1")) && whole, "A count is a whole number and has the code 1 of "+ucum)
	},
	"drt-1": func(n node) string {
		return must(!n.has("code") || (n.is("system", ucum) && n.has("value")), "A duration with a code must have a value and the system "+ucum)
	},
	"rng-2": func(n node) string {
		low, high := n.at("low"), n.at("high")
		from, hasLow := low.number("value")
		to, hasHigh := high.number("value")
		return must(!hasLow || !hasHigh || !low.sameUnit(high) || compare(from, to) <= 0, "low may not be greater than high")
	},
	"rat-1": func(n node) string {
		return must(n.has("numerator") == n.has("denominator") && (n.has("numerator") || n.has("extension")),
			"A ratio has both numerator and denominator, or neither and an extension")
	},
}

// codedInUCUM says what age-1, dis-1 and cnt-3 have in common.
func (n node) codedInUCUM() bool {
	return (n.has("code") || !n.has("value")) && (!n.has("system") || n.is("system", ucum))
}

// at is the node of an element that is an object.
func (n node) at(name string) node { return node{n.Object.Object(name), n.scope} }

// sameUnit says whether two quantities can be compared as they are.
func (n node) sameUnit(other node) bool {
	if n.Text("code") != "" || other.Text("code") != "" {
		return n.Text("code") == other.Text("code") && n.Text("system") == other.Text("system")
	}
	return n.Text("unit") == other.Text("unit")
}

// compare orders two numbers by value, without computing them: a short text can mean a number of six thousand digits.
func compare(a, b fhir.Number) int {
	x, y := scan(a), scan(b)
	switch {
	case x.sign != y.sign:
		return x.sign - y.sign
	case x.sign < 0:
		x, y = y, x
	}
	if x.magnitude != y.magnitude {
		return x.magnitude - y.magnitude
	}
	return strings.Compare(x.digits, y.digits)
}

// decimal is sign times 0.digits times ten to the power of magnitude; zero has no digits.
type decimal struct {
	sign      int
	digits    string // without zeros at either end
	magnitude int
}

func scan(n fhir.Number) decimal {
	text, negative := strings.CutPrefix(n.String(), "-")
	d := decimal{sign: 1}
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
		exponent, _ = strconv.Atoi(text[i+1:]) // the parser bounds it
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	d.magnitude = exponent + len(digits) - len(fraction)
	if d.digits = strings.TrimRight(digits, "0"); d.digits == "" {
		return decimal{}
	}
	if negative {
		d.sign = -1
	}
	return d
}
