package validate

import "strings"

// elementRules are what every element, extension and data type that names things has to keep.
var elementRules = map[string]func(node) string{
	// What holds an id alone says nothing. Primitives are seen to in sibling.
	"ele-1": func(n node) string {
		_, hasID := n.Get("id")
		return must(n.Len() > 1 || !hasID, "There is an id but neither a value nor another element")
	},
	"ext-1": func(n node) string {
		return must(n.has("extension") != n.hasChoice("value"), "An extension has either a value[x] or extensions: one of the two, and only one")
	},
	"ref-1": func(n node) string {
		id, local := strings.CutPrefix(n.Text("reference"), "#")
		return must(!local || n.scope.contained(id) != "", "The reference begins with #, but no contained resource has that id")
	},
	"att-1": func(n node) string {
		return must(!n.has("data") || n.has("contentType"), "An attachment with data must have a contentType")
	},
	"cpt-2": func(n node) string {
		return must(!n.has("value") || n.has("system"), "A contact point with a value must have a system")
	},
	"exp-1": func(n node) string {
		return must(n.has("expression") || n.has("reference"), "An Expression must have an expression or a reference")
	},
	"drq-1": pathOrParameter,
	"drq-2": pathOrParameter,
	"trd-1": func(n node) string {
		return must(!n.has("data") || !n.hasChoice("timing"), "A trigger has data or timing[x], not both")
	},
	"trd-2": func(n node) string {
		return must(!n.has("condition") || n.has("data"), "A trigger with a condition must have data")
	},
	"trd-3": func(n node) string {
		kind := n.Text("type")
		switch {
		case kind == "named-event" && !n.has("name"):
			return "A trigger of type named-event must have a name"
		case kind == "periodic" && !n.hasChoice("timing"):
			return "A trigger of type periodic must have timing[x]"
		default:
			return must(!strings.HasPrefix(kind, "data-") || n.has("data"), "A trigger of a type that begins with data- must have data")
		}
	},
}

func pathOrParameter(n node) string {
	return must(n.has("path") != n.has("searchParam"), "A filter has either a path or a searchParam")
}
