package search

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
)

// Limits of one _filter.
const (
	MaxFilter      = 4096 // bytes
	MaxFilterDepth = 16   // parentheses within each other
)

// filter is a node of a _filter (https://hl7.org/fhir/R4/search_filter.html): a filterTest, a filterNot or a filterJoin.
type filter interface{ isFilter() }

type (
	// filterTest compares what a parameter, or a chain of them, finds with a value.
	filterTest struct {
		at              int // of the path, the first character being 1
		path, op, value string
	}
	filterNot struct{ of filter }
	// filterJoin is "and" or "or". "Logical expressions are evaluated left to right, with no precedence between and and or".
	filterJoin struct {
		and         bool
		left, right filter
	}
)

func (filterTest) isFilter() {}
func (filterNot) isFilter()  {}
func (filterJoin) isFilter() {}

// filterParser reads the grammar of R4. Once it failed, everything that it reads is void.
type filterParser struct {
	text  string
	pos   int // bytes
	depth int
	err   *fhir.Error
}

// parseFilter reads a _filter. What is wrong is told with its place and what was expected there.
func parseFilter(text string) (filter, *fhir.Error) {
	if len(text) > MaxFilter {
		return nil, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The filter has %d bytes; at most %d are taken.", len(text), MaxFilter)
	}
	p := filterParser{text: text}
	f := p.filter()
	if p.space(); p.err == nil && p.pos < len(p.text) {
		if p.text[p.pos] == ')' {
			p.fail("an unbalanced parenthesis: there is none open")
		} else {
			p.expected("and, or, or the end")
		}
	}
	return f, p.err
}

// filter reads tests that are joined by and, or.
func (p *filterParser) filter() filter {
	left := p.term()
	for p.err == nil {
		start := p.pos
		word := p.word()
		if word != "and" && word != "or" {
			p.pos = start
			return left
		}
		left = filterJoin{word == "and", left, p.term()}
	}
	return left
}

// term reads one test, a filter in parentheses, or one that must not hold.
func (p *filterParser) term() filter {
	p.space()
	if p.next() == '(' {
		return p.parentheses()
	}
	start := p.pos
	if p.word() == "not" {
		if p.space(); p.next() != '(' {
			p.expected("an opening parenthesis behind not")
			return nil
		}
		return filterNot{p.parentheses()}
	}
	p.pos = start
	return p.test()
}

func (p *filterParser) parentheses() filter {
	opened := p.place()
	if p.depth++; p.depth > MaxFilterDepth {
		p.fail(fmt.Sprintf("more than %d parentheses within each other", MaxFilterDepth))
		return nil
	}
	p.pos++
	f := p.filter()
	if p.space(); p.err == nil && p.next() != ')' {
		p.expected(fmt.Sprintf("a closing parenthesis for the one at %d", opened))
	}
	p.pos++
	p.depth--
	return f
}

// test reads a path, an operator and a value.
func (p *filterParser) test() filter {
	t := filterTest{at: p.place(), path: p.path()}
	if p.err != nil {
		return t
	}
	if p.space(); p.err == nil {
		t.op = p.word()
	}
	if !slices.Contains(filterOperators, t.op) {
		p.pos -= len(t.op)
		p.expected("an operator (" + list(filterOperators) + ")")
		return t
	}
	p.space()
	if p.next() == '"' {
		t.value = p.quoted()
		return t
	}
	if t.value = p.until(func(c rune) bool { return unicode.IsSpace(c) || c == ')' || c == ']' }); t.value == "" {
		p.expected("a value")
	}
	return t
}

// path reads names of parameters, with points between them.
func (p *filterParser) path() string {
	start := p.pos
	for {
		name := p.letters()
		if name == "" || name[0] >= '0' && name[0] <= '9' || name[0] == '-' {
			p.pos -= len(name)
			p.expected("the name of a search parameter")
			return ""
		}
		switch p.next() {
		case '.':
			p.pos++
		case '[':
			p.fail("a filter in brackets, which is not supported: join what it asks by and, or ask in several searches")
			return ""
		default:
			return p.text[start:p.pos]
		}
	}
}

// quoted reads a JSON string.
func (p *filterParser) quoted() string {
	for end := p.pos + 1; end < len(p.text); end++ {
		switch p.text[end] {
		case '\\':
			end++
		case '"':
			var s string
			switch err := json.Unmarshal([]byte(p.text[p.pos:end+1]), &s); {
			case err != nil:
				p.expected("a string as JSON writes it")
			case s == "":
				p.fail("an empty string, which no value is: write not (… pr true) for what has no value")
			}
			p.pos = end + 1
			return s
		}
	}
	p.fail("a quotation mark that is not closed")
	return ""
}

// word reads letters, digits, underscores and hyphens, behind any space; "" where there are none.
func (p *filterParser) word() string {
	p.space()
	return p.letters()
}

func (p *filterParser) letters() string {
	return p.until(func(c rune) bool { return c > unicode.MaxASCII || c != '-' && !isWordByte(byte(c)) })
}

func (p *filterParser) until(stop func(rune) bool) string {
	rest := p.text[min(p.pos, len(p.text)):]
	n := strings.IndexFunc(rest, stop)
	if n < 0 {
		n = len(rest)
	}
	p.pos += n
	return rest[:n]
}

func (p *filterParser) space() { p.until(func(c rune) bool { return !unicode.IsSpace(c) }) }

// next is the byte that is read next, 0 at the end.
func (p *filterParser) next() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

// place is how many characters in what is read next stands, the first being 1.
func (p *filterParser) place() int {
	return utf8.RuneCountInString(p.text[:min(p.pos, len(p.text))]) + 1
}

func (p *filterParser) fail(what string) {
	if p.err == nil {
		p.err = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "At character %d of the filter there is %s.", p.place(), what)
	}
}

func (p *filterParser) expected(what string) {
	there := "the end"
	if p.pos < len(p.text) {
		const shown = 20
		there = fhir.Quote(firstCharacters(p.text[p.pos:], shown))
	}
	if p.err == nil {
		p.err = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "At character %d of the filter %s is expected, but there is %s.", p.place(), what, there)
	}
}
