package audit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// termSet is a set of what a search may ask of events, in little room: a Bloom filter (https://en.wikipedia.org/wiki/Bloom_filter). It may say that it has
// what it has not, one time in seven hundred; never the reverse.
type termSet []byte

const (
	termBits   = 16 // of the set, for each term in it
	termHashes = 5  // bits that stand for one term
)

// term is the hash of something that a search may ask for: FNV-1a (RFC 9923) of its kind and its text.
type term uint64

// The kinds of terms.
const (
	ofReference   = 'r' // "Patient/1": a patient whose data were shown, or what was read or written
	ofInteraction = 'i'
	ofOutcome     = 'o'
	ofClient      = 'c'
)

func termOf(kind byte, text string) term {
	return term(fnv1a(fnv1a(fnvBasis, string(rune(kind))), text))
}

// referenceTerm is termOf(ofReference, key.String()).
func referenceTerm(key fhir.Key) term {
	h := fnv1a(fnvBasis, string(rune(ofReference)))
	return term(fnv1a(fnv1a(fnv1a(h, key.Type), "/"), key.ID))
}

// clientTerm is that of a credential, whichever way its id is spelt.
func clientTerm(id string) term { return termOf(ofClient, strings.ToLower(plain(id))) }

const fnvBasis = 14695981039346656037

func fnv1a(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// termSetOf is the set of the terms of events.
func termSetOf(events []Event) termSet {
	all := make([]term, 0, 2*len(events))
	var last *Event // what is as it was in the event before, and mostly is, is there already
	for i := range events {
		e := &events[i]
		if last == nil || e.Interaction != last.Interaction {
			all = append(all, termOf(ofInteraction, string(e.Interaction)))
		}
		if last == nil || e.Outcome != last.Outcome {
			all = append(all, termOf(ofOutcome, strconv.Itoa(int(e.Outcome))))
		}
		if last == nil || e.Who.Client != last.Who.Client {
			all = append(all, clientTerm(e.Who.Client))
		}
		if e.Key.ID != "" {
			all = append(all, referenceTerm(e.Key))
		}
		for _, id := range e.Patients {
			if patient := (fhir.Key{Type: "Patient", ID: id}); patient != e.Key || id == "" {
				all = append(all, referenceTerm(patient))
			}
		}
		last = e
	}
	slices.Sort(all)
	return newTermSet(slices.Compact(all))
}

func newTermSet(all []term) termSet {
	set := make(termSet, (termBits*len(all)+7)/8)
	for _, t := range all {
		for i := range termHashes {
			bit := set.bit(t, i)
			set[bit/8] |= 1 << (bit % 8)
		}
	}
	return set
}

// mayHave says whether the set may have a term.
func (s termSet) mayHave(t term) bool {
	if len(s) == 0 {
		return false
	}
	for i := range termHashes {
		if bit := s.bit(t, i); s[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// bit is the place of the i-th bit of a term, by two hashes that are made of one.
func (s termSet) bit(t term, i int) uint64 {
	high, low := uint64(t)>>32, uint64(t)&(1<<32-1)
	return (high + uint64(i)*(low|1)) % uint64(8*len(s))
}
