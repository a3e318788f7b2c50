package mongo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var errBroken = errors.New("mongo: a document is no BSON, or has what this package does not write")

// elements walks over the elements of a document or an array (https://bsonspec.org/spec.html), without reflection. What it gives is part of the
// document. The types of BSON that are old or code end the walk.
type elements struct {
	in   []byte // the document, or one around it, up to where this one ends
	copy string // the same, where texts shall be parts of one copy; "" makes a copy of each
	next int    // where in it the next element begins
	err  error  // why the walk ended before the end

	kind              bson.Type
	nameAt, nameEnd   int
	valueAt, valueEnd int // of a string its text alone, of a document or array all of it
}

// elementsOf begins a walk over a document.
func elementsOf(document []byte) elements {
	e := elements{in: document, valueEnd: len(document)}
	return e.inside()
}

// inside begins a walk over the document or array that is the element in hand.
func (e *elements) inside() elements {
	size := e.valueEnd - e.valueAt
	if size < 5 || int(binary.LittleEndian.Uint32(e.value())) != size || e.in[e.valueEnd-1] != 0 {
		return elements{err: errBroken}
	}
	return elements{in: e.in[:e.valueEnd-1], copy: e.copy, next: e.valueAt + 4}
}

func (e *elements) name() []byte  { return e.in[e.nameAt:e.nameEnd] }
func (e *elements) value() []byte { return e.in[e.valueAt:e.valueEnd] }

// more goes to the next element, if there is one.
func (e *elements) more() bool {
	if e.next >= len(e.in) || e.err != nil {
		return false
	}
	head := bytes.IndexByte(e.in[e.next:], 0)
	if head < 1 {
		e.err = errBroken
		return false
	}
	e.kind, e.nameAt, e.nameEnd = bson.Type(e.in[e.next]), e.next+1, e.next+head
	at := e.nameEnd + 1
	before, size, after, ok := extent(e.kind, e.in[at:])
	if !ok {
		e.err = fmt.Errorf("%w: %q is a %s", errBroken, e.name(), e.kind)
		return false
	}
	e.valueAt, e.valueEnd, e.next = at+before, at+before+size, at+before+size+after
	return true
}

// extent is the size of the value that rest begins with, and how many bytes around it are not part of it.
func extent(kind bson.Type, rest []byte) (before, size, after int, ok bool) {
	switch kind {
	case bson.TypeNull, bson.TypeUndefined, bson.TypeMinKey, bson.TypeMaxKey:
	case bson.TypeBoolean:
		size = 1
	case bson.TypeInt32:
		size = 4
	case bson.TypeInt64, bson.TypeDouble, bson.TypeDateTime, bson.TypeTimestamp:
		size = 8
	case bson.TypeObjectID:
		size = 12
	case bson.TypeDecimal128:
		size = 16
	case bson.TypeString, bson.TypeEmbeddedDocument, bson.TypeArray:
		if len(rest) < 5 {
			return 0, 0, 0, false
		}
		size = int(binary.LittleEndian.Uint32(rest))
		if kind == bson.TypeString {
			before, size, after = 4, size-1, 1
		}
		ok = size >= 0 && size <= len(rest)-before-after && (kind != bson.TypeString || rest[before+size] == 0)
		return before, size, after, ok
	default:
		return 0, 0, 0, false
	}
	return 0, size, 0, size <= len(rest)
}

// text is the value of an element that must be a string.
func (e *elements) text() string {
	switch {
	case !e.expect(bson.TypeString):
		return ""
	case e.copy != "":
		return e.copy[e.valueAt:e.valueEnd]
	default:
		return string(e.value())
	}
}

// int64 is the value of an element that must be an int64.
func (e *elements) int64() int64 {
	if e.expect(bson.TypeInt64) {
		return int64(binary.LittleEndian.Uint64(e.value()))
	}
	return 0
}

// double is the value of an element that must be a double.
func (e *elements) double() float64 {
	if e.expect(bson.TypeDouble) {
		return math.Float64frombits(binary.LittleEndian.Uint64(e.value()))
	}
	return 0
}

// bool is the value of an element that must be a boolean.
func (e *elements) bool() bool { return e.expect(bson.TypeBoolean) && e.value()[0] != 0 }

// expect says whether the element is of a type; that it is not ends the walk.
func (e *elements) expect(kind bson.Type) bool {
	if e.err == nil && e.kind != kind {
		e.err = fmt.Errorf("mongo: %q is a %s where a %s should be", e.name(), e.kind, kind)
	}
	return e.err == nil
}

// within walks over the elements of an element that must be a document or an array, as kind says, and gives each to see. What goes wrong there ends the walk.
func (e *elements) within(kind bson.Type, see func(*elements)) {
	if !e.expect(kind) {
		return
	}
	inner := e.inside()
	for inner.more() {
		see(&inner)
	}
	e.err = inner.err
}

// strange ends the walk at an element that nobody wrote.
func (e *elements) strange() {
	if e.err == nil {
		e.err = fmt.Errorf("mongo: %q is strange here", e.name())
	}
}
