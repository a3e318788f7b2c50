package search

import (
	"fmt"
	"strconv"
	"strings"
)

// The subset of FHIRPath (http://hl7.org/fhirpath/N1/) that search parameters are written in: paths, union, as, is,
// where, resolve, exists, and, = and != with a literal, and an index.

// expr is a node of an expression: one of the types below.
type expr interface{ String() string }

type (
	// pathExpr is an element of what from selects; of the context where from is nil.
	pathExpr struct {
		from expr
		name string
	}
	// indexExpr is one value of what from selects.
	indexExpr struct {
		from expr
		n    int
	}
	// callExpr is a function of what from selects; of the context where from is nil.
	callExpr struct {
		from expr
		name string
		arg  expr // nil when there is none
	}
	// binaryExpr joins two expressions by |, as, is, =, != or and.
	binaryExpr struct {
		operator    string
		left, right expr
	}
	// literalExpr is a string or a boolean.
	literalExpr struct{ value any }
)

func (e pathExpr) String() string    { return behind(e.from, e.name) }
func (e indexExpr) String() string   { return fmt.Sprintf("%v[%d]", e.from, e.n) }
func (e literalExpr) String() string { return fmt.Sprint(e.value) }
func (e callExpr) String() string {
	if e.arg == nil {
		return behind(e.from, e.name+"()")
	}
	return behind(e.from, e.name+"("+e.arg.String()+")")
}
func (e binaryExpr) String() string {
	return "(" + e.left.String() + " " + e.operator + " " + e.right.String() + ")"
}

func behind(from expr, name string) string {
	if from == nil {
		return name
	}
	return from.String() + "." + name
}

// precedence of the operators, weak to strong (http://hl7.org/fhirpath/N1/#operator-precedence).
var precedence = map[string]int{"and": 1, "=": 2, "!=": 2, "|": 3, "is": 4, "as": 4}

// parseExpression reads an expression.
func parseExpression(text string) (expr, error) {
	p := pathParser{words: words(text)}
	e := p.binary(1)
	if p.err == nil && p.next() != "" {
		p.fail("the end")
	}
	if p.err != nil {
		return nil, fmt.Errorf("the expression %q: %w", text, p.err)
	}
	return e, nil
}

// pathParser reads the words of an expression. Once it failed, everything that it reads is void.
type pathParser struct {
	words []string
	pos   int
	err   error
}

// words cuts an expression into names, numbers, strings in their quotation marks, and signs.
func words(text string) []string {
	var all []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := wordLength(text)
		all = append(all, text[:n])
		text = text[n:]
	}
	return all
}

func wordLength(text string) int {
	switch {
	case strings.HasPrefix(text, "!="):
		return 2
	case text[0] == '\'':
		if end := strings.IndexByte(text[1:], '\''); end >= 0 {
			return end + 2
		}
		return len(text)
	}
	n := 0
	for n < len(text) && isWordByte(text[n]) {
		n++
	}
	return max(n, 1)
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func (p *pathParser) next() string {
	if p.pos < len(p.words) {
		return p.words[p.pos]
	}
	return ""
}

func (p *pathParser) accept(word string) bool {
	if p.next() != word {
		return false
	}
	p.pos++
	return true
}

func (p *pathParser) expect(word string) {
	if !p.accept(word) {
		p.fail("'" + word + "'")
	}
}

func (p *pathParser) fail(wanted string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s was expected before word %d %q", wanted, p.pos+1, p.next())
	}
}

func (p *pathParser) name() string {
	word := p.next()
	if word == "" || !isWordByte(word[0]) || (word[0] >= '0' && word[0] <= '9') {
		p.fail("a name")
		return ""
	}
	p.pos++
	return word
}

// binary reads operators at least as strong as the given precedence.
func (p *pathParser) binary(least int) expr {
	left := p.chain()
	for p.err == nil {
		operator := p.next()
		strength := precedence[operator]
		if strength < least {
			return left
		}
		p.pos++
		left = binaryExpr{operator, left, p.binary(strength + 1)}
	}
	return left
}

// chain reads a term and what follows it after dots and in brackets.
func (p *pathParser) chain() expr {
	e := p.term()
	for p.err == nil {
		switch {
		case p.accept("."):
			e = p.member(e)
		case p.accept("["):
			n, err := strconv.Atoi(p.next())
			if err != nil {
				p.fail("a number")
			}
			p.pos++
			p.expect("]")
			e = indexExpr{e, n}
		default:
			return e
		}
	}
	return e
}

func (p *pathParser) term() expr {
	word := p.next()
	switch {
	case p.accept("("):
		e := p.binary(1)
		p.expect(")")
		return e
	case p.accept("true"), p.accept("false"):
		return literalExpr{word == "true"}
	case strings.HasPrefix(word, "'") && len(word) > 1 && strings.HasSuffix(word, "'"):
		p.pos++
		return literalExpr{word[1 : len(word)-1]}
	default:
		return p.member(nil)
	}
}

// member reads the name of an element, or a function with at most one argument.
func (p *pathParser) member(from expr) expr {
	name := p.name()
	if !p.accept("(") {
		return pathExpr{from, name}
	}
	call := callExpr{from: from, name: name}
	if p.next() != ")" {
		call.arg = p.binary(1)
	}
	p.expect(")")
	return call
}
