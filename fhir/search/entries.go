package search

import "github.com/portico-health/portico/fhir"

// Entries are the index entries of one version of a resource: everything that a search can ask of
// it, as plain values that a driver stores and compares without knowing FHIR. Within
// each list no two entries are equal. What every version has (id, instant) is no entry: tests on the
// parameters ID and LastUpdated are answered from the version itself.
type Entries struct {
	Terms  []Term
	Texts  []Text
	Ranges []Range
}

// The parameters that are answered from the version itself, not from entries.
const (
	ID          = "_id"          // an Equal test with the bare id
	LastUpdated = "_lastUpdated" // a Within test; the version's interval is its instant's microsecond
)

// Term is an entry that is compared whole, byte by byte: tokens, references, URIs. The forms in
// which a value can be asked for ("system|code", "code", "system|") are entries of their own. The empty Value
// stands for a value that cannot be asked for, such as a reference that is a text alone: only Missing sees it.
type Term struct {
	Param string // "identifier"
	Value string
}

// Text is an entry of a string parameter.
type Text struct {
	Param  string
	Folded string // without case, accents and punctuation, spaces made one: what is compared by default, its first MaxFolded characters
	Exact  string // all of it as written, for :exact; "" for the part of a family name from a later word on, which is no value itself
}

// Range is an entry of a date parameter: the interval of time that the value means.
type Range struct {
	Param string
	fhir.Interval
}

// Indexed is a version as search sees it.
type Indexed struct {
	ID      string
	Instant fhir.Instant
	Entries Entries
}
