package search

import (
	"encoding/xml"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// writtenTypes are the primitive types whose values are words: not addresses, times, numbers or binary data.
var writtenTypes = []string{"string", "markdown", "code", "id"}

// everyText hands over each text below an element, in the order of the resource.
func everyText(below *r4.Element, o *fhir.Object, text func(string)) {
	for name, value := range o.All() {
		elem, typ := below.Child(strings.TrimPrefix(name, "_"))
		if elem == nil {
			continue
		}
		values, many := value.(fhir.Array)
		if !many {
			values = fhir.Array{value}
		}
		for _, v := range values {
			switch v := v.(type) {
			case string:
				if typ.Code == "xhtml" {
					text(plainText(v))
				} else if slices.Contains(writtenTypes, typ.Code) {
					text(v)
				}
			case *fhir.Object:
				if inside := descend(elem, typ, v); inside != nil {
					everyText(inside, v, text)
				}
			}
		}
	}
}

// descend is the element that knows the members of an object: of a value's type, of a contained resource's, or of a primitive type, where the
// object holds the extensions.
func descend(elem *r4.Element, typ *r4.TypeRef, o *fhir.Object) *r4.Element {
	if inside := elem.Descend(typ); inside != nil {
		return inside
	}
	known := r4.Lookup(typ.Code)
	if name := o.Text("resourceType"); name != "" {
		known = r4.Lookup(name)
	}
	if known == nil {
		return nil
	}
	return known.Root
}

// inline are the elements of a narrative that stand within a word (https://hl7.org/fhir/R4/narrative.html); any other one ends it.
var inline = []string{"a", "abbr", "acronym", "b", "big", "cite", "code", "dfn", "em", "font", "i", "kbd", "q", "samp", "small", "span", "strong", "sub", "sup", "tt", "var"}

// plainText is the text of XHTML without its tags, its entities decoded.
func plainText(xhtml string) string {
	d := xml.NewDecoder(strings.NewReader(xhtml))
	d.Strict, d.Entity = false, xml.HTMLEntity
	var b strings.Builder
	for {
		token, err := d.RawToken()
		if err != nil { // the end; a stored narrative is well-formed
			return b.String()
		}
		switch t := token.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.StartElement:
			breakAt(&b, t.Name.Local)
		case xml.EndElement:
			breakAt(&b, t.Name.Local)
		}
	}
}

func breakAt(b *strings.Builder, element string) {
	if !slices.Contains(inline, element) {
		b.WriteByte(' ')
	}
}
