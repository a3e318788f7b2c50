package validate

import (
	"sync"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// Validator checks resources. It is safe for concurrent use. What it has worked out about a structure of R4, its JSON
// Schema above all, it keeps; therefore make one and share it.
type Validator struct {
	structures sync.Map // *r4.Element -> *structure
}

// New makes a validator that has not worked out anything yet.
func New() *Validator { return &Validator{} }

// Check validates a resource against R4 and, in the same walk, writes its instants and its dateTimes with a time in UTC, in
// place. It returns nil for a valid resource, else a *fhir.Error that holds every fault (the first hundred), each with its
// place. The error is Invalid when a fault is one of structure: an unknown element, a type, a cardinality, a format, a
// required binding, two choices at once, an id. It is Unprocessable when all faults are of other kinds: invariants, the
// types of references' targets, the content of the narrative.
func (v *Validator) Check(r fhir.Resource) error {
	return v.check(r, walk{validator: v}).asError()
}

// CheckEnvelope is Check of a Bundle without the resources that its entries carry: whoever takes the entries apart checks each of
// them by itself.
func (v *Validator) CheckEnvelope(bundle fhir.Resource) error {
	return v.check(bundle, walk{validator: v, envelope: true}).asError()
}

// Report tells everything that Check refuses a resource for, and warnings besides. Like Check it converts to UTC in
// place. The list is empty when there is nothing to say.
func (v *Validator) Report(r fhir.Resource) []fhir.Issue {
	return v.check(r, walk{validator: v, warnings: true}).all()
}

func (v *Validator) check(r fhir.Resource, w walk) *report {
	if r.IsZero() {
		w.fault(fhir.CodeRequired, "There is no resource to check.")
		return &w.report
	}
	if s := w.resourceStructure(r.Root()); s != nil {
		w.enter(r.Type())
		w.resource(s, r.Root())
	}
	return &w.report
}

// structure gives what is known of an element with children: the root of a type, or an inline structure.
func (v *Validator) structure(e *r4.Element) *structure {
	if s, ok := v.structures.Load(e); ok {
		return s.(*structure)
	}
	s, _ := v.structures.LoadOrStore(e, newStructure(v, e))
	return s.(*structure)
}

// maxIssues bounds what one resource is told, and by that the cost of a resource that is made of faults.
const maxIssues = 100

// report gathers the faults of a resource.
type report struct {
	faults   []fhir.Issue
	warnings []fhir.Issue
}

// full says that no further fault would be told: the walk may end.
func (r *report) full() bool { return len(r.faults) >= maxIssues }

func (r *report) add(severity fhir.Severity, code fhir.IssueCode, path, detail string) {
	issue := fhir.Issue{Severity: severity, Code: code, Detail: detail, Path: path}
	switch {
	case severity == fhir.Warning && len(r.warnings) < maxIssues:
		r.warnings = append(r.warnings, issue)
	case severity != fhir.Warning && !r.full():
		r.faults = append(r.faults, issue)
	}
}

// all lists faults, then warnings.
func (r *report) all() []fhir.Issue {
	issues := r.faults
	if r.full() {
		issues = append(issues, fhir.Issue{
			Severity: fhir.Information, Code: fhir.CodeInformational,
			Detail: "The list of faults ends here; the resource was not checked any further.",
		})
	}
	return append(issues, r.warnings...)
}

func (r *report) asError() error {
	if len(r.faults) == 0 {
		return nil
	}
	return &fhir.Error{Kind: kindOf(r.faults), Issues: r.all()}
}

// kindOf is Invalid as soon as one fault is of structure.
func kindOf(faults []fhir.Issue) fhir.Kind {
	for _, f := range faults {
		if f.Code != fhir.CodeInvariant && f.Code != fhir.CodeBusinessRule {
			return fhir.Invalid
		}
	}
	return fhir.Unprocessable
}
