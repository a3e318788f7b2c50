package search

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// A number is compared as it is written, exactly (https://hl7.org/fhir/R4/search.html#number). In a search without a prefix, or with eq and ne, it means
// what rounds to it at its precision, and with ap a tenth more or less, at least what rounds to it; with the other prefixes it is exact. A number of a resource is a point,
// a Range its stretch, open where it has no end.
type number struct {
	name string
}

// The ends of a stretch that has none.
const (
	lowest  = string(gap)
	highest = string(closing)
)

func (n *number) stamp() string { return "number 1" }

func (n *number) index(at place) sink {
	switch at.code() {
	case "decimal", "integer", "positiveInt", "unsignedInt":
		return func(x *extraction, v any) {
			d, ok := numberIn(v)
			if !ok {
				x.nameless(n.name)
				return
			}
			x.ordered(n.name, d.at(), d.at())
		}
	case "Range":
		return func(x *extraction, v any) {
			o, _ := v.(*fhir.Object)
			low, high, ok := stretch(o)
			if !ok {
				x.nameless(n.name)
				return
			}
			x.ordered(n.name, low, high)
		}
	}
	return nil
}

// numberIn reads a number of a resource.
func numberIn(v any) (decimal, bool) {
	text, ok := v.(fhir.Number)
	if !ok {
		return decimal{}, false
	}
	d, err := parseDecimal(string(text))
	return d, err == nil
}

// stretch are the ends of a Range, as forms; there is none where it has neither.
func stretch(o *fhir.Object) (low, high string, ok bool) {
	low, high = lowest, highest
	if v, has := valueOf(o.Object("low")); has {
		low, ok = v.at(), true
	}
	if v, has := valueOf(o.Object("high")); has {
		high, ok = v.at(), true
	}
	return low, high, ok
}

// valueOf reads the number of a Quantity.
func valueOf(o *fhir.Object) (decimal, bool) {
	v, _ := o.Get("value")
	return numberIn(v)
}

// ordered leaves an Ordered.
func (x *extraction) ordered(param, low, high string) {
	x.out.Ordereds = append(x.out.Ordereds, Ordered{param, low, high})
}

func (n *number) always() bool { return false }

func (n *number) modifiers() []string { return nil }

func (n *number) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		between, err := compared(v, unescape(v))
		if err != nil {
			return nil, err
		}
		var tests []Test
		for _, b := range between {
			b.Param = n.name
			tests = append(tests, b)
		}
		return tests, nil
	})
}

// compared reads a prefix with its number, of a value that is told in errors.
func compared(value, text string) ([]Between, *fhir.Error) {
	prefix, rest := cutPrefix(text)
	compare := magnitudes[prefix]
	if compare == nil {
		return nil, unknownPrefix(value, prefix)
	}
	if tooLong(rest) {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeTooLong,
			"%s is too long: a number has at most %d significant digits here, in at most %d characters; very small and very large ones are written with an exponent, as in 1e-40.", fhir.Quote(value), fhir.MaxDigits, maxNumber)
	}
	d, err := parseDecimal(repairExponent(rest))
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue,
			"%s has no number: write digits with or without a point and an exponent, behind a prefix if need be, as in 5.4, -1e2 or lt100.", fhir.Quote(value))
	}
	return compare(d), nil
}

// maxNumber bounds, in bytes, what is read as a number of a search.
const maxNumber = 128

// tooLong says whether a number of a search has more digits than any that is kept, or is long otherwise.
func tooLong(text string) bool {
	if len(text) > maxNumber {
		return true
	}
	mantissa := text
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
	}
	digits := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, mantissa)
	return len(strings.TrimLeft(digits, "0")) > fhir.MaxDigits
}

// repairExponent puts back the plus sign of an exponent that was not percent-encoded in a query and so has become a space.
func repairExponent(v string) string {
	return strings.Replace(strings.Replace(v, "e ", "e+", 1), "E ", "E+", 1)
}

// magnitudes are the prefixes (https://hl7.org/fhir/R4/search.html#prefix): each gives the tests on the stretch in the resource, one of which must hold, for
// the number in the search.
var magnitudes = map[string]func(decimal) []Between{
	"eq": func(d decimal) []Between {
		low, high := d.rounded()
		return []Between{{LowFrom: low.at(), LowTo: high.at(), HighFrom: low.at(), HighTo: high.at()}}
	},
	"ne": func(d decimal) []Between {
		low, high := d.rounded()
		return []Between{lowBelow(low.at()), highFrom(high.at())}
	},
	"gt": func(d decimal) []Between { return []Between{highFrom(d.above())} },
	"ge": func(d decimal) []Between { return []Between{highFrom(d.at())} },
	"lt": func(d decimal) []Between { return []Between{lowBelow(d.at())} },
	"le": func(d decimal) []Between { return []Between{lowBelow(d.above())} },
	"sa": func(d decimal) []Between {
		return []Between{{LowFrom: d.above(), LowTo: Last, HighFrom: d.above(), HighTo: Last}}
	},
	"eb": func(d decimal) []Between {
		return []Between{{LowFrom: First, LowTo: d.at(), HighFrom: First, HighTo: d.at()}}
	},
	"ap": func(d decimal) []Between {
		low, high := d.about()
		return []Between{{LowFrom: First, LowTo: high.above(), HighFrom: low.at(), HighTo: Last}}
	},
}

// lowBelow holds for what begins before a bound.
func lowBelow(bound string) Between {
	return Between{LowFrom: First, LowTo: bound, HighFrom: First, HighTo: Last}
}

// highFrom holds for what ends at a bound or behind it.
func highFrom(bound string) Between {
	return Between{LowFrom: First, LowTo: Last, HighFrom: bound, HighTo: Last}
}
