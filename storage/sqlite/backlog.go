package sqlite

import "sync/atomic"

// maxHeld bounds the bytes of the writes that wait or are being carried out; the next is Unavailable. A single larger one passes when
// it is alone.
const maxHeld = 64 << 20

// backlog counts those bytes.
type backlog struct {
	most  int64
	bytes atomic.Int64
}

// take says whether there is room for so many more bytes, and holds them until they are given back. What weighs nothing always
// has room.
func (b *backlog) take(bytes int) bool {
	if held := b.bytes.Add(int64(bytes)); bytes > 0 && held > b.most && held > int64(bytes) {
		b.give(bytes)
		return false
	}
	return true
}

func (b *backlog) give(bytes int) { b.bytes.Add(-int64(bytes)) }
