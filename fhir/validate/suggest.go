package validate

import (
	"strings"

	"github.com/portico-health/portico/fhir"
)

// unknown reports a member that the structure does not have, with the one that was probably meant.
func (w *walk) unknown(s *structure, name string) {
	detail := fhir.Quote(name) + " is no element of " + s.title + "."
	switch hint := s.hint(name); {
	case hint != "":
		detail += " " + hint
	default:
		if near := nearest(name, s.names()); near != "" {
			detail += " Did you mean " + near + "?"
		}
	}
	if isIdentifier(name) {
		w.faultAt(name, fhir.CodeStructure, detail)
	} else {
		w.fault(fhir.CodeStructure, detail)
	}
}

// hint says what is wrong with a name that is right but for its form, or "".
func (s *structure) hint(name string) string {
	if plain, ok := strings.CutPrefix(name, "_"); ok {
		if m := s.members[plain]; m != nil && m.bare {
			return plain + " has neither an id nor extensions."
		} else if m != nil {
			return "Only primitive values have a member with an underscore, and " + plain + " is " + m.describe() + "."
		}
	}
	for _, c := range s.choices {
		if c.element.Name == name {
			return "Its type belongs to its name: " + alternatives(c.names()) + "."
		}
	}
	return ""
}

func (c choice) names() []string {
	names := make([]string, len(c.members))
	for i, m := range c.members {
		names[i] = m.name
	}
	return names
}

func (s *structure) names() []string {
	names := make([]string, len(s.ordered))
	for i, m := range s.ordered {
		names[i] = m.name
	}
	return names
}

// nearest finds the word that another one was probably meant to be, "" when none is near.
func nearest(word string, words []string) string {
	best, bound := "", min(2, len(word)/3)
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return w
		}
		if max(len(w), len(word))-min(len(w), len(word)) > bound {
			continue
		}
		if d := distance(w, word); d <= bound && (best == "" || d < distance(best, word)) {
			best = w
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with the next that turns one word into the other.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// isIdentifier says whether a name can stand in a path as it is.
func isIdentifier(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}
