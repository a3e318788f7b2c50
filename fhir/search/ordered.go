package search

import (
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
)

// maxScope bounds, in bytes, what may stand before the value in an Ordered: a longer unit or code leaves no such entry.
const maxScope = 512

// behind is the test on values that a text stands before, in an index of their own.
func (b Between) behind(index, scope string) Between {
	bound := func(s string) string {
		if s == Last {
			return successor(scope)
		}
		return scope + s
	}
	return Between{Param: index, LowFrom: bound(b.LowFrom), LowTo: bound(b.LowTo), HighFrom: bound(b.HighFrom), HighTo: bound(b.HighTo)}
}

// beginsWith holds for values that begin with a text.
func beginsWith(index, prefix string) Between {
	return Between{Param: index, LowFrom: prefix, LowTo: successor(prefix), HighFrom: prefix, HighTo: successor(prefix)}
}

// successor is the first text behind all that begin with a prefix.
func successor(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == utf8.MaxRune:
		case last == 0xd7ff:
			return prefix + string(rune(0xe000)) // what lies between stands for halves of characters in UTF-16
		default:
			return prefix + string(last+1)
		}
	}
	return Last
}

// ordered is a test on times as one on their forms that compare byte by byte.
func (w Within) ordered() Between {
	return Between{
		LowFrom: timeForm(w.LowFrom), LowTo: timeForm(w.LowTo) + string(gap),
		HighFrom: timeForm(w.HighFrom), HighTo: timeForm(w.HighTo) + string(gap),
	}
}

// timeForm is an instant in 16 hexadecimal digits that compare as instants do.
func timeForm(i fhir.Instant) string {
	const digits = "0123456789abcdef"
	n := uint64(i) ^ 1<<63
	var form [16]byte
	for at := range form {
		form[at] = digits[n>>(60-4*at)&15]
	}
	return string(form[:])
}
