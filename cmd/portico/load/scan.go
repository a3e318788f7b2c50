package load

import (
	"bufio"
	"errors"
	"io"
)

// errTooLong is a value or line beyond its limit; it has been passed over.
var errTooLong = errors.New("longer than the limit")

// scanner finds where JSON values begin and end, without looking at what they mean. That is for fhir.ParseJSON.
type scanner struct {
	in   *bufio.Reader
	line int // of the next byte, from 1
}

// peek is the next byte behind white space, which it passes over.
func (s *scanner) peek() (byte, error) {
	for {
		head, err := s.in.Peek(1)
		if err != nil {
			return 0, err
		}
		if !isSpace(head[0]) {
			return head[0], nil
		}
		_, _ = s.next() // has just been peeked at
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func (s *scanner) next() (byte, error) {
	c, err := s.in.ReadByte()
	if err == nil && c == '\n' {
		s.line++
	}
	return c, err
}

// take passes over white space and the given byte, and says whether that was the next.
func (s *scanner) take(want byte) (bool, error) {
	c, err := s.peek()
	if err != nil || c != want {
		return false, err
	}
	_, err = s.next()
	return true, err
}

// value reads one value: up to the bracket or quotation mark that ends it, or up to what cannot belong to a
// number or word. When it has more than limit bytes, it is passed over, and the error is errTooLong.
func (s *scanner) value(limit int) ([]byte, error) {
	first, err := s.peek()
	if err != nil {
		return nil, unexpected(err)
	}
	k := keeper{limit: limit}
	switch first {
	case '{', '[', '"':
		err = s.bracketed(&k)
	default:
		err = s.scalar(&k)
	}
	if err != nil {
		return nil, unexpected(err)
	}
	return k.text, k.err
}

func (s *scanner) bracketed(k *keeper) error {
	depth, inString := 0, false
	for {
		c, err := s.next()
		if err != nil {
			return err
		}
		k.keep(c)
		switch {
		case inString && c == '\\':
			if c, err = s.next(); err != nil {
				return err
			}
			k.keep(c)
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !inString {
			return nil
		}
	}
}

func (s *scanner) scalar(k *keeper) error {
	for {
		head, err := s.in.Peek(1)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c := head[0]
		if len(k.text) > 0 && (isSpace(c) || c == ',' || c == ']' || c == '}' || c == ':') {
			return nil
		}
		_, _ = s.next() // has just been peeked at
		k.keep(c)
	}
}

// unexpected tells an end inside of a value from an end behind one.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// keeper keeps bytes up to a limit.
type keeper struct {
	limit int
	text  []byte
	err   error
}

func (k *keeper) keep(c ...byte) {
	if len(k.text)+len(c) > k.limit {
		k.err = errTooLong
		return
	}
	k.text = append(k.text, c...)
}
