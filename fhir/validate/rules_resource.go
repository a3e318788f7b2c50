package validate

import (
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// resourceRules are those that every resource with a narrative keeps (https://hl7.org/fhir/R4/domainresource.html).
var resourceRules = map[string]func(node) string{
	"dom-6": func(n node) string {
		return must(has(n.Object.Object("text"), "div"), "The resource has no narrative; one is recommended, for people to read")
	},
}

// containedRules are stated by the resource around, about each resource that it contains. The container applies them when all its
// references are known.
var containedRules = []rule{
	{"dom-2", fhir.Severe, func(n node) string {
		return must(!n.has("contained"), "A contained resource may not contain resources itself")
	}},
	{"dom-3", fhir.Severe, func(n node) string {
		id := n.Text("id")
		if id == "" && !n.scope.upwards[n.Object] {
			return "A contained resource must have an id, so that the resource around it can refer to it, as in #a"
		}
		return must(n.scope.links[id] || n.scope.upwards[n.Object],
			"Nothing in the resource points at this contained resource, nor does it point at the resource around it with #")
	}},
	{"dom-4", fhir.Severe, func(n node) string {
		meta := n.Object.Object("meta")
		return must(!has(meta, "versionId") && !has(meta, "lastUpdated"),
			"A contained resource has no version of its own: leave out meta.versionId and meta.lastUpdated")
	}},
	{"dom-5", fhir.Severe, func(n node) string {
		return must(!has(n.Object.Object("meta"), "security"),
			"A contained resource has no meta.security: it shares that of the resource around it")
	}},
}

// contained holds the contained resources against the rules about them. That their ids differ is no invariant of R4 but a sentence
// (https://hl7.org/fhir/R4/references.html#contained).
func (w *walk) contained(o *fhir.Object) {
	places := map[string]int{}
	for i, c := range o.Objects("contained") {
		w.enter("contained")
		w.item(i)
		w.obey(containedRules, c)
		id := c.Text("id")
		if first, taken := places[id]; taken {
			w.fault(fhir.CodeInvariant, "contained["+strconv.Itoa(first)+"] has the id "+fhir.Quote(id)+", too: it could not be known which of them #"+clip(id)+" means. Give each an id of its own.")
		} else if id != "" {
			places[id] = i
		}
		w.leave()
	}
}
