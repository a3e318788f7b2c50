package mongo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var errBroken = errors.New("mongo: a document is no BSON, or has types of it that this package does not write")

// elements walks over the elements of a document or an array (https://bsonspec.org/spec.html), without reflection. What it gives is part of the
// document. Types that a writer does not write end the walk.
type elements struct {
	rest []byte
	err  error // why it ended before the end

	kind  bson.Type
	name  []byte
	value []byte // of a string its text alone, of a document or array all of it
}

func elementsOf(document []byte) elements {
	if len(document) < 5 || int(binary.LittleEndian.Uint32(document)) != len(document) || document[len(document)-1] != 0 {
		return elements{err: errBroken}
	}
	return elements{rest: document[4 : len(document)-1]}
}

// next goes to the next element, if there is one.
func (e *elements) next() bool {
	if len(e.rest) == 0 || e.err != nil {
		return false
	}
	head := bytes.IndexByte(e.rest, 0)
	if head < 1 {
		e.err = errBroken
		return false
	}
	e.kind, e.name, e.rest = bson.Type(e.rest[0]), e.rest[1:head], e.rest[head+1:]
	before, size, after, ok := extent(e.kind, e.rest)
	if !ok {
		e.err = fmt.Errorf("%w: %q is a %s", errBroken, e.name, e.kind)
		return false
	}
	e.value, e.rest = e.rest[before:before+size], e.rest[before+size+after:]
	return true
}

// extent is the size of the value that rest begins with, and how many bytes around it are not part of it.
func extent(kind bson.Type, rest []byte) (before, size, after int, ok bool) {
	switch kind {
	case bson.TypeNull:
	case bson.TypeBoolean:
		size = 1
	case bson.TypeInt32:
		size = 4
	case bson.TypeInt64, bson.TypeDouble:
		size = 8
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
	if e.expect(bson.TypeString) {
		return string(e.value)
	}
	return ""
}

// int64 is the value of an element that must be an int64.
func (e *elements) int64() int64 {
	if e.expect(bson.TypeInt64) {
		return int64(binary.LittleEndian.Uint64(e.value))
	}
	return 0
}

// double is the value of an element that must be a double.
func (e *elements) double() float64 {
	if e.expect(bson.TypeDouble) {
		return math.Float64frombits(binary.LittleEndian.Uint64(e.value))
	}
	return 0
}

// bool is the value of an element that must be a boolean.
func (e *elements) bool() bool { return e.expect(bson.TypeBoolean) && e.value[0] != 0 }

// expect says whether the element is of a type; that it is not ends the walk.
func (e *elements) expect(kind bson.Type) bool {
	if e.err == nil && e.kind != kind {
		e.err = fmt.Errorf("mongo: %q is a %s where a %s should be", e.name, e.kind, kind)
	}
	return e.err == nil
}

// within walks over the elements of an element that must be a document or an array, as kind says, and gives each to see. What goes wrong there ends the walk.
func (e *elements) within(kind bson.Type, see func(*elements)) {
	if !e.expect(kind) {
		return
	}
	inner := elementsOf(e.value)
	for inner.next() {
		see(&inner)
	}
	e.err = inner.err
}

// strange ends the walk at an element that nobody wrote.
func (e *elements) strange() {
	if e.err == nil {
		e.err = fmt.Errorf("mongo: %q is strange here", e.name)
	}
}
