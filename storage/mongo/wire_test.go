package mongo

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The messages of the wire protocol that a driver and a server exchange: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/.
const (
	opReply = 1    // the answer to opQuery
	opQuery = 2004 // the first hello of a connection
	opMsg   = 2013 // all else

	moreToCome = 1 << 1 // of opMsg: it has no answer

	headerBytes  = 16
	largestBytes = 48_000_000 // maxMessageSizeBytes
)

// message is a message with its command or answer.
type message struct {
	id, to, op int32
	flags      uint32
	body       bson.Raw
	sequences  []sequence // of opMsg
	before     []byte     // what stands before the body of another message
}

// sequence is a list of documents that belongs to the body, but stands behind it.
type sequence struct {
	name      string
	documents []byte
}

// readMessage reads the next message.
func readMessage(r io.Reader) (raw []byte, err error) {
	header := make([]byte, headerBytes)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(header)
	if size < headerBytes || size > largestBytes {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	raw = append(make([]byte, 0, size), header...)[:size]
	_, err = io.ReadFull(r, raw[headerBytes:])
	return raw, err
}

// decodeMessage takes a message apart.
func decodeMessage(raw []byte) (m message, err error) {
	number := func(at int) int32 { return int32(binary.LittleEndian.Uint32(raw[at:])) }
	if len(raw) < headerBytes+5 {
		return m, io.ErrUnexpectedEOF
	}
	m.id, m.to, m.op = number(4), number(8), number(12)
	switch m.op {
	case opReply:
		m.before, raw = raw[headerBytes:headerBytes+20], raw[headerBytes+20:]
		m.body = raw
	case opQuery:
		name := bytes.IndexByte(raw[headerBytes+4:], 0)
		at := headerBytes + 4 + name + 1 + 8
		m.before, m.body = raw[headerBytes:at], raw[at:]
	case opMsg:
		m.flags = uint32(number(headerBytes))
		err = m.sections(raw[headerBytes+4:])
	default:
		err = fmt.Errorf("operation %d", m.op)
	}
	return m, err
}

func (m *message) sections(raw []byte) error {
	for len(raw) > 5 {
		kind, rest := raw[0], raw[1:]
		size := int(binary.LittleEndian.Uint32(rest))
		if size > len(rest) {
			return io.ErrUnexpectedEOF
		}
		switch kind {
		case 0:
			m.body = rest[:size]
		case 1:
			end := bytes.IndexByte(rest[4:], 0) + 4
			m.sequences = append(m.sequences, sequence{string(rest[4:end]), rest[end+1 : size]})
		default:
			return fmt.Errorf("a section of kind %d", kind)
		}
		raw = rest[size:]
	}
	return nil
}

// encode puts a message together.
func (m message) encode() []byte {
	raw := make([]byte, 4, 1024)
	for _, n := range []int32{m.id, m.to, m.op} {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(n))
	}
	if m.op == opMsg {
		raw = binary.LittleEndian.AppendUint32(raw, m.flags)
		raw = append(append(raw, 0), m.body...)
		for _, s := range m.sequences {
			raw = append(raw, 1)
			raw = binary.LittleEndian.AppendUint32(raw, uint32(4+len(s.name)+1+len(s.documents)))
			raw = append(append(append(raw, s.name...), 0), s.documents...)
		}
	} else {
		raw = append(append(raw, m.before...), m.body...)
	}
	binary.LittleEndian.PutUint32(raw, uint32(len(raw)))
	return raw
}

// answer is the answer to a message.
func (m message) answer(body bson.Raw) message {
	a := message{to: m.id, op: opMsg, body: body}
	if m.op == opQuery {
		a.op, a.before = opReply, make([]byte, 20)
		a.before[16] = 1 // one document
	}
	return a
}

// without is a document without some of its elements.
func without(d bson.D, names ...string) bson.D {
	return slices.DeleteFunc(d, func(e bson.E) bool { return slices.Contains(names, e.Key) })
}

// with is a document with these elements, be they new or in the place of others.
func with(d bson.D, elements ...bson.E) bson.D {
	for _, e := range elements {
		if at := slices.IndexFunc(d, func(old bson.E) bool { return old.Key == e.Key }); at >= 0 {
			d[at] = e
		} else {
			d = append(d, e)
		}
	}
	return d
}
