package search

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// String says in words what a clause asks of a resource, for the operator who wants to know how a search was understood. It may hold personal data, as the
// search does.
func (a Any) String() string {
	switch len(a) {
	case 0:
		return "nothing satisfies this"
	case 1:
		return describeTest(a[0])
	}
	all := make([]string, len(a))
	for i, t := range a {
		all[i] = describeTest(t)
	}
	return strings.Join(all, ", or ")
}

func describeTest(t Test) string {
	switch t := t.(type) {
	case Equal:
		if name, ok := missingOf(t.Param); ok {
			return name + " has no value to sort by"
		}
		return t.Param + " is " + strconv.Quote(t.Value)
	case StartsWith:
		return "a text of " + t.Param + " begins with " + strconv.Quote(t.Folded)
	case Contains:
		return "a text of " + t.Param + " contains " + strconv.Quote(t.Folded)
	case EndsWith:
		return "a text of " + t.Param + " ends with " + strconv.Quote(t.Folded)
	case Whole:
		return "a text of " + t.Param + " is " + strconv.Quote(t.Folded)
	case Exactly:
		return "a text of " + t.Param + " is exactly " + strconv.Quote(t.Exact)
	case Within:
		return describeBounds(t.Param, moments(t.LowFrom, t.LowTo), moments(t.HighFrom, t.HighTo))
	case Between:
		return describeBounds(t.Param, places(t.LowFrom, t.LowTo), places(t.HighFrom, t.HighTo))
	case Near:
		return fmt.Sprintf("%s is at most %.0f m from %v, %v", t.Param, t.Metres, t.Latitude, t.Longitude)
	case Missing:
		if t.Absent {
			return t.Param + " is missing"
		}
		return t.Param + " is there"
	case Not:
		return "not (" + t.Any.String() + ")"
	case Every:
		return "(" + describeAll(t) + ")"
	case Refers:
		return t.Param + " refers to " + t.To.String()
	case ReferredBy:
		return t.From.String() + " refers to it by " + t.Param
	default:
		return fmt.Sprintf("%T", t)
	}
}

// String says in words what is selected.
func (s Selection) String() string {
	if len(s.All) == 0 {
		return "any " + s.Type
	}
	return "a " + s.Type + " (" + describeAll(s.All) + ")"
}

// describeAll joins clauses.
func describeAll(all []Any) string {
	if len(all) == 0 {
		return "everything satisfies this"
	}
	parts := make([]string, len(all))
	for i, a := range all {
		parts[i] = a.String()
	}
	return strings.Join(parts, ", and ")
}

// describeBounds says where a value that has a beginning and an end may lie; an open bound is "".
func describeBounds(param, low, high string) string {
	switch {
	case low == "" && high == "":
		return "a value of " + param + " lies anywhere"
	case high == "":
		return "a value of " + param + " begins " + low
	case low == "":
		return "a value of " + param + " ends " + high
	default:
		return "a value of " + param + " begins " + low + " and ends " + high
	}
}

// moments writes bounds in time, both included.
func moments(from, to fhir.Instant) string {
	switch {
	case from == fhir.Beginning && to == fhir.End:
		return ""
	case to == fhir.End:
		return "at " + from.String() + " or later"
	case from == fhir.Beginning:
		return "at " + to.String() + " or earlier"
	default:
		return "from " + from.String() + " to " + to.String()
	}
}

// places writes bounds in an order byte by byte, the upper one not included.
func places(from, to string) string {
	switch {
	case from == First && to == Last:
		return ""
	case to == Last:
		return "at " + strconv.Quote(from) + " or behind"
	case from == First:
		return "before " + strconv.Quote(to)
	default:
		return "from " + strconv.Quote(from) + " to before " + strconv.Quote(to)
	}
}

// String says by what a key orders.
func (k SortKey) String() string {
	if k.Descending {
		return k.Param + ", descending"
	}
	return k.Param + ", ascending"
}

// Streams says whether an index has the order of the key, so that pages are read from it; by another the matches are gathered and sorted.
func (k SortKey) Streams() bool {
	return k.Param == ID || k.Param == LastUpdated || k.By == ByTime || k.By == ByOrder
}
