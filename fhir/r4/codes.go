package r4

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed codes.txt
var codeTable string

// Coding is a code with the system that defines it.
type Coding struct {
	System string // canonical URL of the code system
	Code   string
}

var codeIndex = sync.OnceValue(func() map[string]section { return index(codeTable) })

// Codes returns the codes of a value set, given by its canonical URL without version, in the order of the definition: for
// every value set that a required binding of R4 names. complete is false when R4 cannot enumerate it (languages, media types, UCUM units,
// currencies); codes are then those that are known, if any, and another code may be right. For a value set that is not known codes is nil
// and complete false.
func Codes(valueSet string) (codes []string, complete bool) {
	codings, complete := Codings(valueSet)
	for _, c := range codings {
		codes = append(codes, c.Code)
	}
	return codes, complete
}

// Codings is [Codes] with the system of each code. An element of type code has no system of its own:
// the one here is what a token search compares (http://hl7.org/fhir/R4/search.html#token).
func Codings(valueSet string) (codings []Coding, complete bool) {
	s, found := codeIndex()[valueSet]
	if !found {
		return nil, false
	}
	for line := range s.lines() {
		system, codes, _ := strings.Cut(line, "\t")
		for code := range strings.SplitSeq(codes, "\t") {
			codings = append(codings, Coding{System: system, Code: code})
		}
	}
	return codings, s.head == "complete"
}
