package search

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
)

// Pair is a parameter of a search as it came: the name with its modifier ("name:exact"), and the value. Both are
// decoded from the URL; the commas and backslashes of R4 are still in the value.
type Pair struct{ Name, Value string }

// SplitQuery takes a query string, or a body of application/x-www-form-urlencoded, apart into its parameters, in
// their order. A plus sign is a space; a semicolon is part of the text
// (https://url.spec.whatwg.org/#urlencoded-parsing). Malformed percent-encoding is Invalid, with the first faults; more than
// MaxPairs parameters are TooCostly.
func SplitQuery(raw string) ([]Pair, error) {
	var pairs []Pair
	var faults *fhir.Error
	count := 0
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		if count++; count > MaxPairs {
			return nil, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "The search has more than %d parameters. Ask in several searches.", MaxPairs)
		}
		name, value, _ := strings.Cut(part, "=")
		pair, err := decodePair(name, value)
		if err != nil {
			faults = join(faults, err)
			continue
		}
		pairs = append(pairs, pair)
	}
	if faults != nil {
		return nil, faults
	}
	return pairs, nil
}

func decodePair(name, value string) (Pair, *fhir.Error) {
	n, err := url.QueryUnescape(name)
	if err != nil {
		return Pair{}, badEncoding("The name of a parameter", name).At(readable(name))
	}
	v, err := url.QueryUnescape(value)
	if err != nil {
		return Pair{}, badEncoding("The value of "+fhir.Quote(readable(n)), value).At(readable(n))
	}
	for _, s := range []string{n, v} {
		if fault := notText(s); fault != "" {
			return Pair{}, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "The parameter %s.", fault).At(readable(n))
		}
	}
	return Pair{n, v}, nil
}

// notText says why a text is none that a resource can have, or "": no FHIR string has a character below 32 but tab, line feed and
// carriage return (https://hl7.org/fhir/R4/datatypes.html#string).
func notText(s string) string {
	if !utf8.ValidString(s) {
		return "is not text in UTF-8"
	}
	if i := strings.IndexFunc(s, isControl); i >= 0 {
		return fmt.Sprintf("has the control character %%%02X in it, which no text of a resource has", s[i])
	}
	return ""
}

func isControl(c rune) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\r' }

// readable makes text of anything, for an error.
func readable(s string) string {
	return strings.Map(func(c rune) rune {
		if isControl(c) {
			return utf8.RuneError
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func badEncoding(what, text string) *fhir.Error {
	return fhir.Errorf(fhir.Invalid, fhir.CodeValue,
		"%s is not percent-encoded: %s has a %% that two hexadecimal digits do not follow; a percent sign itself is written %%25.", what, fhir.Quote(readable(text)))
}

// JoinQuery writes parameters as a query string, which SplitQuery takes apart again into the same ones. What RFC 3986 allows in
// a query stays readable, as in "identifier=https://example.org%7C1&_sort=-date".
func JoinQuery(pairs []Pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		escape(&b, p.Name)
		b.WriteByte('=')
		escape(&b, p.Value)
	}
	return b.String()
}

func escape(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:/,$@!*()", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
}
