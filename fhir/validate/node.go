package validate

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// node is what an invariant looks at: an object, and the resource around it.
type node struct {
	*fhir.Object
	scope *scope
}

// has says whether an element exists in the sense of FHIRPath: a primitive exists also by its extensions alone.
func (n node) has(name string) bool { return has(n.Object, name) }

func has(o *fhir.Object, name string) bool {
	for member := range o.All() {
		if member == name || (len(member) == len(name)+1 && member[0] == '_' && member[1:] == name) {
			return true
		}
	}
	return false
}

// hasChoice says whether an element of several types exists, in any of them.
func (n node) hasChoice(name string) bool {
	for member := range n.All() {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(member, "_"), name)
		if ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return true
		}
	}
	return false
}

// is says whether the text of an element is one of those given.
func (n node) is(name string, texts ...string) bool {
	text := n.Text(name)
	for _, t := range texts {
		if text == t {
			return true
		}
	}
	return false
}

// number is the number of an element.
func (n node) number(name string) (fhir.Number, bool) {
	v, _ := n.Get(name)
	number, ok := v.(fhir.Number)
	return number, ok
}

// must is a rule's answer: nothing when the condition holds.
func must(holds bool, sentence string) string {
	if holds {
		return ""
	}
	return sentence
}
