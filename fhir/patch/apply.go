package patch

import (
	"errors"
	"fmt"
	"slices"

	"github.com/portico-health/portico/fhir"
)

// Apply carries out the operations, one after the other, on a copy of the resource, and returns the copy: all of them, or
// none. Members keep their order and numbers their digits; a new member comes last. Its errors are Unprocessable, Invalid,
// TooLarge and TooCostly, as the package says; whether the result is valid FHIR is not looked at.
func (p Patch) Apply(r fhir.Resource) (fhir.Resource, error) {
	d := document{root: r.Clone().Root()}
	for i, o := range p.operations {
		if err := d.apply(o); err != nil {
			return fhir.Resource{}, inOperation(i, o, err)
		}
	}
	return d.resource()
}

// inOperation says which operation an error is of.
func inOperation(i int, o operation, err error) error {
	var e *fhir.Error
	if errors.As(err, &e) {
		e.Issues[0].Detail = fmt.Sprintf("Operation %d (counted from 0), %s: %s", i, o.op, e.Issues[0].Detail)
		return e.At(fmt.Sprintf("[%d]", i))
	}
	return err
}

func (d *document) apply(o operation) error {
	switch o.op {
	case opAdd:
		return d.add(o.path, fhir.Clone(o.value))
	case opRemove:
		return d.remove(o.path)
	case opReplace:
		return d.replace(o.path, fhir.Clone(o.value))
	case opMove:
		return d.move(o.from, o.path)
	case opCopy:
		return d.copy(o.from, o.path)
	default:
		return d.test(o.path, o.value)
	}
}

// add: https://www.rfc-editor.org/rfc/rfc6902#section-4.1.
func (d *document) add(at pointer, v any) error {
	if err := fits(at, v); err != nil {
		return err
	}
	if len(at) == 0 {
		d.root = v
		return nil
	}
	container, err := d.get(at.parent())
	if err != nil {
		return err
	}
	switch c := container.(type) {
	case *fhir.Object:
		c.Set(at.last(), v)
		return nil
	case fhir.Array:
		i := len(c)
		if at.last() != "-" {
			if i, err = index(at, c, len(c)); err != nil {
				return err
			}
		}
		return d.set(at.parent(), slices.Insert(c, i, v))
	default:
		return belowNothing(at)
	}
}

// remove: https://www.rfc-editor.org/rfc/rfc6902#section-4.2. Without the root there is nothing left to be a resource.
func (d *document) remove(at pointer) error {
	if len(at) == 0 {
		return refuse("the whole resource cannot be removed by a patch; a DELETE does that.")
	}
	container, err := d.get(at.parent())
	if err != nil {
		return err
	}
	switch c := container.(type) {
	case *fhir.Object:
		if _, ok := c.Get(at.last()); !ok {
			return nothing(at)
		}
		c.Delete(at.last())
		return nil
	case fhir.Array:
		i, err := index(at, c, len(c)-1)
		if err != nil {
			return err
		}
		return d.set(at.parent(), slices.Delete(c, i, i+1))
	default:
		return belowNothing(at)
	}
}

// replace: https://www.rfc-editor.org/rfc/rfc6902#section-4.3.
func (d *document) replace(at pointer, v any) error {
	if err := fits(at, v); err != nil {
		return err
	}
	return d.set(at, v)
}

// move: https://www.rfc-editor.org/rfc/rfc6902#section-4.4.
func (d *document) move(from, to pointer) error {
	v, err := d.carry(from)
	if err != nil || slices.Equal(from, to) {
		return err
	}
	if err := d.remove(from); err != nil {
		return err
	}
	return d.add(to, v)
}

// copy: https://www.rfc-editor.org/rfc/rfc6902#section-4.5.
func (d *document) copy(from, to pointer) error {
	v, err := d.carry(from)
	if err != nil {
		return err
	}
	return d.add(to, fhir.Clone(v))
}

// carry takes a value up for a move or copy. Together they carry no more than MaxBytes: each copy of a whole into itself doubles it.
func (d *document) carry(from pointer) (any, error) {
	v, err := d.get(from)
	if err != nil {
		return nil, err
	}
	bytes, _ := weigh(v)
	if d.carried += bytes; d.carried > MaxBytes {
		return nil, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "the values that this patch copies and moves are larger than %d MiB together.", MaxBytes>>20)
	}
	return v, nil
}

// test: https://www.rfc-editor.org/rfc/rfc6902#section-4.6. The error does not tell what the value is.
func (d *document) test(at pointer, want any) error {
	v, err := d.get(at)
	if err != nil {
		return err
	}
	if !equal(v, want) {
		return refuse("the value at %s is not the one that the test expects.", place(at))
	}
	return nil
}

// resource is what became of the document.
func (d *document) resource() (fhir.Resource, error) {
	root, ok := d.root.(*fhir.Object)
	if !ok {
		return fhir.Resource{}, fhir.Errorf(fhir.Invalid, fhir.CodeStructure, "A resource is a JSON object, but the patch leaves %s.", fhir.Describe(d.root))
	}
	if root.Text("resourceType") == "" {
		return fhir.Resource{}, fhir.Errorf(fhir.Invalid, fhir.CodeRequired, `The patch leaves no resource: the member "resourceType" is missing, or no name of a type.`).At("resourceType")
	}
	if bytes, _ := weigh(root); bytes > MaxBytes {
		return fhir.Resource{}, fhir.Errorf(fhir.TooLarge, fhir.CodeTooLong, "The patch would make the resource larger than %d MiB.", MaxBytes>>20)
	}
	return fhir.NewResource(root), nil
}
