package fhir

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of the JSON that the house accepts.
const (
	MaxDepth  = 64        // objects and arrays within each other
	MaxValues = 4_000_000 // values of any kind: a text of 50 MiB that is FHIR has fewer, and each costs memory, however short it is
	MaxDigits = 34        // significant digits of a number: what Decimal128 holds

	minExponent = -6176 // of the last digit: the range of Decimal128
	maxExponent = 6111
	scanMembers = 24 // beyond, duplicate names are found by a set instead of a scan
	maxReported = 20 // duplicate names that are told
)

// ParseJSON decodes one JSON value (RFC 8259) into a tree. It refuses text that is not UTF-8, a syntax
// fault, a name that comes twice in an object, nesting deeper than MaxDepth, more than MaxValues values, an escaped half of a
// surrogate pair, and a number that has more than MaxDigits significant digits or whose last digit lies
// beyond the exponents of Decimal128, -6176 to 6111.
//
// The error is an *Error of kind Invalid. Each of its issues gives line and column (of characters, both
// from 1) and the path of the place: with the type when the text begins with resourceType
// ("Patient.name[0].given"), else from the root. The first twenty duplicate names are collected; any
// other fault ends the reading and comes last.
//
// The strings of the tree share the memory of one copy of the text.
func ParseJSON(text []byte) (any, error) {
	p := newParser(text)
	v := p.value(0)
	p.space()
	if p.pos < len(p.text) || p.broken != "" {
		p.fail(CodeStructure, "The JSON text goes on behind its end, with %s", p.next())
	}
	if len(p.issues) > 0 {
		return nil, &Error{Kind: Invalid, Issues: p.issues}
	}
	return v, nil
}

// parser reads one JSON text. Once it failed, every method returns at once.
type parser struct {
	text   string
	pos    int
	values int    // that were begun
	broken string // the byte behind the text that is no UTF-8, or ""

	// What was read of the objects and arrays that are open, the outermost first: each takes its share
	// from the end when it closes, in the right size.
	members []Member
	items   []any

	path     []step
	typeName string // the resourceType of the root, once it was read

	issues []Issue
	failed bool
	mark   mark
}

// step is one step of the path to the value in hand: a member's name or, from 0, an index.
type step struct {
	name  string
	index int
}

const noIndex = -1

// mark is the line and column of a position. Faults are reported in the order of the text, so that the
// mark only moves on, and finding every place costs one pass together.
type mark struct {
	pos, line, column int
}

// newParser cuts the text at the first byte that is not UTF-8: whoever comes to that end reports it,
// with the path.
func newParser(text []byte) *parser {
	s := string(bytes.TrimPrefix(text, []byte("\uFEFF"))) // RFC 8259 8.1: a parser may ignore a byte order mark
	p := &parser{text: s, mark: mark{line: 1, column: 1}}
	p.members, p.path = make([]Member, 0, 32), make([]step, 0, 16) // enough for most resources
	if !utf8.ValidString(s) {
		at := firstNotUTF8(s)
		p.text, p.broken = s[:at], s[at:at+1]
	}
	return p
}

