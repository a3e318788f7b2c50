package validate

import (
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// step is one step of the way from the root to the value in hand: the name of an element and, within an array, the index.
type step struct {
	name  string
	index int // -1 outside of an array
}

// enter goes down to an element of the value in hand.
func (w *walk) enter(name string) { w.path = append(w.path, step{name, -1}) }

// item turns to one of the values of the element in hand.
func (w *walk) item(index int) { w.path[len(w.path)-1].index = index }

// leave goes back up.
func (w *walk) leave() { w.path = w.path[:len(w.path)-1] }

// where is the place of the value in hand in the simple subset of FHIRPath that OperationOutcome.issue.expression takes
// (https://hl7.org/fhir/R4/fhirpath.html#simple): "Patient.name[0].given[1]". A choice has no type in it: Patient.deceased.
func (w *walk) where() string {
	var b strings.Builder
	for i, s := range w.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(delimited(s.name))
		if s.index >= 0 {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return b.String()
}

// delimited puts the one element whose name is an operator of FHIRPath between the marks that such a name needs.
func delimited(name string) string {
	if name == "div" {
		return "`div`"
	}
	return name
}

// fault reports an error at the value in hand.
func (w *walk) fault(code fhir.IssueCode, detail string) {
	if !w.report.full() {
		w.report.add(fhir.Severe, code, w.where(), detail)
	}
}

// faultAt reports an error at an element of the value in hand.
func (w *walk) faultAt(name string, code fhir.IssueCode, detail string) {
	w.enter(name)
	w.fault(code, detail)
	w.leave()
}
