package fhir

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of the JSON that the house accepts.
const (
	MaxDepth  = 64 // objects and arrays within each other
	MaxDigits = 34 // significant digits of a number: what Decimal128 holds

	minExponent = -6176 // of the last digit: the range of Decimal128
	maxExponent = 6111
	scanMembers = 24 // beyond, duplicate names are found by a set instead of a scan
	maxReported = 20 // duplicate names that are told
)

// ParseJSON decodes one JSON value (RFC 8259) into a tree. It refuses, with the place: text that is
// not UTF-8, a syntax fault, a name that comes twice in an object, nesting deeper than MaxDepth, a
// number with more than MaxDigits significant digits, and an escaped half of a surrogate pair.
// Duplicate names are collected; any other fault ends the reading.
func ParseJSON(text []byte) (any, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // RFC 8259 8.1: a parser may ignore a byte order mark
	p := parser{text: string(text)}
	if !utf8.ValidString(p.text) {
		return nil, p.badUTF8()
	}
	v := p.value(0)
	p.space()
	if p.fault == nil && p.pos < len(p.text) {
		p.fail(CodeStructure, "The JSON text goes on behind its end, with %s", p.next())
	}
	if p.fault != nil {
		return nil, p.fault
	}
	if p.duplicates != nil {
		return nil, p.duplicates
	}
	return v, nil
}

// parser reads one JSON text. Once fault is set, every method returns at once.
type parser struct {
	text       string
	pos        int
	path       []step
	fault      *Error
	duplicates *Error
}

// step is one step of the path to the value in hand: a member's name or, when it is "", an index.
type step struct {
	name  string
	index int
}

func (p *parser) value(depth int) any {
	p.space()
	if p.pos >= len(p.text) {
		p.fail(CodeStructure, "The JSON text ends where a value should begin")
		return nil
	}
	switch c := p.text[p.pos]; {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '"':
		return p.str()
	case c == '-' || (c >= '0' && c <= '9'):
		return p.number()
	case p.word("true"):
		return true
	case p.word("false"):
		return false
	case p.word("null"):
		return nil
	default:
		p.fail(CodeStructure, "A value should begin here, but there is %s", p.next())
		return nil
	}
}

func (p *parser) object(depth int) any {
	if p.tooDeep(depth) {
		return nil
	}
	p.pos++
	o := &Object{members: make([]Member, 0, 6)}
	var seen map[string]bool
	for first := true; p.fault == nil; first = false {
		if p.closes('}', first) {
			return o
		}
		p.space()
		if p.pos >= len(p.text) || p.text[p.pos] != '"' {
			p.fail(CodeStructure, "The name of a member should begin here, in quotation marks, but there is %s", p.next())
			return nil
		}
		at := p.pos
		name := p.str()
		p.space()
		if p.fault == nil && !p.word(":") {
			p.fail(CodeStructure, "A colon should follow the name %s, but there is %s", Quote(name), p.next())
		}
		if p.fault != nil {
			return nil
		}
		p.path = append(p.path, step{name: name})
		if o.known(name, &seen) {
			p.duplicate(name, at)
		}
		v := p.value(depth)
		p.path = p.path[:len(p.path)-1]
		o.members = append(o.members, Member{name, v})
	}
	return nil
}

// known says whether the object has the member already. Objects of a hostile size get a set.
func (o *Object) known(name string, seen *map[string]bool) bool {
	if len(o.members) < scanMembers {
		_, ok := o.Get(name)
		return ok
	}
	if *seen == nil {
		*seen = make(map[string]bool, 2*scanMembers)
		for _, m := range o.members {
			(*seen)[m.Name] = true
		}
	}
	known := (*seen)[name]
	(*seen)[name] = true
	return known
}

func (p *parser) array(depth int) any {
	if p.tooDeep(depth) {
		return nil
	}
	p.pos++
	a := Array{}
	for p.fault == nil {
		if p.closes(']', len(a) == 0) {
			return a
		}
		p.path = append(p.path, step{index: len(a)})
		v := p.value(depth)
		p.path = p.path[:len(p.path)-1]
		a = append(a, v)
	}
	return nil
}

// closes reads the bracket that ends an object or array and says so, or reads the comma between two
// entries. At the first entry there is no comma.
func (p *parser) closes(bracket byte, first bool) bool {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == bracket {
		p.pos++
		return true
	}
	if !first && !p.word(",") {
		p.fail(CodeStructure, "A comma or %q should follow, but there is %s", string(bracket), p.next())
	}
	return false
}

func (p *parser) tooDeep(depth int) bool {
	if depth <= MaxDepth {
		return false
	}
	p.fail(CodeTooLong, "The JSON text is nested deeper than the %d levels that are read", MaxDepth)
	return true
}

func (p *parser) str() string {
	p.pos++
	start := p.pos
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			return p.text[start : p.pos-1]
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			p.fail(CodeStructure, "A control character must be escaped inside a string, but there is %s", p.next())
			return ""
		}
		p.pos++
	}
	p.fail(CodeStructure, "The JSON text ends inside a string")
	return ""
}