// firstNotUTF8 is the place of the first byte that begins no character.
func firstNotUTF8(s string) int {
	at := 0
	for {
		r, size := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

func (p *parser) value(depth int) any {
	p.space()
	p.values++
	switch c := p.peek(); {
	case p.failed:
		return nil
	case p.values > MaxValues:
		p.fail(CodeTooCostly, "The JSON text has more than the %d values that are read", MaxValues)
		return nil
	case c == '"':
		return p.str()
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.array(depth + 1)
	case c == '-' || isDigit(c):
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
	own := len(p.members)
	var seen map[string]bool
	for first := true; p.more('}', first); first = false {
		at := p.pos
		name := p.name()
		p.path = append(p.path, step{name, noIndex})
		if known(p.members[own:], name, &seen) {
			p.duplicate(name, at)
		}
		v := p.value(depth)
		p.path = p.path[:len(p.path)-1]
		p.members = append(p.members, Member{name, v})
		if depth == 1 && name == "resourceType" {
			p.typeName, _ = v.(string)
		}
	}
	o := &Object{members: make([]Member, len(p.members)-own)}
	copy(o.members, p.members[own:])
	p.members = p.members[:own]
	return o
}

// name reads the name of a member and the colon.
func (p *parser) name() string {
	if p.peek() != '"' {
		p.fail(CodeStructure, "The name of a member should begin here, in quotation marks, but there is %s", p.next())
		return ""
	}
	name := p.str()
	p.space()
	if !p.skip(':') {
		p.fail(CodeStructure, "A colon should follow the name %s, but there is %s", Quote(name), p.next())
	}
	return name
}

func (p *parser) array(depth int) any {
	if p.tooDeep(depth) {
		return nil
	}
	p.pos++
	own := len(p.items)
	for p.more(']', len(p.items) == own) {
		p.path = append(p.path, step{index: len(p.items) - own})
		v := p.value(depth)
		p.path = p.path[:len(p.path)-1]
		p.items = append(p.items, v)
	}
	a := make(Array, len(p.items)-own)
	copy(a, p.items[own:])
	p.items = p.items[:own]
	return a
}

// more says whether another entry of an object or array follows. It reads the comma before the entry,
// which the first one does not have, or the bracket behind the last.
func (p *parser) more(bracket byte, first bool) bool {
	p.space()
	switch c := p.peek(); {
	case p.failed:
		return false
	case c == bracket:
		p.pos++
		return false
	case first:
		return true
	case c == ',':
		p.pos++
		p.space()
		return true
	default:
		p.fail(CodeStructure, "A comma or %q should follow, but there is %s", string(bracket), p.next())
		return false
	}
}

func (p *parser) tooDeep(depth int) bool {
	if depth <= MaxDepth {
		return false
	}
	p.fail(CodeTooLong, "The JSON text is nested deeper than the %d levels that are read", MaxDepth)
	return true
}

// known says whether a name is among the members. Objects of a hostile size get a set.
func known(members []Member, name string, seen *map[string]bool) bool {
	if len(members) < scanMembers {
		return slices.ContainsFunc(members, func(m Member) bool { return m.Name == name })
	}
	if *seen == nil {
		*seen = make(map[string]bool, 2*scanMembers)
		for _, m := range members {
			(*seen)[m.Name] = true
		}
	}
	twice := (*seen)[name]
	(*seen)[name] = true
	return twice
}

func (p *parser) duplicate(name string, at int) {
	if !p.failed && len(p.issues) < maxReported {
		p.report(at, CodeStructure, "The member %s comes twice in one object; which of the two counts cannot be known", Quote(name))
	}
}

// fail reports the fault that ends the reading, at the position.
func (p *parser) fail(code IssueCode, format string, args ...any) {
	switch {
	case p.failed:
		return
	case p.pos == len(p.text) && p.broken != "":
		p.report(p.pos, CodeStructure, "The text is not UTF-8, which JSON must be: the byte 0x%02x begins no character", p.broken[0])
	default:
		p.report(p.pos, code, format, args...)
	}
	p.failed = true
}

func (p *parser) report(at int, code IssueCode, format string, args ...any) {
	p.mark.move(p.text, at)
	detail := fmt.Sprintf(format, args...) + fmt.Sprintf(" (line %d, column %d).", p.mark.line, p.mark.column)
	p.issues = append(p.issues, Issue{Severity: Severe, Code: code, Detail: detail, Path: p.where()})
}

func (m *mark) move(text string, to int) {
	passed := text[m.pos:to]
	if lines := strings.Count(passed, "\n"); lines > 0 {
		m.line += lines
		m.column = 1
		passed = passed[strings.LastIndexByte(passed, '\n')+1:]
	}
	m.column += utf8.RuneCountInString(passed)
	m.pos = to
}

// where is the path to the value in hand, as FHIRPath.
func (p *parser) where() string {
	path := ""
	if p.typeName != "" {
		path = pathName(p.typeName)
	}
	for _, s := range p.path {
		switch {
		case s.index != noIndex:
			path += "[" + strconv.Itoa(s.index) + "]"
		case path != "":
			path += "." + pathName(s.name)
		default:
			path = pathName(s.name)
		}
	}
	return path
}

// pathName writes a client's name as FHIRPath does: between backticks when it is no identifier.
func pathName(name string) string {
	if isIdentifier(name) {
		return clip(name)
	}
	quoted := Quote(name)
	return "`" + strings.ReplaceAll(quoted[1:len(quoted)-1], "`", "\\`") + "`"
}

func isIdentifier(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return name != ""
}
