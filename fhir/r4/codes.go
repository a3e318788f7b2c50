package r4

import (
	_ "embed"
	"slices"
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

// codeList is a value set as it is kept once it has been asked for.
type codeList struct {
	codes    []string
	codings  []Coding
	complete bool
}

var codeIndex = sync.OnceValue(func() map[string]func() codeList {
	byURL := make(map[string]func() codeList)
	for url, s := range sections(codeTable) {
		byURL[url] = sync.OnceValue(s.codeList)
	}
	return byURL
})

func (s section) codeList() codeList {
	all := codeList{complete: s.head == "complete"}
	for line := range s.lines() {
		system, codes, _ := strings.Cut(line, "\t")
		for code := range strings.SplitSeq(codes, "\t") {
			all.codes = append(all.codes, code)
			all.codings = append(all.codings, Coding{System: system, Code: code})
		}
	}
	all.codes, all.codings = slices.Clip(all.codes), slices.Clip(all.codings)
	return all
}

// Codes returns the codes of a value set, given by its canonical URL without version, in the order of the definition.
// There is an answer for every value set that a required binding of R4 names. complete is false when R4 cannot
// enumerate it (media types, UCUM units, currencies): codes are then those that are known, if any, and another one
// may be right. Abstract codes, which only group others, are not among them. For any other value set codes is nil and
// complete false. The slice is shared and must not be changed.
func Codes(valueSet string) (codes []string, complete bool) {
	l := lookupCodes(valueSet)
	return l.codes, l.complete
}

// Codings is [Codes] with the system of each code. An element of type code has no system of its own:
// the one here is what a token search compares (http://hl7.org/fhir/R4/search.html#token).
func Codings(valueSet string) (codings []Coding, complete bool) {
	l := lookupCodes(valueSet)
	return l.codings, l.complete
}

func lookupCodes(valueSet string) codeList {
	if decode := codeIndex()[valueSet]; decode != nil {
		return decode()
	}
	return codeList{}
}
