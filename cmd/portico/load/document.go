package load

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
)

// document reads JSON that is not one resource a line: one resource or Bundle, or several in a row. The entries of
// a Bundle are sent as they come, so that it may be of any size.
type document struct {
	*reader
	scanner
	file string
}

func (d *document) read() bool {
	if head, _ := d.in.Peek(3); string(head) == "\ufeff" {
		_, _ = d.in.Discard(3) // has just been peeked at
	}
	for {
		c, err := d.peek()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return d.broken(err)
		}
		if c != '{' {
			head, _ := d.in.Peek(utf8.UTFMax)
			r, _ := utf8.DecodeRune(head)
			return d.broken(fmt.Errorf("a resource should begin here, with '{', but there is %q", r))
		}
		if more, err := d.object(d.place()); err != nil || !more {
			return err != nil && d.broken(err)
		}
	}
}

func (d *document) place() Place { return Place{File: d.file, Line: d.line} }

// broken tells why the rest of the document cannot be read.
func (d *document) broken(err error) bool {
	reason := err.Error()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		reason = "it ends too early"
	}
	return d.fault(d.place(), "The JSON text cannot be read any further: "+reason+".")
}

// root is what is known of the object in hand.
type root struct {
	at         Place
	kept       keeper // all members but the entries that were sent on
	typ, class string // values of resourceType and type, as they are written
	apart      bool   // the entries were sent on
}

func (r *root) isBundle() bool  { return r.typ == `"Bundle"` }
func (r *root) isHistory() bool { return r.isBundle() && r.class == `"history"` }

// parts says whether the entries can be sent on as they come. A Bundle that may have to stay whole is kept until its type is known.
func (d *document) parts(r *root) bool {
	mayBeWhole := d.whole && (r.class == "" || isWhole(strings.Trim(r.class, `"`)))
	return r.isBundle() && !r.isHistory() && !mayBeWhole
}

// object reads a resource member by member. The error is one of reading.
func (d *document) object(at Place) (more bool, err error) {
	if err := d.expect('{'); err != nil {
		return false, err
	}
	r := root{at: at, kept: keeper{limit: d.limit(), text: []byte{'{'}}}
	for first := true; ; first = false {
		more, err := d.item(first, '}')
		if err != nil {
			return false, err
		}
		if !more {
			return d.end(&r), nil
		}
		if more, err = d.member(&r, first); err != nil || !more {
			return more, err
		}
	}
}

// member keeps a member, or sends its entries on when they are known to be those of a Bundle.
func (d *document) member(r *root, first bool) (more bool, err error) {
	name, err := d.value(MaxResource)
	if err == nil {
		err = d.expect(':')
	}
	if err != nil {
		return false, err
	}
	if string(name) == `"entry"` && d.parts(r) {
		r.apart = true
		return d.entries(r.at)
	}
	value, err := d.value(d.limit())
	switch {
	case errors.Is(err, errTooLong):
		r.kept.err = err
	case err != nil:
		return false, err
	}
	switch string(name) {
	case `"resourceType"`:
		r.typ = string(value)
	case `"type"`:
		r.class = string(value)
	}
	if !first {
		r.kept.keep(',')
	}
	r.kept.keep(name...)
	r.kept.keep(':')
	r.kept.keep(value...)
	return true, nil
}

// end sends on what was kept, unless its entries are on their way.
func (d *document) end(r *root) bool {
	switch {
	case r.apart:
		return true
	case r.isHistory():
		return d.fault(r.at, isHistory)
	case r.kept.err != nil:
		return d.fault(r.at, tooLong(d.limit()))
	default:
		return d.text(r.at, append(r.kept.text, '}'))
	}
}

// item passes over the comma before an item, or over the bracket behind the last.
func (d *document) item(first bool, bracket byte) (bool, error) {
	if ends, err := d.take(bracket); ends || err != nil {
		return false, unexpected(err)
	}
	if first {
		return true, nil
	}
	return true, d.expect(',')
}

// window is how many bytes of a Bundle are looked ahead for the entries to which others refer.
const window = MaxResource

// waiting is an entry that was read and not yet sent on, or why it could not be read.
type waiting struct {
	at    Place
	value any
	fault string
	size  int
}

// entries sends the entries of a Bundle, each when the window has gone beyond it.
func (d *document) entries(at Place) (more bool, err error) {
	if err := d.expect('['); err != nil {
		return false, err
	}
	known := links{}
	var queue []waiting
	size := 0
	for at.Entry = 1; ; at.Entry++ {
		next, err := d.nextEntry(at, known)
		if err != nil || next == nil {
			return d.sendEntries(queue, known), err
		}
		queue = append(queue, *next)
		for size += next.size; size > window; queue = queue[1:] {
			if !d.sendEntries(queue[:1], known) {
				return false, nil
			}
			size -= queue[0].size
			queue[0] = waiting{} // so that it can be collected
		}
	}
}

// nextEntry reads one entry; nil behind the last.
func (d *document) nextEntry(at Place, known links) (*waiting, error) {
	more, err := d.item(at.Entry == 1, ']')
	if err != nil || !more {
		return nil, err
	}
	if _, err := d.peek(); err != nil {
		return nil, unexpected(err)
	}
	at.Line = d.line
	next := &waiting{at: at}
	text, err := d.value(MaxResource)
	if errors.Is(err, errTooLong) {
		next.fault = tooLong(MaxResource)
		return next, nil
	}
	if err != nil {
		return nil, err
	}
	next.size = len(text)
	if next.value, err = fhir.ParseJSON(text); err != nil {
		next.fault = parseFault(err, text)
	}
	if entry, ok := next.value.(*fhir.Object); ok {
		known.learn(entry)
	}
	return next, nil
}

func (d *document) sendEntries(queue []waiting, known links) bool {
	for _, w := range queue {
		more := false
		if w.fault != "" {
			more = d.fault(w.at, w.fault)
		} else {
			more = d.entry(w.at, w.value, known)
		}
		if !more {
			return false
		}
	}
	return true
}

func (d *document) expect(want byte) error {
	ok, err := d.take(want)
	if err != nil {
		return unexpected(err)
	}
	if !ok {
		return fmt.Errorf("%q should follow", want)
	}
	return nil
}
