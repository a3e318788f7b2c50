package search

import (
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// Since is our own parameter _since of a search: what was last updated at an instant or later, _lastUpdated=ge. R4 has it for histories.
const Since = "_since"

// sinceDays is how many days, counted in UTC, _since goes back: what clients who follow changes need.
const sinceDays = 90

// since is the parameter Since. It has no entries: the version itself answers.
type since struct{}

func (since) stamp() string { return "" }

func (since) index(place) sink { return nil }

func (since) modifiers() []string { return nil }

func (since) always() bool { return true }

func (since) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		t, err := fhir.ParseDateTime(RepairPlus(unescape(v)))
		if err != nil {
			return nil, fhir.AsError(err)
		}
		const day = 24 * time.Hour
		earliest := fhir.InstantOf(c.now.Time().Truncate(day).Add(-sinceDays * day))
		if t.Interval().Low < earliest {
			return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue,
				"%s is too long ago: _since goes back %d days, to %s. What was updated before is found by _lastUpdated=ge%s.", fhir.Quote(v), sinceDays, earliest.Time().Format(time.DateOnly), unescape(v))
		}
		var tests []Test
		for _, w := range comparisons["ge"](t.Interval(), c.now) {
			w.Param = LastUpdated
			tests = append(tests, w)
		}
		return tests, nil
	})
}

// sinceDefinition says what the parameter means.
var sinceDefinition = Definition{
	Bases: []string{"Resource"}, about: "Finds what was last updated at an instant or later. It goes back 90 days at most.",
	SearchParam: r4.SearchParam{Code: Since, Type: "date", URL: fhir.OwnURL + "SearchParameter/Resource-since", Expression: "Resource.meta.lastUpdated"},
}

// sinceParam is the parameter of every type.
func sinceParam() *param {
	return &param{
		Param: Param{Name: Since, Type: sinceDefinition.Type, Definition: sinceDefinition.URL, Modifiers: []string{"missing"}},
		kind:  since{},
	}
}
