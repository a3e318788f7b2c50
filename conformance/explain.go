package conformance

import "github.com/portico-health/portico/fhir"

// explanation is what $explain answers with.
var explanation = []operand{
	{"understood", "uri", 1, "1", "The search as it was understood, as in the self link of its answer.", nil},
	{"ignored", "OperationOutcome", 0, "1", "What was ignored, and why.", nil},
	{"page", "integer", 1, "1", "Matches that a page may have.", nil},
	{"budget", "integer", 1, "1", "How many resources and index entries may be looked at in vain for a page, of all types together, before the search is refused.", nil},
	{"gathered", "integer", 1, "1", "How many matches there may be where no index has their order, before the search is refused.", nil},
	{"type", "", 1, "*", "The search of each type, as if it were searched alone.", []operand{
		{"name", "code", 1, "1", "The type.", nil},
		{"clause", "", 0, "*", "What a match must satisfy; every clause.", []operand{
			{"text", "string", 1, "1", "In words.", nil},
			{"index", "boolean", 1, "1", "The index that the search begins with answers it.", nil},
			{"checked", "boolean", 1, "1", "It is looked at resource by resource.", nil},
		}},
		{"sort", "", 0, "*", "What the matches are sorted by. None is newest first.", []operand{
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

// explainOperation is the OperationDefinition of $explain.
func explainOperation() fhir.Resource {
	return operationDefinition(definition{
		code: "explain", name: "Explain", title: "How a search is understood, and what it costs",
		description: "The first page of the search is carried out, and only numbers of it are told. It is for the operator of the server.",
		system:      true,
		in:          []operand{{"url", "uri", 1, "1", "The search, relative to the base and percent-encoded: Appointment%3Fpatient%3DPatient%2F1.", nil}},
		out:         explanation,
	})
}
