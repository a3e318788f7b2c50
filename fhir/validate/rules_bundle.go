package validate

import "strings"

// bundleRules are those of the resources that carry others (https://hl7.org/fhir/R4/bundle.html).
var bundleRules = map[string]func(node) string{
	"bdl-1": func(n node) string {
		return must(!n.has("total") || n.is("type", "searchset", "history"), "Only a searchset or a history has a total")
	},
	"bdl-2": func(n node) string {
		return must(n.is("type", "searchset") || !n.anyEntry("search"), "Only the entries of a searchset have search")
	},
	"bdl-3": func(n node) string {
		asks := n.is("type", "batch", "transaction", "history")
		return must(n.everyEntry("request", asks), "Each entry of a batch, transaction or history has a request, and no entry of another Bundle")
	},
	"bdl-4": func(n node) string {
		answers := n.is("type", "batch-response", "transaction-response", "history")
		return must(n.everyEntry("response", answers), "Each entry of a response or a history has a response, and no entry of another Bundle")
	},
	"bdl-5": func(n node) string {
		return must(n.has("resource") || n.has("request") || n.has("response"), "An entry must have a resource, a request or a response")
	},
	"bdl-7": func(n node) string {
		return must(n.is("type", "history") || n.distinctURLs(), "A fullUrl with the same versionId may occur only once")
	},
	"bdl-8": func(n node) string {
		return must(!strings.Contains(n.Text("fullUrl"), "/_history/"), "A fullUrl names no version")
	},
	"bdl-9": func(n node) string {
		identifier := n.Object.Object("identifier")
		return must(!n.is("type", "document") || (has(identifier, "system") && has(identifier, "value")), "A document must have an identifier with system and value")
	},
	"bdl-10": func(n node) string {
		return must(!n.is("type", "document") || n.Text("timestamp") != "", "A document must have a timestamp")
	},
	"bdl-11": func(n node) string {
		return must(!n.is("type", "document") || n.beginsWith("Composition"), "A document must begin with a Composition")
	},
	"bdl-12": func(n node) string {
		return must(!n.is("type", "message") || n.beginsWith("MessageHeader"), "A message must begin with a MessageHeader")
	},
	"Parameters inv-1": func(n node) string {
		value, resource := n.hasChoice("value"), n.has("resource")
		if n.has("part") {
			return must(!value && !resource, "A parameter with parts has neither a value nor a resource")
		}
		return must(value != resource, "A parameter has either a value, a resource or parts")
	},
}

func (n node) anyEntry(name string) bool {
	for _, entry := range n.Objects("entry") {
		if has(entry, name) {
			return true
		}
	}
	return false
}

func (n node) everyEntry(name string, demanded bool) bool {
	for _, entry := range n.Objects("entry") {
		if has(entry, name) != demanded {
			return false
		}
	}
	return true
}

func (n node) distinctURLs() bool {
	seen := map[string]bool{}
	for _, entry := range n.Objects("entry") {
		url := entry.Text("fullUrl")
		if url == "" {
			continue
		}
		url += " " + entry.Object("resource").Object("meta").Text("versionId")
		if seen[url] {
			return false
		}
		seen[url] = true
	}
	return true
}

// beginsWith says of what type the first entry's resource is.
func (n node) beginsWith(resourceType string) bool {
	for _, entry := range n.Objects("entry") {
		return entry.Object("resource").Text("resourceType") == resourceType
	}
	return false
}
