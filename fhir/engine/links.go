package engine

import (
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// linkKind says what kind of element holds a link.
type linkKind uint8

const (
	linkURL       linkKind = iota // a uri or url
	linkReference                 // Reference.reference
	linkNarrative                 // Narrative.div, with any number of links in it
)

// linkPlace is an element that can hold a link, and its value.
type linkPlace struct {
	kind linkKind
	text string
	path []linkStep

	object *fhir.Object // that holds the element, or the array of which it is an item
	name   string
	array  fhir.Array // nil where the element does not repeat
	index  int
}

// set puts another text into the element.
func (p linkPlace) set(text string) {
	if p.array != nil {
		p.array[p.index] = text
		return
	}
	p.object.Set(p.name, text)
}

// linkStep is a step on the way to an element; its index is -1 where it does not repeat.
type linkStep struct {
	name  string
	index int
}

// expression is the path of the element, as FHIRPath.
func (p linkPlace) expression() string {
	var b strings.Builder
	for i, s := range p.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
		if s.index >= 0 {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return b.String()
}

// linkWalk goes through the elements of a resource by their definitions, so that what merely looks like a link (the value of an
// Identifier, a display) is never taken for one.
type linkWalk struct {
	path  []linkStep
	visit func(linkPlace) // the path is only valid during the call
}

// Links are the links of a resource to others, as they are written: those that a transaction replaces where they name an entry of it. Of a narrative
// they are the addresses in it.
func Links(r fhir.Resource) []string {
	var links []string
	eachLink(r, func(p linkPlace) {
		if p.kind != linkNarrative {
			links = append(links, p.text)
			return
		}
		for _, l := range narrativeLinks(p.text) {
			links = append(links, l.url)
		}
	})
	return links
}

// eachLink visits every element of a resource that can hold a link to another resource, also below contained resources and extensions
// (https://hl7.org/fhir/R4/http.html#trules). These are Reference.reference, elements of the types uri and url, and the narrative. A uri
// by the name of url or system is left out: Coding.system and Identifier.system, Extension.url and the url of a conformance resource name
// a thing by its canonical URL, and "elements of type canonical are not replaced". So are elements of the types oid and uuid, which
// cannot hold the relative URL of a resource. A Bundle that is stored is left out altogether: in it, links mean its own entries.
func eachLink(r fhir.Resource, visit func(linkPlace)) {
	if r.Type() == "Bundle" {
		return
	}
	w := linkWalk{path: make([]linkStep, 0, 16), visit: visit}
	w.resource(linkStep{r.Type(), -1}, r.Root())
}

func (w *linkWalk) resource(at linkStep, o *fhir.Object) {
	if name := o.Text("resourceType"); r4.IsResource(name) {
		w.object(at, o, r4.Lookup(name).Root)
	}
}

func (w *linkWalk) object(at linkStep, o *fhir.Object, definition *r4.Element) {
	w.path = append(w.path, at)
	for name, value := range o.All() {
		plain, sibling := strings.CutPrefix(name, "_")
		element, typ := definition.Child(plain)
		if element == nil {
			continue
		}
		below := element.Descend(typ)
		if primitive := r4.Lookup(typ.Code); sibling && primitive != nil {
			below = primitive.Root
		}
		place := linkPlace{object: o, name: name}
		switch v := value.(type) {
		case string:
			place.text = v
			w.text(linkStep{element.Name, -1}, element, typ, place)
		case *fhir.Object:
			w.value(linkStep{element.Name, -1}, v, typ, below)
		case fhir.Array:
			for i, item := range v {
				switch item := item.(type) {
				case string:
					place.text, place.array, place.index = item, v, i
					w.text(linkStep{element.Name, i}, element, typ, place)
				case *fhir.Object:
					w.value(linkStep{element.Name, i}, item, typ, below)
				}
			}
		}
	}
	w.path = w.path[:len(w.path)-1]
}

// value goes on below an object.
func (w *linkWalk) value(at linkStep, o *fhir.Object, typ *r4.TypeRef, below *r4.Element) {
	switch {
	case typ.Code == "Resource":
		w.resource(at, o)
	case below != nil:
		w.object(at, o, below)
	}
}

// text visits a primitive value if it can hold a link.
func (w *linkWalk) text(at linkStep, element *r4.Element, typ *r4.TypeRef, place linkPlace) {
	switch {
	case element.Path == "Reference.reference":
		place.kind = linkReference
	case typ.Code == "xhtml":
		place.kind = linkNarrative
	case typ.Code == "url", typ.Code == "uri" && element.Name != "url" && element.Name != "system":
		place.kind = linkURL
	default:
		return
	}
	w.path = append(w.path, at)
	place.path = w.path
	w.visit(place)
	w.path = w.path[:len(w.path)-1]
}
