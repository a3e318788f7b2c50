package fhir

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The tokens of JSON below objects and arrays: strings and numbers.

// str reads a string. One without escapes, as nearly all are, shares the memory of the text.
func (p *parser) str() string {
	p.pos++
	start := p.pos
	p.plain()
	if p.peek() == '"' {
		p.pos++
		return p.text[start : p.pos-1]
	}
	var b strings.Builder
	for {
		b.WriteString(p.text[start:p.pos])
		switch {
		case p.pos == len(p.text):
			p.fail(CodeStructure, "The JSON text ends inside a string")
			return ""
		case p.text[p.pos] == '"':
			p.pos++
			return b.String()
		case p.text[p.pos] != '\\':
			p.fail(CodeStructure, "A control character must be escaped inside a string, but there is %s", p.next())
			return ""
		}
		r, ok := p.escape()
		if !ok {
			return ""
		}
		b.WriteRune(r)
		start = p.pos
		p.plain()
	}
}

// plain passes over the characters of a string that stand for themselves.
func (p *parser) plain() {
	i := p.pos
	for i < len(p.text) && p.text[i] >= ' ' && p.text[i] != '"' && p.text[i] != '\\' {
		i++
	}
	p.pos = i
}

// escape reads one escape sequence: a backslash and what follows, or a surrogate pair of two.
func (p *parser) escape() (rune, bool) {
	if r, ok := p.shortEscape(); ok {
		p.pos += 2
		return r, true
	}
	r, ok := p.unicodeEscape(p.pos)
	if !ok {
		p.fail(CodeStructure, "A backslash begins an escape such as \\n or \\u00e9, but here it does not")
		return 0, false
	}
	if !utf16.IsSurrogate(r) {
		p.pos += 6
		return r, true
	}
	second, _ := p.unicodeEscape(p.pos + 6)
	pair := utf16.DecodeRune(r, second)
	if pair == utf8.RuneError {
		p.fail(CodeStructure, "The escape %s is half of a surrogate pair, which is no character", p.text[p.pos:p.pos+6])
		return 0, false
	}
	p.pos += 12
	return pair, true
}

// shortEscape is the character of the escape of two that comes next.
func (p *parser) shortEscape() (rune, bool) {
	if p.pos+1 >= len(p.text) {
		return 0, false
	}
	switch c := p.text[p.pos+1]; c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	default:
		return 0, false
	}
}

// unicodeEscape is the code unit of the \uXXXX at a position.
func (p *parser) unicodeEscape(at int) (rune, bool) {
	if at+6 > len(p.text) || p.text[at] != '\\' || p.text[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(p.text[at+2:at+6], 16, 16) // which reads hexadecimal digits alone: no sign, no underscore
	return rune(n), err == nil
}

func (p *parser) number() any {
	start := p.pos
	p.skip('-')
	whole := p.digits("minus sign")
	var fraction, exponent string
	if p.skip('.') {
		fraction = p.digits("decimal point")
	}
	if p.skip('e') || p.skip('E') {
		from := p.pos
		_ = p.skip('+') || p.skip('-')
		p.digits("exponent's beginning")
		exponent = p.text[from:p.pos]
	}
	if p.failed {
		return nil
	}
	number := p.text[start:p.pos]
	if len(whole) > 1 && whole[0] == '0' {
		p.pos = start
		p.fail(CodeStructure, "A number does not begin with a needless zero, but there is %s", clip(number))
		return nil
	}
	if reason := unkept(whole, fraction, exponent); reason != "" {
		p.pos = start
		p.fail(CodeValue, "The number %s %s", clip(number), reason)
		return nil
	}
	return Number(number)
}

// unkept says why a number cannot be kept digit by digit, or "".
func unkept(whole, fraction, exponent string) string {
	if len(whole)+len(fraction) > MaxDigits && len(strings.TrimLeft(whole+fraction, "0")) > MaxDigits {
		return fmt.Sprintf("has more than the %d significant digits that are kept", MaxDigits)
	}
	power, err := 0, error(nil)
	if exponent != "" {
		power, err = strconv.Atoi(exponent)
	}
	if last := power - len(fraction); err != nil || last < minExponent || last > maxExponent {
		return fmt.Sprintf("is out of range: the exponent of its last digit is %d to %d", minExponent, maxExponent)
	}
	return ""
}

// digits reads digits, of which there must be at least one behind the named place.
func (p *parser) digits(behind string) string {
	start := p.pos
	for isDigit(p.peek()) {
		p.pos++
	}
	if p.pos == start {
		p.fail(CodeStructure, "A digit should follow the %s, but there is %s", behind, p.next())
	}
	return p.text[start:p.pos]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// peek is the byte that comes next, 0 at the end. (A zero byte is never right in JSON.)
func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

// skip reads the byte if it comes next.
func (p *parser) skip(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

// word reads the text if it comes next.
func (p *parser) word(w string) bool {
	if !strings.HasPrefix(p.text[p.pos:], w) {
		return false
	}
	p.pos += len(w)
	return true
}

func (p *parser) space() {
	for {
		switch p.peek() {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// next describes what comes next, for an error.
func (p *parser) next() string {
	if p.pos >= len(p.text) {
		return "the end of the text"
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	return strconv.QuoteRune(r)
}
