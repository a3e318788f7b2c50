package validate

import (
	"strconv"
	"strings"

	"github.com/xeipuuv/gojsonschema"

	"github.com/portico-health/portico/fhir"
)

// The shape of an object is what its schema sees of it: its members, each with an exemplar instead of the value. An exemplar is of the
// same JSON type; that of an array has one item of each JSON type among the items. So the cost of a schema does not
// depend on what the values are (the library computes every number as a fraction, however long) nor on how many there are (it
// describes every faulty item in a kilobyte), and nothing is allocated.

// jsonType is one of the types of JSON, as a bit.
type jsonType uint8

const (
	jsonNull jsonType = 1 << iota
	jsonBoolean
	jsonString
	jsonNumber
	jsonArray
	jsonObject

	jsonTypes = 6
)

func typeOf(v any) jsonType {
	switch v.(type) {
	case bool:
		return jsonBoolean
	case string:
		return jsonString
	case fhir.Number:
		return jsonNumber
	case fhir.Array:
		return jsonArray
	case *fhir.Object:
		return jsonObject
	default:
		return jsonNull
	}
}

var scalars = [...]any{
	jsonNull: nil, jsonBoolean: true, jsonString: "", jsonNumber: fhir.Number("0"),
	jsonArray: []any{}, jsonObject: map[string]any{},
}

// arrays holds, for each set of types, an array with one item of each, in the order of the bits.
var arrays = func() (all [1 << jsonTypes]any) {
	for set := range all {
		items := []any{}
		for t := jsonType(1); t < 1<<jsonTypes; t <<= 1 {
			if jsonType(set)&t != 0 {
				items = append(items, scalars[t])
			}
		}
		all[set] = items
	}
	return all
}()

func exemplar(v any) any {
	items, ok := v.(fhir.Array)
	if !ok {
		return scalars[typeOf(v)]
	}
	var set jsonType
	for _, item := range items {
		set |= typeOf(item)
	}
	return arrays[set]
}

// verdict is what the schema of a structure refuses in an object: nil for nothing.
type verdict struct {
	missing map[string]bool   // members that are required
	refused map[string]string // members, with the reason in the library's words
}

// judge holds the shape of an object against the schema of its structure.
func (w *walk) judge(s *structure, o *fhir.Object) *verdict {
	if w.shape == nil {
		w.shape = make(map[string]any, 16)
	}
	clear(w.shape)
	most := 2*len(s.ordered) + 1 + maxIssues // what is beyond is unknown, and would not be told
	for name, value := range o.All() {
		if len(w.shape) == most {
			break
		}
		w.shape[name] = exemplar(value)
	}
	result, err := s.schema().Validate(gojsonschema.NewRawLoader(w.shape))
	if err != nil { // it is the loader's, and a raw loader has none
		w.fault(fhir.CodeException, "The structure could not be checked.")
		return nil
	}
	if result.Valid() {
		return nil
	}
	v := &verdict{missing: map[string]bool{}, refused: map[string]string{}}
	for _, e := range result.Errors() {
		v.add(e)
	}
	return v
}

func (v *verdict) add(e gojsonschema.ResultError) {
	name, _ := e.Details()["property"].(string)
	switch e.Type() {
	case "required":
		v.missing[name] = true
	case "additional_property_not_allowed":
		v.refused[name] = e.Description()
	default: // the context is "(root)/name" or "(root)/name/0"
		_, place, _ := strings.Cut(e.Context().String("/"), "/")
		name, _, _ = strings.Cut(place, "/")
		v.refused[name] = e.Description()
	}
}

// explain says why the schema refused a member, m, or m's underscore member. m is nil for a name that the structure does not know.
func (w *walk) explain(s *structure, m *member, name string, value any, reason string) {
	if m == nil {
		w.unknown(s, name)
		return
	}
	w.enter(m.element.Name)
	defer w.leave()
	before := len(w.report.faults)
	want, what := m.jsonType(), m.describeOne()
	if name != m.name {
		want, what = "object", "an object with the id or the extensions of a value"
	}
	items, isArray := value.(fhir.Array)
	switch {
	case value == nil:
		w.fault(fhir.CodeStructure, name+" is null. Leave a member out that has no value.")
	case isArray && len(items) == 0:
		w.fault(fhir.CodeStructure, name+" is an empty array. Leave a member out that has no value.")
	case isArray && !m.element.Repeats():
		w.fault(fhir.CodeStructure, name+" occurs at most once and is no array; it must be "+what+".")
	case !isArray && m.element.Repeats():
		w.fault(fhir.CodeStructure, name+" may occur several times and must be an array, also for one value, but it is "+fhir.Describe(value)+".")
	case !isArray:
		w.fault(fhir.CodeStructure, name+" must be "+what+", but it is "+fhir.Describe(value)+".")
	default:
		w.explainItems(m, name, want, what, items)
	}
	if len(w.report.faults) == before && !w.report.full() {
		w.fault(fhir.CodeStructure, reason+".")
	}
}

func (w *walk) explainItems(m *member, name, want, what string, items fhir.Array) {
	for i, item := range items {
		if w.report.full() {
			return
		}
		if isOf(item, want) || (item == nil && m.format != nil) {
			continue
		}
		w.item(i)
		w.fault(fhir.CodeStructure, name+"["+strconv.Itoa(i)+"] must be "+what+", but it is "+fhir.Describe(item)+".")
	}
}

func isOf(v any, name string) bool {
	switch typeOf(v) {
	case jsonBoolean:
		return name == "boolean"
	case jsonString:
		return name == "string"
	case jsonNumber:
		return name == "number"
	case jsonObject:
		return name == "object"
	default:
		return false
	}
}

// describe says what the member is in JSON: "a string (dateTime)", "an array of objects (HumanName)".
func (m *member) describe() string {
	if !m.element.Repeats() {
		return m.describeOne()
	}
	switch code := m.typ.Code; code {
	case "BackboneElement", "Element", m.jsonType():
		return "an array of " + m.jsonType() + "s"
	case "Resource":
		return "an array of objects (resources)"
	default:
		return "an array of " + m.jsonType() + "s (" + code + ")"
	}
}

// describeOne says what one value of the member is: "an object (HumanName)".
func (m *member) describeOne() string {
	switch code := m.typ.Code; code {
	case "BackboneElement", "Element", m.jsonType():
		return withArticle(m.jsonType())
	case "Resource":
		return "an object (a resource)"
	default:
		return withArticle(m.jsonType()) + " (" + code + ")"
	}
}
