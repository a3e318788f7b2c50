package search

import (
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// What a reference points at may stand in the same resource, below "contained" (https://hl7.org/fhir/R4/references.html#contained). "Chained
// parameters are evaluated inside contained resources" (https://hl7.org/fhir/R4/search.html#contained): its entries are left with the
// container's, under the names by which a chain leads to them, "patient.Patient.name".
//
// Of several contained resources that one parameter points at the entries stand beside each other. What is made of one entry is found in one of them; what is
// made of several at once (an Every: words of _text that must all be there, a string with :exact) may be found in several of them together, and what asks for
// absence (:not, :missing=true) speaks of all of them.

// containedVersion is raised by whoever changes which entries a container has of what it contains; the limits below are among that.
const containedVersion = 2

// How far contained resources are followed. What is beyond is not found by a chain.
const (
	containedDepth   = 3     // references from one contained resource to the next
	containedCount   = 64    // contained resources of one container, each under each of the names that lead to it
	containedEntries = 4_096 // entries of all of them
)

// pointer is a reference by a parameter to a contained resource.
type pointer struct{ param, id string }

// point notes a reference by a parameter to a contained resource: once, as many as are followed at most, and where a chain may ask for it.
func (x *extraction) point(r *reference, id string) {
	if x.plain || len(x.inside) == containedCount {
		return
	}
	typ := x.containedType(id)
	at := pointer{r.name, id}
	if x.rules.types[typ] != nil && (r.targets == nil || slices.Contains(r.targets, typ)) && !slices.Contains(x.inside, at) {
		x.inside = append(x.inside, at)
	}
}

// inner is a contained resource under a name that leads to it.
type inner struct {
	pointer
	prefix string // of the names of the resource that points at it
	depth  int
}

// containedResource finds a contained resource, nil where there is none of the id.
func (x *extraction) containedResource(id string) *fhir.Object {
	if x.contained == nil {
		x.contained = map[string]*fhir.Object{}
		for _, c := range x.root.Objects("contained") {
			if _, again := x.contained[c.Text("id")]; !again {
				x.contained[c.Text("id")] = c
			}
		}
	}
	return x.contained[id]
}

// follow adds the entries of the contained resources that are pointed at, the nearest first.
func (x *extraction) follow() {
	before := x.out.lengths()
	f := following{extraction: x, taken: make(map[string]*extraction)}
	f.reach(x.inside, "", 1)
	entries := 0
	for i := 0; i < len(f.queue); i++ {
		at := f.queue[i]
		within := f.take(at.id)
		if entries += within.out.count(); entries > containedEntries {
			break
		}
		prefix := at.prefix + at.param + "." + x.containedType(at.id) + "."
		x.term(prefix+ID, "#"+at.id)
		x.out.add(prefix, within.out)
		f.reach(within.inside, prefix, at.depth+1)
	}
	x.out.distinct(before)
}

// following is one run over the contained resources of a resource.
type following struct {
	*extraction
	queue []inner                // those that are followed, in their order
	taken map[string]*extraction // what was taken from each, by id: it is read once, whatever names lead to it
}

// reach puts what is pointed at behind the others that are followed.
func (f *following) reach(pointers []pointer, prefix string, depth int) {
	if depth > containedDepth {
		return
	}
	for _, p := range pointers {
		at := inner{p, prefix, depth}
		if len(f.queue) < containedCount && !slices.Contains(f.queue, at) {
			f.queue = append(f.queue, at)
		}
	}
}

// take makes the entries of a contained resource as if it were by itself.
func (f *following) take(id string) *extraction {
	if f.taken[id] == nil {
		within := &extraction{rules: f.rules, root: f.root, contained: f.contained}
		resource := f.containedResource(id)
		within.take(f.rules.types[resource.Text("resourceType")], resource)
		f.taken[id] = within
	}
	return f.taken[id]
}

// count is how many entries there are.
func (e *Entries) count() int {
	n := 0
	for _, length := range e.lengths() {
		n += length
	}
	return n
}

// add adds entries of a contained resource, with a prefix before the names of their parameters.
func (e *Entries) add(prefix string, of Entries) {
	for _, t := range of.Terms {
		e.Terms = append(e.Terms, Term{prefix + t.Param, t.Value})
	}
	for _, t := range of.Texts {
		e.Texts = append(e.Texts, Text{prefix + t.Param, t.Folded, t.Exact})
	}
	for _, r := range of.Ranges {
		e.Ranges = append(e.Ranges, Range{prefix + r.Param, r.Interval})
	}
	for _, o := range of.Ordereds {
		if !strings.HasSuffix(o.Param, orderMark) { // nothing is sorted by what it contains
			e.Ordereds = append(e.Ordereds, Ordered{prefix + o.Param, o.Low, o.High})
		}
	}
	for _, p := range of.Places {
		e.Places = append(e.Places, Place{prefix + p.Param, p.Point})
	}
}

// stampContained gives each reference parameter a second stamp, under its name and a dot: for the entries of what it points at within the same
// resource, which are made by the rules of the types that it may lead to.
func (r *Rules) stampContained() {
	rules := make(map[string]string, len(r.types)) // what the stamps of a type come to
	for typ, stamps := range r.stamps {
		rules[typ] = digest(6, "%v", stamps)
	}
	beyond := make(map[string][]string, len(r.types))
	for typ, t := range r.types {
		beyond[typ] = r.pointedAt(t)
	}
	everything := digestOfRules(rules)
	stampOf := func(found map[string]string) string {
		if len(found) == len(rules) { // so it is for most: some reference leads to any type
			return everything
		}
		return digestOfRules(found)
	}
	known := make(map[string]string) // most parameters have the targets of others
	for typ, t := range r.types {
		for _, p := range t.params {
			if !p.RefersTo("") {
				continue
			}
			targets := r.targets(p)
			key := strings.Join(targets, " ")
			if known[key] == "" {
				known[key] = stampOf(reachable(targets, beyond, rules))
			}
			r.stamps[typ][p.Name+"."] = known[key]
		}
	}
}

func digestOfRules(rules map[string]string) string {
	return digest(6, "contained %d %v", containedVersion, rules)
}

// pointedAt are the served types that the parameters of a type may point at.
func (r *Rules) pointedAt(t *typeRules) []string {
	var types []string
	for _, p := range t.params {
		if p.RefersTo("") && p.Targets == nil {
			return r.served
		}
		if p.RefersTo("") {
			types = append(types, r.targets(p)...)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// reachable are the rules of some types and of those that they lead to, as far as contained resources are followed.
func reachable(types []string, beyond map[string][]string, rules map[string]string) map[string]string {
	found := make(map[string]string, len(rules))
	fresh := func(types, all []string) []string {
		for _, typ := range types {
			if found[typ] == "" {
				found[typ] = rules[typ]
				all = append(all, typ)
			}
		}
		return all
	}
	types = fresh(types, nil)
	for range containedDepth - 1 {
		var next []string
		for _, typ := range types {
			if len(found) < len(rules) {
				next = fresh(beyond[typ], next)
			}
		}
		types = next
	}
	return found
}

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
	case Not:
		return true
	case Every:
		return !slices.ContainsFunc(t, func(clause Any) bool { return !slices.ContainsFunc(clause, seesAbsence) })
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
		if name, ok := missingOf(t.Param); ok { // of what is contained no Term tells it
			return Missing{c.prefix + name, true}
		}
		return Equal{c.prefix + t.Param, t.Value}
	case StartsWith:
		return StartsWith{c.prefix + t.Param, t.Folded}
	case Contains:
		return Contains{c.prefix + t.Param, t.Folded}
	case EndsWith:
		return EndsWith{c.prefix + t.Param, t.Folded}
	case Whole:
		return Whole{c.prefix + t.Param, t.Folded}
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
