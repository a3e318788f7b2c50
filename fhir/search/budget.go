package search

import (
	"fmt"

	"github.com/portico-health/portico/fhir"
)

// MaxRead bounds, in bytes, the names and values of a search, counted anew for each type that they are read for.
const MaxRead = 16 << 20

// budget is what the reading of one search has come to, over all of its parameters. It is charged while the search is read, and the reading ends where it is
// spent: a chain over all types multiplies its values long before anybody could count what was made of them.
type budget struct {
	names int  // parameters that were read, of all types that links may lead to; at most MaxTests
	tests int  // those that they came to; at most MaxTests
	read  *int // bytes that were read, for all types that are searched
	over  bool
}

func newBudget() *budget { return &budget{read: new(int)} }

// name charges a name that is read for one type, with the text of its values.
func (b *budget) name(whole, name, values string) *miss {
	b.names++
	*b.read += len(name) + len(values)
	switch {
	case b.names > MaxTests:
		return b.spent(fmt.Sprintf("%s may lead to more than %d parameters of other types, with those of the search before it. %s", fhir.Quote(whole), MaxTests, sayType))
	case *b.read > MaxRead:
		return b.spent(fmt.Sprintf("The search has so long texts, for so many types, that more than %d bytes are to be read. Search fewer types at once, by shorter values. %s", MaxRead, sayType))
	default:
		return nil
	}
}

// Ways to ask for less.
const (
	sayType  = "Say which type is meant, as in subject:Patient.name."
	sayIDs   = "Write ids with their type (Patient/1)."
	sayCodes = "Give the codes that are looked for themselves, not a set of many."
	sayFewer = "Ask for fewer values, in several searches."
)

// charge charges tests; advice is how there would be fewer.
func (b *budget) charge(tests int, advice string) *miss {
	if b.tests += tests; b.tests > MaxTests {
		return b.spent(fmt.Sprintf("The search comes to more than %d comparisons; at most so many are made. %s", MaxTests, advice))
	}
	return nil
}

func (b *budget) spent(why string) *miss {
	b.over = true
	return wrong(fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "%s", why))
}

// advice is how a criterion of a parameter comes to fewer tests.
func (p *param) advice(modifier string) string {
	switch {
	case modifier == "in" || modifier == "not-in":
		return sayCodes
	case p.Type == "reference" && modifier == "":
		return sayIDs
	default:
		return sayFewer
	}
}

// countTests counts the tests of clauses, with those within them.
func countTests(all []Any) int {
	n := 0
	for _, clause := range all {
		n += len(clause)
		for _, t := range clause {
			switch t := t.(type) {
			case Not:
				n += countTests([]Any{t.Any})
			case Every:
				n += countTests(t)
			case Refers:
				n += countTests(t.To.All)
			case ReferredBy:
				n += countTests(t.From.All)
			}
		}
	}
	return n
}
