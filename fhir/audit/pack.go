package audit

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/portico-health/portico/fhir"
)

// errBlock is the error of a block that is damaged.
var errBlock = errors.New("a block of audit events is damaged")

// packer writes events. Each text is written once, where it is first used, and told by its number afterwards; but that of the request is looked for in the
// event before alone, for mostly it is new.
type packer struct {
	table   []byte // each text behind its length
	count   uint64 // of texts
	numbers map[string]uint64
	rows    []byte
	last    [requestColumn + 1]said // the texts of the event before that are often the same in the next one
}

// said is a text and its number.
type said struct {
	text   string
	number uint64
}

// The texts of an event that come first in its row, of which the next event often has the same.
const (
	interactionColumn = iota
	clientColumn
	requestColumn
)

// pack writes events: the length of the table of texts, the table, and a row for each event.
func pack(events []Event) []byte {
	p := packer{
		numbers: map[string]uint64{"": 0}, count: 1,
		table: make([]byte, 0, 48*len(events)), rows: make([]byte, 0, 24*len(events)),
	}
	before := events[0].Instant
	for i := range events {
		p.event(&events[i], before)
		before = events[i].Instant
	}
	out := binary.AppendUvarint(make([]byte, 0, len(p.table)+len(p.rows)+8), uint64(len(p.table)))
	return append(append(out, p.table...), p.rows...)
}

func (p *packer) event(e *Event, before fhir.Instant) {
	p.number(uint64(e.Instant - before))
	p.column(interactionColumn, string(e.Interaction))
	p.column(clientColumn, e.Who.Client)
	p.column(requestColumn, e.Who.Request)
	p.text(e.Who.Address)
	p.text(e.Key.Type)
	p.text(e.Key.ID)
	p.text(e.Query)
	p.text(e.Detail)
	p.number(uint64(e.Number))
	p.rows = append(p.rows, byte(e.Outcome))
	p.number(uint64(len(e.Patients)))
	for _, id := range e.Patients {
		if n, old := p.numbers[id]; old { // most are those of what was mentioned last, so that this is small, and much the same
			p.number(p.count - n)
			continue
		}
		p.number(0)
		p.numbers[id] = p.next(id)
	}
}

func (p *packer) number(n uint64) { p.rows = binary.AppendUvarint(p.rows, n) }

// text writes the number of a text and 1, or 0 for one that is new.
func (p *packer) text(s string) {
	if s == "" {
		p.number(1)
		return
	}
	if n, old := p.numbers[s]; old {
		p.number(n + 1)
		return
	}
	p.number(0)
	p.numbers[s] = p.next(s)
}

// column is text for one that the event before may have had.
func (p *packer) column(i int, s string) {
	last := &p.last[i]
	switch {
	case s == last.text:
		p.number(last.number + 1)
		return
	case i == requestColumn:
		p.number(0)
		last.number = p.next(s)
	default:
		p.text(s)
		last.number = p.numbers[s]
	}
	last.text = s
}

// next writes a text that is new, and returns its number.
func (p *packer) next(s string) uint64 {
	p.table = binary.AppendUvarint(p.table, uint64(len(s)))
	p.table = append(p.table, s...)
	p.count++
	return p.count - 1
}

// unpack reads what pack wrote. The texts of the events are parts of plain.
func unpack(p fhir.Partition, h blockHead, plain string) ([]Event, error) {
	r := rows{known: make([]string, 1, 1+4*h.count)}
	length := cutNumber(&plain, &r.broken)
	if r.broken || length > uint64(len(plain)) {
		return nil, errBlock
	}
	r.table, r.left = plain[:length], plain[length:]
	events := make([]Event, h.count)
	at := h.first
	for i := range events {
		r.event(&events[i], at)
		events[i].Who.Partition = p
		at = events[i].Instant
	}
	if r.broken || r.left != "" || r.table != "" || at != h.last {
		return nil, errBlock
	}
	return events, nil
}

// rows reads events. Once it is broken, everything that it reads is void.
type rows struct {
	table  string   // texts that were not used yet
	known  []string // those that were
	left   string
	broken bool
}

func (r *rows) event(e *Event, before fhir.Instant) {
	stretch := r.number()
	if stretch > uint64(maxBlockSpan) {
		r.broken = true
	}
	e.Instant = before + fhir.Instant(stretch)
	e.Interaction = Interaction(r.text())
	e.Who.Client, e.Who.Request, e.Who.Address = r.text(), r.text(), r.text()
	e.Key = fhir.Key{Type: r.text(), ID: r.text()}
	e.Query, e.Detail = r.text(), r.text()
	e.Number = int64(r.number())
	e.Outcome = Outcome(r.number())
	n := r.number()
	if n > uint64(len(r.left)) { // each takes a byte
		r.broken = true
	}
	if r.broken || n == 0 {
		return
	}
	e.Patients = make([]string, n)
	for i := range e.Patients {
		back := r.number()
		if back == 0 {
			e.Patients[i] = r.next()
		} else {
			e.Patients[i] = r.at(uint64(len(r.known)) - back)
		}
	}
}

func (r *rows) number() uint64 { return cutNumber(&r.left, &r.broken) }

// text reads one that is told by its number and 1, or by 0 for the next one.
func (r *rows) text() string {
	if n := r.number(); n > 0 {
		return r.at(n - 1)
	}
	return r.next()
}

func (r *rows) at(n uint64) string {
	if n >= uint64(len(r.known)) {
		r.broken = true
		return ""
	}
	return r.known[n]
}

func (r *rows) next() string {
	length := cutNumber(&r.table, &r.broken)
	if r.broken || length > uint64(len(r.table)) {
		r.broken = true
		return ""
	}
	s := r.table[:length]
	r.table = r.table[length:]
	r.known = append(r.known, s)
	return s
}

// cutNumber reads a number as binary.Uvarint does.
func cutNumber(s *string, broken *bool) (n uint64) {
	for i := 0; i < len(*s) && i < binary.MaxVarintLen64; i++ {
		c := (*s)[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			*s = (*s)[i+1:]
			return n
		}
	}
	*broken = true
	return 0
}

// deflateLevel is where more work hardly makes blocks smaller: of blocks of 300 reads and searches, level 1 makes 28 bytes an event, 3 makes 25.5, 6 makes 25.1
// in more than twice the time.
const deflateLevel = 3

// deflaters has the compressors that are not in use: one is about half a megabyte.
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, deflateLevel) // fails for unknown levels alone
	return w
}}

// compress appends data, compressed (RFC 1951).
func compress(out, data []byte) []byte {
	buf := bytes.NewBuffer(out)
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(buf)
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	return buf.Bytes()
}

// maxExpanded bounds what a block unpacks to. A patient's id takes no more than size counts for it: two bytes beside it where it is new, else at most three.
const maxExpanded = maxBlockBytes + maxBlockEvents*(maxRowBytes-rowBytes) + binary.MaxVarintLen64

// inflaters has the decompressors that are not in use.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

// expand undoes compress.
func expand(data []byte) (string, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(data), nil); err != nil {
		return "", err
	}
	var plain strings.Builder
	plain.Grow(4 * len(data))
	if n, err := io.Copy(&plain, io.LimitReader(r, maxExpanded+1)); err != nil || n > maxExpanded {
		return "", errBlock
	}
	return plain.String(), nil
}
