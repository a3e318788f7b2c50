package sqlite

import (
	"bytes"
	"slices"
	"testing"
)

// A needle is found just where the entry is that it is made for, whatever bytes values have; and what was written is read again.
func FuzzFrames(f *testing.F) {
	f.Add(int64(1), "a", int64(11), "a")
	f.Add(int64(1), "", int64(1), "a\xff1:T")
	f.Add(int64(7), "\xfe", int64(7), "\xff\xfe\x00")
	f.Add(int64(7), "\ufffd", int64(8), "ends with \ufffd")
	f.Add(int64(7), "é😀", int64(7), "é\xff7:Té😀\xff")
	f.Fuzz(func(t *testing.T, param int64, value string, other int64, another string) {
		param, other = max(param, 0), max(other, 0)
		var text frames
		text.add(param, termFrame, value)
		text.add(other, foldedFrame, another)
		text.add(other, exactFrame, value)
		entries := text.bytes()
		want := []frame{{param, termFrame, value}, {other, foldedFrame, another}, {other, exactFrame, value}}
		if got := slices.Collect(readFrames(entries)); !slices.Equal(got, want) {
			t.Errorf("read %+v of %q, want %+v", got, entries, want)
		}
		for _, c := range []struct {
			what   string
			needle []byte
			want   bool
		}{
			{"the term", wholeFrame(param, termFrame, value), true},
			{"a term of the other value", wholeFrame(param, termFrame, another), value == another},
			{"a term of the other parameter", wholeFrame(other, termFrame, value), param == other},
			{"a longer term", wholeFrame(param, termFrame, value+"x"), false},
			{"a text of the term's value", wholeFrame(other, foldedFrame, value), value == another},
			{"the beginning of the text", openFrame(other, foldedFrame, another[:len(another)/2]), true},
			{"anything of the parameter", anyFrame(param), true},
			{"anything of a longer number", anyFrame(param*10 + 1), other == param*10+1},
		} {
			if found := bytes.Contains(entries, c.needle); found != c.want {
				t.Errorf("%s: %q in %q: found %t", c.what, c.needle, entries, found)
			}
		}
	})
}
