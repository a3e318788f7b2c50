package audit

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
)

// The bounds of a block. Its span is what a search must look ahead to have events in their order, for blocks of several processes overlap.
const (
	maxBlockEvents = 2000
	maxBlockBytes  = 256 << 10 // of what is packed, before it is compressed
	maxBlockSpan   = fhir.Instant(30 * time.Second / time.Microsecond)
)

// block is events of one partition that are kept together, as one record. It may grow under its name; what is in it stays in its place.
type block struct {
	events []Event // ascending by instant
	mark   int64   // of a block that Project made: the sequence of the last change that it tells of, else 0
	size   int     // of its events
}

// takes says whether an event may be put behind those of a block. One that is empty takes whatever comes.
func (b *block) takes(e *Event) bool {
	n := len(b.events)
	return n == 0 || n < maxBlockEvents && b.events[n-1].Instant <= e.Instant && e.Instant-b.events[0].Instant <= maxBlockSpan && b.size+e.size() <= maxBlockBytes
}

func byInstant(a, b Event) int { return cmp.Compare(a.Instant, b.Instant) }

// Of an event that is packed: what size counts beside its texts, and the most that may be: three bytes for each of the eight texts, and five numbers.
const (
	rowBytes    = 24
	maxRowBytes = 48
)

// size is about how many bytes an event takes in memory and, not compressed, in a block.
func (e *Event) size() int {
	n := rowBytes + len(e.Who.Client) + len(e.Who.Request) + len(e.Who.Address) + len(e.Key.Type) + len(e.Key.ID) + len(e.Query) + len(e.Detail)
	for _, id := range e.Patients {
		n += len(id) + 2
	}
	return n
}

// A block is the record "audit/block/PARTITION/ID". The partition is percent-encoded, with its slash, so that the name of none begins that of another. The id
// begins with the time of the first event, inverted, so that the newest block comes first, and goes on with what makes it unique. Of a block that Project made it begins
// with the half minute (maxBlockSpan) that all of its events are in.
const blockRoot = "audit/block/"

const (
	idDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idTime   = 9                         // digits of the time: enough until 2398
	lastTime = 13537086546263552 - 1     // 62 to the power of idTime, less one
	idIndex  = 4                         // digits of an event's place
	maxTail  = 64 - idTime - 1 - idIndex // characters: the id of an event is a FHIR id
)

// blockPrefix is what the names of a partition's blocks begin with.
func blockPrefix(p fhir.Partition) string { return blockRoot + url.PathEscape(string(p)) + "/" }

// blockID is the id of a block whose first event is at an instant. The tail, at most maxTail of [0-9A-Za-z], makes it unique in its partition.
func blockID(first fhir.Instant, tail string) string {
	var id [idTime]byte
	left := lastTime - min(max(int64(first), 0), lastTime)
	for i := idTime - 1; i >= 0; i-- {
		id[i] = idDigits[left%62]
		left /= 62
	}
	return string(id[:]) + tail
}

// newTail is a tail of a block's id that no other has.
func newTail(now time.Time) string { return fhir.NewID(now)[8:] }

// firstOf is the instant that a block's id tells.
func firstOf(id string) (fhir.Instant, bool) {
	if len(id) < idTime {
		return 0, false
	}
	left := int64(0)
	for i := range idTime {
		digit := strings.IndexByte(idDigits, id[i])
		if digit < 0 {
			return 0, false
		}
		left = 62*left + int64(digit)
	}
	return fhir.Instant(lastTime - left), true
}

// eventID is the id of the AuditEvent in a place of a block.
func eventID(blockID string, place int) string {
	return fmt.Sprintf("%s-%0*d", blockID, idIndex, place)
}

// placeOf takes the id of an AuditEvent apart. It is false for what is none.
func placeOf(eventID string) (blockID string, place int, ok bool) {
	cut := len(eventID) - idIndex - 1
	if cut < idTime || eventID[cut] != '-' {
		return "", 0, false
	}
	n, err := strconv.ParseUint(eventID[cut+1:], 10, 16)
	return eventID[:cut], int(n), err == nil && fhir.ValidID(eventID)
}

// blockVersion is the first byte of a block.
const blockVersion = 1

// blockHead is what is known of a block without unpacking it.
type blockHead struct {
	count       int
	first, last fhir.Instant
	mark        int64
	terms       termSet // of its events
	packed      []byte
}

// encode writes a block: the version; numbers of events, first instant, stretch to the last, mark; the set of terms; and the events, compressed (RFC 1951). Of
// the events come first the texts, each one once, then for each event the numbers of its texts and the rest (packer.event).
func (b block) encode() []byte {
	first, last := b.events[0].Instant, b.events[len(b.events)-1].Instant
	out := []byte{blockVersion}
	out = binary.AppendUvarint(out, uint64(len(b.events)))
	out = binary.AppendUvarint(out, uint64(max(first, 0)))
	out = binary.AppendUvarint(out, uint64(last-first))
	out = binary.AppendUvarint(out, uint64(b.mark))
	terms := termSetOf(b.events)
	out = binary.AppendUvarint(out, uint64(len(terms)))
	out = append(out, terms...)
	return compress(out, pack(b.events))
}

// readHead reads what a block begins with.
func readHead(value []byte) (h blockHead, err error) {
	if len(value) > 0 && value[0] != blockVersion {
		return h, fmt.Errorf("a block of audit events is of version %d, which this program does not know", value[0])
	}
	left, broken := value[min(1, len(value)):], false
	number := func() uint64 {
		n, size := binary.Uvarint(left)
		if size <= 0 {
			broken = true
			return 0
		}
		left = left[size:]
		return n
	}
	count, first, stretch, mark, size := number(), number(), number(), number(), number()
	if broken || count == 0 || count > maxBlockEvents || first > math.MaxInt64/2 || stretch > uint64(maxBlockSpan) || mark > math.MaxInt64 || size > uint64(len(left)) {
		return h, errBlock
	}
	return blockHead{
		count: int(count), first: fhir.Instant(first), last: fhir.Instant(first + stretch), mark: int64(mark),
		terms: termSet(left[:size]), packed: left[size:],
	}, nil
}

// decode reads all of a block of a partition.
func decode(p fhir.Partition, value []byte) (block, error) {
	h, err := readHead(value)
	if err != nil {
		return block{}, err
	}
	events, err := h.events(p)
	b := block{events: events, mark: h.mark}
	for i := range events {
		b.size += events[i].size()
	}
	return b, err
}

// events unpacks those of a block.
func (h blockHead) events(p fhir.Partition) ([]Event, error) {
	plain, err := expand(h.packed)
	if err != nil {
		return nil, err
	}
	return unpack(p, h, plain)
}
