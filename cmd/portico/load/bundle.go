package load

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// links are the entries of a Bundle that others can refer to by fullUrl: "urn:uuid:…" -> "Patient/123".
type links map[string]string

// learn remembers an entry whose fullUrl means nothing outside of the Bundle.
func (l links) learn(entry *fhir.Object) {
	url := entry.Text("fullUrl")
	resource := entry.Object("resource")
	if isLocal(url) && resource != nil && fhir.ValidID(resource.Text("id")) {
		l[url] = fhir.NewResource(resource).Key().String()
	}
}

// isLocal says whether a URL names an entry of the same Bundle: https://hl7.org/fhir/R4/bundle.html#references
func isLocal(url string) bool {
	return strings.HasPrefix(url, "urn:uuid:") || strings.HasPrefix(url, "urn:oid:")
}

// follow replaces the local references below a value, and returns those that it does not know. Nil links leave everything as it is.
func (l links) follow(v any) (unknown []string) {
	if l == nil {
		return nil
	}
	switch v := v.(type) {
	case *fhir.Object:
		if to := v.Text("reference"); isLocal(to) {
			if l[to] == "" {
				return []string{to}
			}
			v.Set("reference", l[to])
		}
		for _, value := range v.All() {
			unknown = append(unknown, l.follow(value)...)
		}
	case fhir.Array:
		for _, item := range v {
			unknown = append(unknown, l.follow(item)...)
		}
	}
	return unknown
}

const isHistory = "A Bundle of type history has versions of the past, newest first; loading them would bring back old states."

// isWhole says whether Bundles of a type mean something as a whole: https://hl7.org/fhir/R4/http.html#transaction.
func isWhole(bundleType string) bool { return bundleType == "transaction" || bundleType == "batch" }

// bundle sends a Bundle in memory, whole or taken apart.
func (r *reader) bundle(at Place, resource fhir.Resource) bool {
	bundle := resource.Root()
	switch typ := bundle.Text("type"); {
	case typ == "history":
		return r.fault(at, isHistory)
	case r.whole && isWhole(typ):
		return r.send(unit{Place: at, resource: resource, whole: true})
	}
	known := links{}
	for _, entry := range bundle.Objects("entry") {
		known.learn(entry)
	}
	for i, entry := range bundle.Array("entry") {
		at.Entry = i + 1
		if !r.entry(at, entry, known) {
			return false
		}
	}
	return true
}

// entry sends the resource of one entry. What the server said about a search is left out.
func (r *reader) entry(at Place, value any, known links) bool {
	entry, ok := value.(*fhir.Object)
	if !ok {
		return r.fault(at, "An entry of a Bundle is an object, but this is "+fhir.Describe(value)+".")
	}
	if entry.Object("search").Text("mode") == "outcome" {
		return true
	}
	resource := entry.Object("resource")
	if resource == nil {
		return r.fault(at, noResource(entry))
	}
	if resource.Text("resourceType") == "" {
		return r.fault(at, `The resource does not say what it is: the member "resourceType" is missing.`)
	}
	return r.resource(at, fhir.NewResource(resource), known)
}

func noResource(entry *fhir.Object) string {
	request := entry.Object("request")
	if request == nil {
		return "The entry has no resource."
	}
	return "The entry has no resource, only the request " + fhir.Quote(request.Text("method")+" "+request.Text("url")) + "; it is carried out only where the Bundle is a transaction or batch that is posted whole (--transaction)."
}
