package search

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// A URI is compared whole and with case (https://hl7.org/fhir/R4/search.html#uri): its Term is the text. A canonical URL with a version has a second Term without it.
// With :below it is found by each beginning of its path, with :above by whatever goes on where its path ends; a slash at the end counts for
// nothing there. URNs have no path: nothing is below or above them but themselves. For :below there is an Ordered, of the first MaxFolded characters.
type uri struct {
	name string
}

func (u *uri) stamp() string { return "uri 1" }

func (u *uri) index(at place) sink {
	switch at.code() {
	case "uri", "url", "oid", "uuid":
		return func(x *extraction, v any) { u.leave(x, asWritten(v)) }
	case "canonical":
		return func(x *extraction, v any) {
			s := asWritten(v)
			u.leave(x, s)
			if i := strings.LastIndexByte(s, '|'); i > 0 {
				x.term(u.name, s[:i])
			}
		}
	}
	return nil
}

func (u *uri) leave(x *extraction, s string) {
	x.term(u.name, s)
	if start := beginning(s); hasPath(s) {
		x.ordered(u.name, start, start)
	}
}

// hasPath tells URLs from what has no hierarchy: URNs, and what is no URI.
func hasPath(s string) bool { return strings.Contains(s, "://") }

func (u *uri) always() bool { return false }

func (u *uri) modifiers() []string { return []string{"above", "below"} }

func (u *uri) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		v = unescape(v)
		switch {
		case c.modifier == "" || !hasPath(v):
			return []Test{Equal{u.name, v}}, nil
		case c.modifier == "above":
			return u.above(v)
		default:
			return u.below(v)
		}
	})
}

// below finds the URL and what its path is the beginning of.
func (u *uri) below(v string) ([]Test, *fhir.Error) {
	v = strings.TrimRight(v, "/")
	if path := v + "/"; len(beginning(path)) == len(path) {
		return []Test{Equal{u.name, v}, beginsWith(u.name, path)}, nil
	}
	return nil, fhir.Errorf(fhir.Invalid, fhir.CodeTooLong,
		"%s is too long: the first %d characters of a URL are compared with :below.", fhir.Quote(v), MaxFolded)
}

// What :above takes: each of the beginnings is a comparison.
const (
	maxAbove    = 2048 // bytes of a URL
	maxSegments = 64   // slashes behind its authority
)

// above finds the URL and each of the beginnings of its path, with and without a slash at the end.
func (u *uri) above(v string) ([]Test, *fhir.Error) {
	v = strings.TrimRight(v, "/")
	if len(v) > maxAbove || strings.Count(v, "/") > maxSegments {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeTooLong,
			"%s is too long: :above takes a URL of at most %d bytes with at most %d slashes.", fhir.Quote(v), maxAbove, maxSegments)
	}
	authority := strings.Index(v, "://") + len("://")
	var tests []Test
	for i := authority; i <= len(v); i++ {
		if i == len(v) || v[i] == '/' {
			tests = append(tests, Equal{u.name, v[:i]}, Equal{u.name, v[:i] + "/"})
		}
	}
	return tests, nil
}
