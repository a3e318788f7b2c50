package validate

import "github.com/xeipuuv/gojsonschema"

// compile makes the JSON Schema (draft 7) of one structure: which members there may be, which there must be, of which JSON type each
// is and whether it is an array. Nothing else is allowed. Values that have a structure of their own are objects here and no more;
// the walk takes each of them to its own schema.
//
// The schema says nothing of which choice is taken, of codes and of the form of texts and numbers: one branch for each of the fifty
// types of Extension.value[x], an enum, a pattern cost more than all the rest, and the walk tells them in better words.
func compile(s *structure) *gojsonschema.Schema {
	compiled, err := gojsonschema.NewSchema(gojsonschema.NewGoLoader(schemaOf(s)))
	if err != nil {
		panic("validate: the schema of " + s.title + " is no schema: " + err.Error()) // the tables are at fault; a test compiles all
	}
	return compiled
}

func schemaOf(s *structure) map[string]any {
	properties := make(map[string]any, 2*len(s.ordered)+1)
	required := []string{}
	if s.resource {
		properties["resourceType"] = ofType("string")
		required = append(required, "resourceType")
	}
	for _, m := range s.ordered {
		properties[m.name] = m.schema(m.jsonType())
		if m.hasSibling() {
			properties["_"+m.name] = m.schema("object")
		}
		if m.element.Min > 0 && !m.element.Choice {
			required = append(required, m.name)
		}
	}
	return map[string]any{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"type":                 "object",
		"properties":           properties,
		"required":             required,
		"additionalProperties": false,
	}
}

// schema is that of the member, or of its underscore member, whose values are of a JSON type. The values of a repeating
// primitive and the objects of its underscore member stand in two arrays, which null fills up
// (https://hl7.org/fhir/R4/json.html#primitive).
func (m *member) schema(jsonType string) map[string]any {
	if !m.element.Repeats() {
		return ofType(jsonType)
	}
	items := ofType(jsonType)
	if m.format != nil {
		items = map[string]any{"type": []string{jsonType, "null"}}
	}
	return map[string]any{"type": "array", "minItems": 1, "items": items}
}

func ofType(name string) map[string]any { return map[string]any{"type": name} }

func (m *member) jsonType() string {
	if m.format != nil {
		return m.format.json
	}
	return "object"
}

// hasSibling says whether there may be a member of the same name with an underscore: a primitive's id and extensions.
func (m *member) hasSibling() bool { return m.format != nil && !m.bare }
