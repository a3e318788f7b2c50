package r4

import (
	"iter"
	"strings"
)

// A table is the text that cmd/fhirgen writes: lines of fields between tabs, grouped in sections. A line "@name" and
// further fields opens a section, a line "#..." is a remark. Everything that is read from it is a substring, nothing
// is copied.

const sectionMark = "\n@"

// section is one section of a table.
type section struct {
	head string // the fields after the name
	body string // the lines
}

// sections gives the sections of a table by name.
func sections(table string) iter.Seq2[string, section] {
	return func(yield func(string, section) bool) {
		_, rest, found := strings.Cut(table, sectionMark)
		for found {
			var s section
			var title string
			s.body, rest, found = strings.Cut(rest, sectionMark)
			title, s.body, _ = strings.Cut(s.body, "\n")
			name, head, _ := strings.Cut(title, "\t")
			s.head = head
			if !yield(name, s) {
				return
			}
		}
	}
}

// index gathers the sections of a table.
func index(table string) map[string]section {
	all := make(map[string]section, strings.Count(table, sectionMark))
	for name, s := range sections(table) {
		all[name] = s
	}
	return all
}

// lines gives the lines of a section without their line feeds.
func (s section) lines() iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(s.body) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

// fields cuts a line into its n fields; missing ones at the end are empty.
func fields(line string, into []string) {
	for i := range into {
		into[i], line, _ = strings.Cut(line, "\t")
	}
}

// list cuts a list at its commas; the empty text is the empty list.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
