package search

import "github.com/portico-health/portico/fhir"

// A quantity is a number with its unit (https://hl7.org/fhir/R4/search.html#quantity): [prefix][number]|[system]|[code]. Its number alone is an Ordered of the
// parameter; for searches with a unit there are Ordereds of an index of its own, in which "system|code|", "|code|" and "|unit|" stand before the number, so that a
// unit and a stretch of numbers are one Between. Units are compared as they are written: nothing is converted.
//
// A comparator makes a quantity open: "<5" is all below 5. A Range is its stretch; a sum of money has its currency as the unit. Of SampledData nothing is compared:
// only :missing sees it.
type quantity struct {
	name string
}

// currencies is the system of the codes of currencies.
const currencies = "urn:iso:std:iso:4217"

func (q *quantity) stamp() string { return "quantity 1" }

func (q *quantity) index(at place) sink {
	switch {
	case at.is("Quantity"):
		return func(x *extraction, v any) {
			o, _ := v.(*fhir.Object)
			low, high, ok := measured(o)
			q.leave(x, low, high, ok, unitsOf(o))
		}
	case at.is("Money"):
		return func(x *extraction, v any) {
			o, _ := v.(*fhir.Object)
			low, high, ok := measured(o)
			q.leave(x, low, high, ok, units{system: currencies, code: o.Text("currency")})
		}
	case at.is("Range"):
		return func(x *extraction, v any) {
			o, _ := v.(*fhir.Object)
			low, high, ok := stretch(o)
			u := unitsOf(o.Object("low"))
			if u == (units{}) {
				u = unitsOf(o.Object("high"))
			}
			q.leave(x, low, high, ok, u)
		}
	case at.is("SampledData"):
		return func(x *extraction, _ any) { x.nameless(q.name) }
	}
	return nil
}

// measured are the ends of a Quantity, as forms, by its comparator.
func measured(o *fhir.Object) (low, high string, ok bool) {
	d, ok := valueOf(o)
	if !ok {
		return "", "", false
	}
	switch o.Text("comparator") {
	case "<":
		return lowest, d.below(), true
	case "<=":
		return lowest, d.at(), true
	case ">=":
		return d.at(), highest, true
	case ">":
		return d.above(), highest, true
	default:
		return d.at(), d.at(), true
	}
}

// units are what a quantity is counted in.
type units struct{ system, code, unit string }

func unitsOf(o *fhir.Object) units {
	return units{system: o.Text("system"), code: o.Text("code"), unit: o.Text("unit")}
}

// scopes are what stands before the number for each way to ask for the unit.
func (u units) scopes() []string {
	var scopes []string
	add := func(system, code string) {
		if scope := unitScope(system, code); code != "" && len(scope) <= maxScope {
			scopes = append(scopes, scope)
		}
	}
	if u.system != "" {
		add(u.system, u.code)
	}
	add("", u.code)
	if u.unit != u.code {
		add("", u.unit)
	}
	return scopes
}

func unitScope(system, code string) string {
	return escapeToken(system) + "|" + escapeToken(code) + "|"
}

// leave leaves the entries of one quantity.
func (q *quantity) leave(x *extraction, low, high string, ok bool, u units) {
	if !ok {
		x.nameless(q.name)
		return
	}
	x.ordered(q.name, low, high)
	for _, scope := range u.scopes() {
		x.ordered(q.withUnit(), scope+low, scope+high)
	}
}

// withUnit is the index of the numbers that their unit stands before.
func (q *quantity) withUnit() string { return q.name + "|" }

func (q *quantity) always() bool { return false }

func (q *quantity) modifiers() []string { return nil }

func (q *quantity) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		parts := splitAt(v, '|')
		between, err := compared(v, parts[0])
		if err != nil {
			return nil, err
		}
		bare := len(parts) == 1 || len(parts) == 3 && parts[1] == "" && parts[2] == ""
		if !bare && (len(parts) != 3 || parts[2] == "") {
			return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue,
				"%s is no quantity: write the number alone (5.4), with the code or text of its unit (5.4||mg), or with system and code (5.4|http://unitsofmeasure.org|mg).", fhir.Quote(v))
		}
		var tests []Test
		for _, b := range between {
			if b.Param = q.name; !bare {
				scope := unitScope(parts[1], parts[2])
				if len(scope) > maxScope {
					return nil, nil // of so long a unit there are no entries
				}
				b = b.behind(q.withUnit(), scope)
			}
			tests = append(tests, b)
		}
		return tests, nil
	})
}
