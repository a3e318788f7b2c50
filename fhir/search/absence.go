package search

import "strings"

// Who sorts by a key comes at last to those that have no value of it, and has to know that there are none. For that, and for :missing=true, a resource
// without a value of a promised key (Rules.SortKeys) has the empty Term under an index name of its own, "birthdate:none". Of other parameters nothing
// tells it: it would cost a Term for each that a resource does not have.

// absentMark is behind the name of a parameter in the index of those that have no value of its promised order.
const absentMark = ":none"

// absenceStamp is the part of a stamp that says so. It is raised by whoever changes when a resource has such a Term.
const absenceStamp = "absent 1"

// absence leaves the Term of a resource that has no value of a parameter's order: nothing was added for it that such orders go by.
func (x *extraction) absence(p *param, before [5]int) {
	if p.absent != "" && len(x.out.Ranges) == before[2] && len(x.out.Ordereds) == before[3] {
		x.term(p.absent, "")
	}
}

// isMissing are the tests of :missing=true. A value that has no place in the order, a name of blanks alone, is one nevertheless; dates all
// have one.
func (p *param) isMissing() []Test {
	missing := Missing{p.Name, true}
	switch {
	case p.absent == "":
		return []Test{missing}
	case p.Type == "date":
		return []Test{Equal{p.absent, ""}}
	default:
		return []Test{Every{{Equal{p.absent, ""}}, {missing}}}
	}
}

// missingOf is the name of the parameter of which an index has those without a value.
func missingOf(index string) (name string, ok bool) { return strings.CutSuffix(index, absentMark) }
