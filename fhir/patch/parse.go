package patch

import (
	"fmt"
	"slices"

	"github.com/portico-health/portico/fhir"
)

// Limits of a patch, so that a small request cannot cost much.
const (
	MaxOperations = 1000
	MaxBytes      = 5 << 20 // of the result as JSON text, about; and of all values together that one patch copies and moves
	maxPassed     = 1 << 26 // members and items of the objects and arrays that all pointers of a patch lead through
)

// Patch is a sequence of operations. It may be applied many times, by many goroutines at once. The zero Patch changes
// nothing.
type Patch struct {
	operations []operation
}

// operation is one step of a patch: https://www.rfc-editor.org/rfc/rfc6902#section-4.
type operation struct {
	op    string
	path  pointer
	from  pointer // of move and copy
	value any     // of add, replace and test
}

// The values of op.
const (
	opAdd     = "add"
	opRemove  = "remove"
	opReplace = "replace"
	opMove    = "move"
	opCopy    = "copy"
	opTest    = "test"
)

// Parse reads a JSON Patch document. Its error is Invalid, with the faults of all operations and the place of
// each in the document ("[3].path"), or TooCostly for more than MaxOperations.
func Parse(text []byte) (Patch, error) {
	v, err := fhir.ParseJSON(text)
	if err != nil {
		return Patch{}, err
	}
	list, ok := v.(fhir.Array)
	switch {
	case !ok:
		return Patch{}, fhir.Errorf(fhir.Invalid, fhir.CodeStructure, "A JSON Patch is an array of operations (RFC 6902), but this is %s.", fhir.Describe(v))
	case len(list) > MaxOperations:
		return Patch{}, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The patch has %d operations; at most %d are carried out at once.", len(list), MaxOperations)
	}
	p := Patch{operations: make([]operation, len(list))}
	var issues []fhir.Issue
	for i, item := range list {
		r := reader{index: i}
		p.operations[i] = r.operation(item)
		issues = append(issues, r.issues...)
	}
	if len(issues) > 0 {
		return Patch{}, &fhir.Error{Kind: fhir.Invalid, Issues: issues}
	}
	return p, nil
}

// reader reads one operation and gathers what is wrong with it.
type reader struct {
	index   int
	members *fhir.Object
	issues  []fhir.Issue
}

func (r *reader) operation(item any) operation {
	var ok bool
	if r.members, ok = item.(*fhir.Object); !ok {
		r.fault("", fhir.CodeStructure, "an operation is an object, but this is %s.", fhir.Describe(item))
		return operation{}
	}
	o := operation{op: r.op(), path: r.pointer("path")}
	switch o.op {
	case opMove, opCopy:
		o.from = r.pointer("from")
	case opAdd, opReplace, opTest:
		if o.value, ok = r.members.Get("value"); !ok {
			r.fault("value", fhir.CodeRequired, `the member "value" is missing; %s needs it.`, o.op)
		}
	}
	if o.op == opMove && len(r.issues) == 0 && o.from.contains(o.path) {
		r.fault("from", fhir.CodeValue, "a value cannot be moved into itself, from %s to %s.", place(o.from), place(o.path))
	}
	return o
}

func (r *reader) op() string {
	known := []string{opAdd, opRemove, opReplace, opMove, opCopy, opTest}
	op, ok := r.text("op")
	if ok && !slices.Contains(known, op) {
		r.fault("op", fhir.CodeValue, "%s is no operation; there are add, remove, replace, move, copy and test.", fhir.Quote(op))
	}
	return op
}

func (r *reader) pointer(name string) pointer {
	text, ok := r.text(name)
	if !ok {
		return nil
	}
	p, ok := parsePointer(text)
	if !ok {
		r.fault(name, fhir.CodeValue, "%s is no JSON Pointer: write a slash before each name and index, as in /name/0/family, and in a name ~0 for ~ and ~1 for a slash.", fhir.Quote(text))
	}
	return p
}

// text is the value of a member that must be there and be a string.
func (r *reader) text(name string) (string, bool) {
	v, ok := r.members.Get(name)
	if !ok {
		r.fault(name, fhir.CodeRequired, "the member %q is missing.", name)
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		r.fault(name, fhir.CodeStructure, "the member %q must be a string, but it is %s.", name, fhir.Describe(v))
	}
	return s, ok
}

func (r *reader) fault(member string, code fhir.IssueCode, format string, args ...any) {
	at := fmt.Sprintf("[%d]", r.index)
	if member != "" {
		at += "." + member
	}
	detail := fmt.Sprintf("Operation %d (counted from 0): ", r.index) + fmt.Sprintf(format, args...)
	r.issues = append(r.issues, fhir.Issue{Severity: fhir.Severe, Code: code, Detail: detail, Path: at})
}

// Tests says whether an operation compares what is there with a value.
func (p Patch) Tests() bool {
	return slices.ContainsFunc(p.operations, func(o operation) bool { return o.op == opTest })
}

// Touches says whether an operation changes a member of the root or something below it. A test changes nothing.
func (p Patch) Touches(member string) bool {
	within := func(place pointer) bool { return len(place) == 0 || place[0] == member }
	return slices.ContainsFunc(p.operations, func(o operation) bool {
		return o.op != opTest && within(o.path) || o.op == opMove && within(o.from)
	})
}
