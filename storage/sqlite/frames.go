package sqlite

import (
	"bytes"
	"iter"
	"strconv"
)

// live.entries holds index entries as frames, in a form in which SQL's instr decides exactly:
//
//	FF number ":" kind value FF number ":" kind value FF
//
// The bytes FE and FF, which UTF-8 does not have, are escaped in values: the FF that begins and the FF that
// ends a needle match nothing but the ends of frames.

// The kinds of frames.
const (
	termFrame    = 'T'
	foldedFrame  = 'F'
	exactFrame   = 'X' // right behind the folded one of its text
	spanFrame    = 'S' // without value: the span is in its table
	orderedFrame = 'O' // see orderedText
	placeFrame   = 'P' // see placeText
)

// frameKinds are all of them.
const frameKinds = string(termFrame) + string(foldedFrame) + string(exactFrame) + string(spanFrame) + string(orderedFrame) + string(placeFrame)

const (
	edge   = 0xff
	escape = 0xfe
)

// frames is live.entries in the making.
type frames struct{ text []byte }

func (f *frames) add(param int64, kind byte, value string) {
	f.text = appendFrame(f.text, param, kind, value)
}

func (f *frames) bytes() []byte { return append(f.text, edge) }

func appendFrame(dst []byte, param int64, kind byte, value string) []byte {
	dst = append(appendParam(dst, param), kind)
	for i := range len(value) {
		if c := value[i]; c < escape {
			dst = append(dst, c)
		} else {
			dst = append(dst, escape, c-escape)
		}
	}
	return dst
}

func appendParam(dst []byte, param int64) []byte {
	return append(strconv.AppendInt(append(dst, edge), param, 10), ':')
}

// wholeFrame is the needle for an entry of just this value.
func wholeFrame(param int64, kind byte, value string) []byte {
	return append(appendFrame(nil, param, kind, value), edge)
}

// openFrame is the needle for an entry whose value begins so.
func openFrame(param int64, kind byte, value string) []byte {
	return appendFrame(nil, param, kind, value)
}

// anyFrame is the needle for any entry of a parameter.
func anyFrame(param int64) []byte { return appendParam(nil, param) }

// readFrames yields the entries of live.entries: parameter, kind and value.
func readFrames(entries []byte) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		for text := range bytes.SplitSeq(entries, []byte{edge}) {
			number, rest, found := bytes.Cut(text, []byte{':'})
			param, err := strconv.ParseInt(string(number), 10, 64)
			if !found || err != nil || len(rest) == 0 {
				continue
			}
			if !yield(frame{param, rest[0], unescape(rest[1:])}) {
				return
			}
		}
	}
}

// frame is one entry of live.entries.
type frame struct {
	param int64
	kind  byte
	value string
}

func unescape(value []byte) string {
	if bytes.IndexByte(value, escape) < 0 {
		return string(value)
	}
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] == escape && i+1 < len(value) {
			i++
			out = append(out, escape+value[i])
			continue
		}
		out = append(out, value[i])
	}
	return string(out)
}
