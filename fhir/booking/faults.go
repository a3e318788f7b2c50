package booking

import (
	"fmt"

	"github.com/portico-health/portico/fhir"
)

// faults gathers everything that the rules of booking say against something.
type faults []fhir.Issue

// add tells a fault, and where it is.
func (f *faults) add(path, format string, args ...any) {
	*f = append(*f, fhir.Issue{Severity: fhir.Severe, Code: fhir.CodeBusinessRule, Detail: fmt.Sprintf(format, args...), Path: path})
}

// err is the Unprocessable error of all faults, nil where there are none.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &fhir.Error{Kind: fhir.Unprocessable, Issues: f}
}
