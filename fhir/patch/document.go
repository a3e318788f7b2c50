package patch

import (
	"slices"
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// document is a resource on its way through the operations. In between, it may be any JSON value.
type document struct {
	root    any
	carried int // bytes that were copied and moved, about
	passed  int // members and items of what the pointers led through
}

// get returns the value at a place where one must be.
func (d *document) get(at pointer) (any, error) {
	v := d.root
	for i := range at {
		err := d.pass(v)
		if err != nil {
			return nil, err
		}
		if v, err = child(v, at[:i+1]); err != nil {
			return nil, err
		}
	}
	return v, d.pass(v)
}

// child returns the value at a place, out of the object or array that holds it.
func child(container any, at pointer) (any, error) {
	switch c := container.(type) {
	case *fhir.Object:
		v, ok := c.Get(at.last())
		if !ok {
			return nil, nothing(at)
		}
		return v, nil
	case fhir.Array:
		i, err := index(at, c, len(c)-1)
		if err != nil {
			return nil, err
		}
		return c[i], nil
	default:
		return nil, belowNothing(at)
	}
}

// set puts a value into a place where one must be already.
func (d *document) set(at pointer, v any) error {
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
		if _, ok := c.Get(at.last()); !ok {
			return nothing(at)
		}
		c.Set(at.last(), v)
	case fhir.Array:
		i, err := index(at, c, len(c)-1)
		if err != nil {
			return err
		}
		c[i] = v
	default:
		return belowNothing(at)
	}
	return nil
}

// pass counts what it may cost to search an object or to shift an array.
func (d *document) pass(v any) error {
	switch v := v.(type) {
	case *fhir.Object:
		d.passed += v.Len()
	case fhir.Array:
		d.passed += len(v)
	}
	if d.passed > maxPassed {
		return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "the patch goes too often through arrays or objects as large as these. Replace them as a whole, or send an update.")
	}
	return nil
}

// index reads the last step of a place as an index of an array, up to most.
func index(at pointer, a fhir.Array, most int) (int, error) {
	token := at.last()
	i, err := strconv.Atoi(token)
	switch {
	case token == "-":
		return 0, refuse("%s is the place behind the last item, where nothing is yet: only what is added, copied or moved goes there.", place(at))
	case !isIndex(token):
		return 0, refuse("%s is an array, and %s is no index in it: these are 0, 1, 2 and so on.", place(at.parent()), fhir.Quote(token))
	case err != nil || i > most:
		return 0, refuse("there is nothing at %s: the array has the length %d.", place(at), len(a))
	default:
		return i, nil
	}
}

// isIndex says whether a token is 0, or digits without a zero before them (https://www.rfc-editor.org/rfc/rfc6901#section-4).
func isIndex(token string) bool {
	if token == "" || token[0] == '0' {
		return token == "0"
	}
	return !slices.ContainsFunc([]byte(token), func(c byte) bool { return c < '0' || c > '9' })
}

// fits refuses a value that would be nested too deep at its place.
func fits(at pointer, v any) error {
	if _, depth := weigh(v); len(at)+depth > fhir.MaxDepth {
		return fhir.Errorf(fhir.Invalid, fhir.CodeTooLong, "the value would be nested deeper at %s than the %d levels that are kept.", place(at), fhir.MaxDepth)
	}
	return nil
}

// weigh returns about how long a value is as JSON text, in bytes, and how many objects and arrays are within each other.
func weigh(v any) (bytes, depth int) {
	switch v := v.(type) {
	case *fhir.Object:
		for name, member := range v.All() {
			b, d := weigh(member)
			bytes, depth = bytes+len(name)+len(`"":,`)+b, max(depth, d)
		}
		return bytes + len("{}"), depth + 1
	case fhir.Array:
		for _, item := range v {
			b, d := weigh(item)
			bytes, depth = bytes+len(",")+b, max(depth, d)
		}
		return bytes + len("[]"), depth + 1
	case string:
		return len(v) + len(`""`), 0
	case fhir.Number:
		return len(v), 0
	default:
		return len("true"), 0
	}
}

// refuse is the error of an operation that cannot be applied.
func refuse(format string, args ...any) *fhir.Error {
	return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, format, args...)
}

func nothing(at pointer) error { return refuse("there is nothing at %s.", place(at)) }

// belowNothing is the error of a place below a value that has no places.
func belowNothing(at pointer) error {
	return refuse("there is nothing at %s: what is above it is neither an object nor an array.", place(at))
}

// place writes a pointer for a person.
func place(at pointer) string {
	if len(at) == 0 {
		return "the root"
	}
	return fhir.Quote(at.String())
}
