package search

import (
	"iter"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// Commas, vertical bars and dollar signs take a value apart, and a backslash before one of them, or before another backslash, makes it part of the value
// (https://hl7.org/fhir/R4/search.html#escaping). Terms that are made of several texts are written with the same escapes.

// indexMark is where the first mark stands that is not escaped; -1 where there is none.
func indexMark(v string, mark byte) int {
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case mark:
			return i
		}
	}
	return -1
}

// cutAt yields what stands between the marks that are not escaped; the escapes stay.
func cutAt(v string, mark byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			i := indexMark(v, mark)
			if i < 0 {
				yield(v)
				return
			}
			if !yield(v[:i]) {
				return
			}
			v = v[i+1:]
		}
	}
}

// maxParts is how far a value is taken apart: none has as many parts.
const maxParts = 8

// splitAt takes a value apart at each mark that is not escaped, and takes the escapes away. What has maxParts has more than any value.
func splitAt(v string, mark byte) []string {
	parts := cutParts(v, mark)
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	return parts
}

// cutParts is splitAt without taking the escapes away.
func cutParts(v string, mark byte) []string {
	var parts []string
	for part := range cutAt(v, mark) {
		if parts = append(parts, part); len(parts) == maxParts {
			break
		}
	}
	return parts
}

// splitValues takes alternatives apart at the commas, leaves empty ones out, and keeps the escapes in the others. It refuses a backslash that escapes
// nothing: "the parameter value xx\xx is illegal".
func splitValues(s string) ([]string, *fhir.Error) {
	if !escapesMarks(s) {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue,
			`In %s a backslash stands before what needs none: it is written before a comma, a vertical bar, a dollar sign or another backslash that belongs to the value.`, fhir.Quote(s))
	}
	var values []string
	for v := range cutAt(s, ',') {
		if strings.TrimSpace(v) != "" {
			values = append(values, v)
		}
	}
	return values, nil
}

// escapesMarks says whether each backslash stands before what it may escape.
func escapesMarks(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if i++; i == len(s) || strings.IndexByte(`\,|$`, s[i]) < 0 {
			return false
		}
	}
	return true
}

// unescape takes the escapes away.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	plain := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		plain = append(plain, s[i])
	}
	return string(plain)
}

// splitToken takes system|code apart, and says how many bars there are.
func splitToken(v string) (system, code string, bars int) {
	parts := splitAt(v, '|')
	if bars = len(parts) - 1; bars > 0 {
		system = parts[0]
	}
	return system, parts[bars], bars
}

var tokenEscapes = strings.NewReplacer(`\`, `\\`, `|`, `\|`)

// escapeToken is how a system or code is written in a Term, where a bar is between the two.
func escapeToken(s string) string {
	if strings.IndexByte(s, '|') < 0 && strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return tokenEscapes.Replace(s)
}

// escapeDollars is how the first part of a composite is written before the dollar sign that ends it: its other escapes are there already.
func escapeDollars(s string) string { return strings.ReplaceAll(s, "$", `\$`) }
