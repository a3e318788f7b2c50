package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// Place says where a resource stands in what was given.
type Place struct {
	File  string `json:"file"`            // as it was named or found; "-" is standard input
	Line  int    `json:"line,omitempty"`  // on which the resource, or the entry, begins, from 1; 0 for the file as a whole
	Entry int    `json:"entry,omitempty"` // of a Bundle, from 1; 0 outside of Bundles
}

// String is the place in words: "data.json, line 12, entry 3".
func (p Place) String() string {
	s := p.File
	if p.File == stdinName {
		s = "standard input"
	}
	if p.Line > 0 {
		s += fmt.Sprintf(", line %d", p.Line)
	}
	if p.Entry > 0 {
		s += fmt.Sprintf(", entry %d", p.Entry)
	}
	return s
}

// reader takes sources apart into units. Its methods return false when nobody wants any more.
type reader struct {
	stdin io.Reader
	whole bool // transactions and batches are not taken apart
	send  func(unit) bool
}

// source reads one file to its end, or to where it cannot be read any further.
func (r *reader) source(name string) bool {
	in := r.stdin
	if name != stdinName {
		file, err := os.Open(name)
		if err != nil {
			return r.fault(Place{File: name}, "The file cannot be read: "+cause(err)+".")
		}
		defer func() { _ = file.Close() }() // a reader has nothing to lose
		in = file
	}
	content, err := unpacked(in)
	if err != nil {
		return r.fault(Place{File: name}, "The file cannot be unpacked: "+err.Error()+".")
	}
	if isLines(name) || beginsWithLine(content) {
		return r.lines(content, name)
	}
	d := document{reader: r, scanner: scanner{in: content, line: 1}, file: name}
	return d.read()
}

func (r *reader) fault(at Place, reason string) bool {
	return r.send(unit{Place: at, fault: reason})
}

// beginsWithLine says whether the first line is a JSON object, whole: then the lines behind it will be objects too. A document
// that is written over several lines breaks within its first object.
func beginsWithLine(in *bufio.Reader) bool {
	for wanted := 1; ; wanted = in.Buffered() + 1 {
		_, err := in.Peek(wanted)
		head, _ := in.Peek(in.Buffered()) // all that has come, and no waiting for more
		line, _, found := bytes.Cut(bytes.TrimLeft(head, "\ufeff \t\r\n"), []byte("\n"))
		if !found && err == nil {
			continue
		}
		s := scanner{in: bufio.NewReader(bytes.NewReader(line))}
		if c, err := s.peek(); err != nil || c != '{' || !found {
			return false
		}
		if _, err := s.value(len(line)); err != nil {
			return false
		}
		_, err = s.peek()
		return errors.Is(err, io.EOF)
	}
}

// lines reads newline-delimited JSON. Empty lines are passed over.
func (r *reader) lines(in *bufio.Reader, file string) bool {
	for at := (Place{File: file, Line: 1}); ; at.Line++ {
		text, err := readLine(in, r.limit())
		more := true
		switch text = bytes.TrimSpace(text); {
		case errors.Is(err, errTooLong):
			more = r.fault(at, tooLong(r.limit()))
		case err != nil && !errors.Is(err, io.EOF):
			r.fault(at, "The file cannot be read any further: "+err.Error()+".")
			return true
		case len(text) > 0:
			more = r.text(at, text)
		}
		if !more || errors.Is(err, io.EOF) {
			return more
		}
	}
}

func tooLong(limit int) string {
	return fmt.Sprintf("The resource is longer than the %d bytes that are read.", limit)
}

// limit is how many bytes of one object are kept in memory.
func (r *reader) limit() int {
	if r.whole {
		return MaxBundle
	}
	return MaxResource
}

// readLine reads up to and with the line feed. The line is valid until the next call.
func readLine(in *bufio.Reader, limit int) ([]byte, error) {
	k := keeper{limit: limit + len("\r\n")}
	for {
		part, err := in.ReadSlice('\n')
		if err == nil && k.text == nil && k.err == nil {
			return part, nil // whole, as nearly all are
		}
		k.keep(part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case k.err != nil:
			return nil, k.err
		default:
			return k.text, err
		}
	}
}

// text is one resource, or a Bundle of them.
func (r *reader) text(at Place, text []byte) bool {
	resource, err := fhir.ParseResource(text)
	if err != nil {
		return r.fault(at, parseFault(err, text))
	}
	if resource.Type() == "Bundle" {
		return r.bundle(at, resource)
	}
	if len(text) > MaxResource {
		return r.fault(at, tooLong(MaxResource))
	}
	return r.resource(at, resource, nil)
}

// parseFault is the text of an error of fhir.ParseJSON. It counts lines within the text, which says nothing where that is one line of many.
func parseFault(err error, text []byte) string {
	told := sentences(err)
	if !bytes.ContainsRune(text, '\n') {
		told = strings.ReplaceAll(told, "(line 1, column", "(column")
	}
	return told
}

// resource sends one on, unless no URL can be made for it or, in a Bundle, it refers to what is not known.
func (r *reader) resource(at Place, resource fhir.Resource, known links) bool {
	refuse := func(reason string) bool {
		return r.send(unit{Place: at, resource: resource, fault: reason})
	}
	typ := resource.Type()
	if !isTypeName(typ) {
		return r.fault(at, fhir.Quote(typ)+" is no resource type.")
	}
	if id, ok := resource.Root().Get("id"); ok && !fhir.ValidID(resource.ID()) {
		return refuse("An id is 1 to 64 letters, digits, hyphens and dots, but here it is " + fhir.Describe(id) + ".")
	}
	if unknown := known.follow(resource.Root()); len(unknown) > 0 {
		return refuse(fmt.Sprintf("The reference to %s means another entry of the Bundle, but none with an id is near. "+
			"References between entries without ids need a transaction: a Bundle of this type that is posted whole (--transaction).", fhir.Quote(unknown[0])))
	}
	return r.send(unit{Place: at, resource: resource})
}

// isTypeName says whether a name can be that of a resource type. Whether it is one, the server knows.
func isTypeName(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return s != ""
}