// escaped reads on behind the first backslash of a string that began at start.
func (p *parser) escaped(start int) string {
	var b strings.Builder
	b.WriteString(p.text[start:p.pos])
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '"':
			p.pos++
			return b.String()
		case c < ' ':
			p.fail(CodeStructure, "A control character must be escaped inside a string, but there is %s", p.next())
			return ""
		case c != '\\':
			b.WriteByte(c)
			p.pos++
			continue
		}
		r, ok := p.escape()
		if !ok {
			return ""
		}
		b.WriteRune(r)
	}
	p.fail(CodeStructure, "The JSON text ends inside a string")
	return ""
}

var simpleEscapes = map[byte]rune{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape reads one escape sequence: a backslash and what follows, or a surrogate pair of two.
func (p *parser) escape() (rune, bool) {
	if p.pos+1 < len(p.text) {
		if r, ok := simpleEscapes[p.text[p.pos+1]]; ok {
			p.pos += 2
			return r, true
		}
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
	second, ok := p.unicodeEscape(p.pos + 6)
	pair := utf16.DecodeRune(r, second)
	if !ok || pair == utf8.RuneError {
		p.fail(CodeStructure, "The escape %s is half of a surrogate pair, which is no character", p.text[p.pos:p.pos+6])
		return 0, false
	}
	p.pos += 12
	return pair, true
}

// unicodeEscape reads the \uXXXX at a position.
func (p *parser) unicodeEscape(at int) (rune, bool) {
	if at+6 > len(p.text) || p.text[at] != '\\' || p.text[at+1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(p.text[at+2 : at+6]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(p.text[at+2:at+6], 16, 16)
	return rune(n), err == nil
}

func (p *parser) number() any {
	start := p.pos
	p.word("-")
	whole := p.digits()
	if whole == "" || (len(whole) > 1 && whole[0] == '0') {
		p.pos = start
		p.fail(CodeStructure, "A number must begin with one digit that is not zero, or with a single zero, but there is %s", p.next())
		return nil
	}
	fraction, exponent := "", ""
	if p.word(".") {
		if fraction = p.digits(); fraction == "" {
			p.fail(CodeStructure, "A digit must follow the decimal point, but there is %s", p.next())
			return nil
		}
	}
	if p.word("e") || p.word("E") {
		sign := p.pos
		_ = p.word("+") || p.word("-")
		if p.digits() == "" {
			p.fail(CodeStructure, "A digit must follow the exponent's sign, but there is %s", p.next())
			return nil
		}
		exponent = p.text[sign:p.pos]
	}
	if reason := tooPrecise(whole, fraction, exponent); reason != "" {
		p.pos = start
		p.fail(CodeValue, "The number %s", reason)
		return nil
	}
	return Number(p.text[start:p.pos])
}

// tooPrecise says why a number cannot be kept digit by digit, or "".
func tooPrecise(whole, fraction, exponent string) string {
	if len(whole)+len(fraction) > MaxDigits &&
		len(strings.TrimLeft(whole+fraction, "0")) > MaxDigits {
		return "has more than the " + strconv.Itoa(MaxDigits) + " significant digits that are kept"
	}
	last := 0
	if exponent != "" {
		n, err := strconv.Atoi(exponent)
		if err != nil {
			return "has an exponent out of range"
		}
		last = n
	}
	if last -= len(fraction); last < minExponent || last > maxExponent {
		return "has an exponent out of range"
	}
	return ""
}

func (p *parser) digits() string {
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	return p.text[start:p.pos]
}

// word reads the given text if it comes next.
func (p *parser) word(w string) bool {
	if !strings.HasPrefix(p.text[p.pos:], w) {
		return false
	}
	p.pos += len(w)
	return true
}

func (p *parser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
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

func (p *parser) fail(code IssueCode, format string, args ...any) {
	if p.fault == nil {
		p.fault = p.faultAt(p.pos, code, format, args...)
	}
}

func (p *parser) duplicate(name string, at int) {
	if p.duplicates != nil && len(p.duplicates.Issues) >= maxReported {
		return
	}
	e := p.faultAt(at, CodeStructure, "The member %s comes twice in one object; which of the two counts cannot be known", Quote(name))
	if p.duplicates == nil {
		p.duplicates = e
		return
	}
	p.duplicates.Issues = append(p.duplicates.Issues, e.Issues...)
}

// faultAt makes an error with the line and column (in bytes, from 1) of a position.
func (p *parser) faultAt(at int, code IssueCode, format string, args ...any) *Error {
	line := 1 + strings.Count(p.text[:at], "\n")
	column := at - strings.LastIndexByte(p.text[:at], '\n')
	args = append(args, line, column)
	return Errorf(Invalid, code, format+" (line %d, column %d).", args...).At(p.where())
}

// where is the path in hand, as FHIRPath from the root without the type's name.
func (p *parser) where() string {
	var b strings.Builder
	for _, s := range p.path {
		switch {
		case s.name == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case b.Len() > 0:
			b.WriteString("." + clip(s.name))
		default:
			b.WriteString(clip(s.name))
		}
	}
	return b.String()
}

func (p *parser) badUTF8() *Error {
	at := 0
	for at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return p.faultAt(at, CodeStructure, "The text is not UTF-8, which JSON must be: the byte 0x%02x begins no character", p.text[at])
}
