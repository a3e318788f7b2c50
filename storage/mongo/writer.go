package mongo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// writer writes a document as BSON (https://bsonspec.org/spec.html), without reflection. What BSON cannot have becomes its error; what was written is then void.
type writer struct {
	dst []byte
	err error
}

var (
	errName = errors.New("mongo: a name has the character NUL")
	errText = errors.New("mongo: a text is not UTF-8")
)

// whole writes the document itself; fill writes its elements.
func (w *writer) whole(fill func()) {
	began := len(w.dst)
	w.dst = append(w.dst, 0, 0, 0, 0)
	fill()
	w.dst = append(w.dst, 0)
	binary.LittleEndian.PutUint32(w.dst[began:], uint32(len(w.dst)-began))
}

// begin writes the beginning of an element; its value follows.
func (w *writer) begin(kind bson.Type, name string) {
	if w.err == nil && strings.IndexByte(name, 0) >= 0 {
		w.err = fmt.Errorf("%w: %q", errName, name)
	}
	w.dst = append(append(append(w.dst, byte(kind)), name...), 0)
}

func (w *writer) document(name string, fill func()) {
	w.begin(bson.TypeEmbeddedDocument, name)
	w.whole(fill)
}

// array writes n elements; item writes the one with an index, under the name that it is given.
func (w *writer) array(name string, n int, item func(i int, name string)) {
	w.begin(bson.TypeArray, name)
	w.whole(func() {
		for i := range n {
			item(i, strconv.Itoa(i))
		}
	})
}

// text writes a string of these parts.
func (w *writer) text(name string, parts ...string) {
	w.begin(bson.TypeString, name)
	began := len(w.dst)
	w.dst = append(w.dst, 0, 0, 0, 0)
	for _, p := range parts {
		if w.err == nil && !utf8.ValidString(p) {
			w.err = fmt.Errorf("%w: %q", errText, name)
		}
		w.dst = append(w.dst, p...)
	}
	w.dst = append(w.dst, 0)
	binary.LittleEndian.PutUint32(w.dst[began:], uint32(len(w.dst)-began-4))
}

func (w *writer) null(name string) { w.begin(bson.TypeNull, name) }

func (w *writer) bool(name string, v bool) {
	w.begin(bson.TypeBoolean, name)
	if v {
		w.dst = append(w.dst, 1)
	} else {
		w.dst = append(w.dst, 0)
	}
}

func (w *writer) int32(name string, v int32) {
	w.begin(bson.TypeInt32, name)
	w.dst = binary.LittleEndian.AppendUint32(w.dst, uint32(v))
}

func (w *writer) int64(name string, v int64) {
	w.begin(bson.TypeInt64, name)
	w.dst = binary.LittleEndian.AppendUint64(w.dst, uint64(v))
}

func (w *writer) double(name string, v float64) {
	w.begin(bson.TypeDouble, name)
	w.dst = binary.LittleEndian.AppendUint64(w.dst, math.Float64bits(v))
}

// decimal128 writes the two halves of a Decimal128.
func (w *writer) decimal128(name string, high, low uint64) {
	w.begin(bson.TypeDecimal128, name)
	w.dst = binary.LittleEndian.AppendUint64(w.dst, low)
	w.dst = binary.LittleEndian.AppendUint64(w.dst, high)
}
