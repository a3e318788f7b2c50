package audit

import (
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// termSet is a set of what a search may ask of events, in little room: a Bloom filter (https://en.wikipedia.org/wiki/Bloom_filter). It may say that it has
// what it has not, one time in a hundred; never the reverse.
type termSet []byte

const (
	termBits   = 10 // of the set, for each term in it
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
	all := make(map[term]struct{})
	for i := range events {
		e := &events[i]
		all[termOf(ofInteraction, string(e.Interaction))] = struct{}{}
		all[termOf(ofOutcome, strconv.Itoa(int(e.Outcome)))] = struct{}{}
		all[clientTerm(e.Who.Client)] = struct{}{}
		if e.Key.ID != "" {
			all[referenceTerm(e.Key)] = struct{}{}
		}
		for _, id := range e.Patients {
			all[referenceTerm(fhir.Key{Type: "Patient", ID: id})] = struct{}{}
		}
	}
	set := make(termSet, (termBits*len(all)+7)/8)
	for t := range all {
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
