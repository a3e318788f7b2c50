package mongo

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
)

// encodeBody makes native BSON of a resource's stamped JSON: objects and arrays in their order; numbers whose last digit is that of the units as int32 or, where they
// do not fit, int64; others, -0 and what is beyond int64 as Decimal128 of the same digits and exponent. None is rounded: fhir.ParseJSON, which reads the
// text, takes no number that Decimal128 cannot have whole.
//
// The error is a *fhir.Error: that of fhir.ParseResource, or Invalid for a name with the character NUL, which BSON does not have in names.
func encodeBody(body []byte) (bson.Raw, error) {
	r, err := fhir.ParseResource(body)
	if err != nil {
		return nil, err
	}
	w := writer{dst: make([]byte, 0, len(body)+len(body)/4+64)}
	w.whole(func() { w.members(r.Root()) })
	if w.err == nil {
		return w.dst, nil
	}
	path, name, _ := nameWithNUL(r.Type(), r.Root())
	return nil, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The name %s has the character NUL, with which no member of a resource can be kept.", fhir.Quote(name)).At(path).Because(w.err)
}

// nameWithNUL finds a name in the value at a path that BSON cannot have.
func nameWithNUL(path string, v any) (at, name string, found bool) {
	switch v := v.(type) {
	case *fhir.Object:
		for name, member := range v.All() {
			if strings.IndexByte(name, 0) >= 0 {
				return path, name, true
			}
			if at, name, found := nameWithNUL(path+"."+name, member); found {
				return at, name, true
			}
		}
	case fhir.Array:
		for i, item := range v {
			if at, name, found := nameWithNUL(path+"["+strconv.Itoa(i)+"]", item); found {
				return at, name, true
			}
		}
	}
	return "", "", false
}

// members writes those of an object.
func (w *writer) members(o *fhir.Object) {
	for name, v := range o.All() {
		w.value(name, v)
	}
}

// value writes a value of the tree.
func (w *writer) value(name string, v any) {
	switch v := v.(type) {
	case nil:
		w.null(name)
	case bool:
		w.bool(name, v)
	case string:
		w.text(name, v)
	case fhir.Number:
		w.number(name, decimalOf(v))
	case fhir.Array:
		w.array(name, len(v), func(i int, name string) { w.value(name, v[i]) })
	case *fhir.Object:
		w.document(name, func() { w.members(v) })
	default:
		panic("mongo: a value of the tree is of a type that JSON does not have")
	}
}

// appendBody appends the compact JSON of what encodeBody made: the bytes that it was made of, but that numbers have the one spelling of decimal.append. What
// somebody else wrote and JSON or fhir.ParseJSON does not have is an error: other types, nesting beyond fhir.MaxDepth, text that is not UTF-8.
func appendBody(dst []byte, resource bson.Raw) ([]byte, error) {
	began := len(dst)
	dst, err := appendAll(slices.Grow(dst, len(resource)), elementsOf(resource), bson.TypeEmbeddedDocument, 1)
	if err != nil {
		return nil, fmt.Errorf("mongo: resource: %w", err)
	}
	if !utf8.Valid(dst[began:]) {
		return nil, fmt.Errorf("mongo: resource: %w: it is not UTF-8", errBroken)
	}
	return dst, nil
}

// appendAll appends an object, or an array as kind says, of what a walk goes over.
func appendAll(dst []byte, e elements, kind bson.Type, depth int) ([]byte, error) {
	opening, closing := byte('{'), byte('}')
	if kind == bson.TypeArray {
		opening, closing = '[', ']'
	}
	dst = append(dst, opening)
	for first := true; e.more(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		if kind != bson.TypeArray {
			dst = append(fhir.AppendString(dst, e.name()), ':')
		}
		dst = appendValue(dst, &e, depth)
	}
	return append(dst, closing), e.err
}

// appendValue appends the value of an element that stands in objects and arrays of a depth.
func appendValue(dst []byte, e *elements, depth int) []byte {
	switch e.kind {
	case bson.TypeString:
		return fhir.AppendString(dst, e.value())
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		return appendNested(dst, e, depth+1)
	case bson.TypeBoolean:
		return strconv.AppendBool(dst, e.value()[0] != 0)
	case bson.TypeNull:
		return append(dst, "null"...)
	case bson.TypeInt32:
		return strconv.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(e.value()))), 10)
	case bson.TypeInt64:
		return strconv.AppendInt(dst, e.int64(), 10)
	case bson.TypeDecimal128:
		d, ok := decimalIn(e.value())
		if !ok {
			e.err = fmt.Errorf("%w: %q is no number of JSON", errBroken, e.name())
			return dst
		}
		return d.append(dst)
	default:
		e.err = fmt.Errorf("%w: %q is a %s", errBroken, e.name(), e.kind)
		return dst
	}
}

func appendNested(dst []byte, e *elements, depth int) []byte {
	if depth > fhir.MaxDepth {
		e.err = fmt.Errorf("%w: %q is deeper than %d levels", errBroken, e.name(), fhir.MaxDepth)
		return dst
	}
	dst, err := appendAll(dst, e.inside(), e.kind, depth)
	if err != nil {
		e.err = fmt.Errorf("%s: %w", e.name(), err)
	}
	return dst
}
