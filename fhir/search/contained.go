package search

// What a reference points at may stand in the same resource, below "contained" (https://hl7.org/fhir/R4/references.html#contained). "Chained
// parameters are evaluated inside contained resources" (https://hl7.org/fhir/R4/search.html#contained): its entries are left with the
// container's, under the names by which a chain leads to them, "patient.Patient.name".
//
// Of several contained resources that one parameter points at the entries stand beside each other. Each test is made of one
// entry, so that what is found has it in one of them; only what asks for absence (:not, :missing=true) speaks of all of them together.

// ofContained are the alternatives by which a chain from a parameter to a type finds what is contained: the tests at its end, under the names of the
// container.
func ofContained(param, typ string, inner Any) Any {
	at := container{prefix: param + "." + typ + "."}
	var clause Any
	for _, t := range at.any(inner) {
		if seesAbsence(t) {
			t = Every{{Missing{at.prefix + ID, false}}, {t}}
		}
		clause = append(clause, t)
	}
	return clause
}

// seesAbsence says whether a test may hold for a resource that has nothing of what it asks.
func seesAbsence(t Test) bool {
	switch t := t.(type) {
	case Not, Every:
		return true
	case Missing:
		return t.Absent
	default:
		return false
	}
}

// container says of a resource what tests say of one that it contains.
type container struct{ prefix string }

// any are those of the tests that may hold for a contained resource.
func (c container) any(tests Any) Any {
	var kept Any
	for _, t := range tests {
		if t = c.test(t); t != nil {
			kept = append(kept, t)
		}
	}
	return kept
}

// test is the test under the name of the container; nil where it holds for no contained resource: that has no id of its own to be found by, no instant of an
// update, and nothing else refers to it.
func (c container) test(t Test) Test {
	switch t := t.(type) {
	case Equal:
		if t.Param == ID {
			return nil
		}
		return Equal{c.prefix + t.Param, t.Value}
	case StartsWith:
		return StartsWith{c.prefix + t.Param, t.Folded}
	case Contains:
		return Contains{c.prefix + t.Param, t.Folded}
	case EndsWith:
		return EndsWith{c.prefix + t.Param, t.Folded}
	case Exactly:
		return Exactly{c.prefix + t.Param, t.Exact}
	case Within:
		if t.Param == LastUpdated {
			return nil
		}
		t.Param = c.prefix + t.Param
		return t
	case Between:
		t.Param = c.prefix + t.Param
		return t
	case Near:
		t.Param = c.prefix + t.Param
		return t
	case Missing:
		return Missing{c.prefix + t.Param, t.Absent}
	case Not:
		return Not{c.any(t.Any)}
	case Every:
		every := make(Every, len(t))
		for i, clause := range t {
			every[i] = c.any(clause)
		}
		return every
	case Refers:
		return Refers{c.prefix + t.Param, t.To}
	default: // ReferredBy
		return nil
	}
}
