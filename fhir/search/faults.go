package search

import "github.com/portico-health/portico/fhir"

// maxIssues bounds the faults, and the warnings, that are told of one search: a query of some bytes for each must not
// make an answer of a sentence for each.
const maxIssues = 20

// join adds the issues of an error to those before; the first may be nil.
func join(all, next *fhir.Error) *fhir.Error {
	if all == nil {
		all = &fhir.Error{Kind: next.Kind, Err: next.Err}
	}
	all.Issues = tell(all.Issues, next.Issues...)
	return all
}

// tell adds issues up to maxIssues, and behind the last one a sentence that there are more.
func tell(told []fhir.Issue, more ...fhir.Issue) []fhir.Issue {
	for _, issue := range more {
		switch {
		case len(told) < maxIssues:
			told = append(told, issue)
		case len(told) == maxIssues:
			told = append(told, fhir.Issue{
				Severity: fhir.Information, Code: fhir.CodeInformational,
				Detail: "The list ends here: there is more of the kind in this search.",
			})
		}
	}
	return told
}
