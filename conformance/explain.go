package conformance

import (
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// output is a parameter that an operation answers with.
type output struct {
	name, typ string
	min       int
	max       string
	means     string
	parts     []output
}

// explanation is what $explain answers with.
var explanation = []output{
	{"understood", "uri", 1, "1", "The search as it was understood, as in the self link of its answer.", nil},
	{"ignored", "OperationOutcome", 0, "1", "What was ignored, and why.", nil},
	{"page", "integer", 1, "1", "Matches that a page may have.", nil},
	{"budget", "integer", 1, "1", "How many resources and index entries may be looked at in vain for a page, of all types together, before the search is refused.", nil},
	{"gathered", "integer", 1, "1", "How many matches there may be where no index has their order, before the search is refused.", nil},
	{"type", "", 1, "*", "The search of each type, as if it were searched alone.", []output{
		{"name", "code", 1, "1", "The type.", nil},
		{"clause", "", 0, "*", "What a match must satisfy; every clause.", []output{
			{"text", "string", 1, "1", "In words.", nil},
			{"index", "boolean", 1, "1", "The index that the search begins with answers it.", nil},
			{"checked", "boolean", 1, "1", "It is looked at resource by resource.", nil},
		}},
		{"sort", "", 0, "*", "What the matches are sorted by. None is newest first.", []output{
			{"text", "string", 1, "1", "In words.", nil},
			{"streams", "boolean", 1, "1", "An index has this order, so that pages are read from it.", nil},
		}},
		{"index", "string", 1, "1", "What the search begins with.", nil},
		{"matches", "integer", 0, "1", "Resources that this index has for its clause, as far as they were counted.", nil},
		{"counted", "boolean", 0, "1", "That number is exact.", nil},
		{"ordered", "boolean", 1, "1", "This index has the matches in their order; otherwise they are fetched and sorted.", nil},
		{"found", "integer", 1, "1", "Matches on the first page.", nil},
		{"looked", "integer", 1, "1", "Resources and index entries that were looked at for it.", nil},
		{"refused", "boolean", 1, "1", "The search is refused, since it would pass the budget.", nil},
	}},
}

// explainOperation is the OperationDefinition of $explain (https://hl7.org/fhir/R4/operationdefinition.html).
func explainOperation() fhir.Resource {
	parameters := fhir.Array{parameterOf(output{"url", "uri", 1, "1", "The search, relative to the base and percent-encoded: Appointment%3Fpatient%3DPatient%2F1.", nil}, "in")}
	for _, o := range explanation {
		parameters = append(parameters, parameterOf(o, "out"))
	}
	return fhir.NewResource(fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "OperationDefinition"},
		fhir.Member{Name: "id", Value: "explain"},
		fhir.Member{Name: "url", Value: ExplainDefinition},
		fhir.Member{Name: "name", Value: "Explain"},
		fhir.Member{Name: "title", Value: "How a search is understood, and what it costs"},
		fhir.Member{Name: "status", Value: "active"},
		fhir.Member{Name: "kind", Value: "operation"},
		fhir.Member{Name: "description", Value: "The first page of the search is carried out, and only numbers of it are told. It is for the operator of the server."},
		fhir.Member{Name: "affectsState", Value: false},
		fhir.Member{Name: "code", Value: "explain"},
		fhir.Member{Name: "system", Value: true},
		fhir.Member{Name: "type", Value: false},
		fhir.Member{Name: "instance", Value: false},
		fhir.Member{Name: "parameter", Value: parameters},
	))
}

// parameterOf writes an OperationDefinition.parameter.
func parameterOf(o output, use string) *fhir.Object {
	p := fhir.NewObject(
		fhir.Member{Name: "name", Value: o.name},
		fhir.Member{Name: "use", Value: use},
		fhir.Member{Name: "min", Value: fhir.Number(strconv.Itoa(o.min))},
		fhir.Member{Name: "max", Value: o.max},
		fhir.Member{Name: "documentation", Value: o.means},
	)
	if o.typ != "" {
		p.Set("type", o.typ)
	}
	var parts fhir.Array
	for _, part := range o.parts {
		parts = append(parts, parameterOf(part, use))
	}
	if parts != nil {
		p.Set("part", parts)
	}
	return p
}
