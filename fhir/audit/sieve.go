package audit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// sieve decides of events, without making AuditEvents of them, as much of a search as can be decided so.
type sieve struct {
	from, to fhir.Instant // bounds of the instants, both included
	clauses  []mesh       // what every match satisfies, beside the bounds
	ids      []string     // where the search names ids: no others match
	named    bool         // it does
	exact    bool         // what passes is a match; otherwise it may be one
}

// mesh is a clause of a search: one of its conditions holds of a match.
type mesh []condition

// condition is a test of a search as it is decided of an event.
type condition struct {
	terms []term // of which a block has at least one where an event of it passes; nil: any block may have such an event
	holds func(*Event) bool
}

// newSieve makes a sieve of the clauses of a search.
func newSieve(all []search.Any) sieve {
	s := sieve{from: fhir.Beginning, to: fhir.End, exact: true}
	for _, clause := range all {
		if from, to, ok := onTime(clause); ok {
			if s.from, s.to = max(s.from, from), min(s.to, to); len(clause) == 1 {
				continue
			}
		}
		if ids, ok := onIDs(clause); ok && !s.named {
			s.ids, s.named = ids, true
			continue
		}
		m, ok := meshOf(clause)
		if !ok {
			s.exact = false
			continue
		}
		s.clauses = append(s.clauses, m)
	}
	return s
}

// onTime are the bounds of a clause that is one of time and nothing else; where it has several tests, there may be gaps between them. An event is recorded when it
// was, and never updated: date and _lastUpdated are the same.
func onTime(clause search.Any) (from, to fhir.Instant, ok bool) {
	from, to = fhir.End, fhir.Beginning
	for _, t := range clause {
		w, is := t.(search.Within)
		if !is || !isTime(w.Param) {
			return 0, 0, false
		}
		first, last := w.Instants()
		from, to = min(from, first), max(to, last)
	}
	return from, to, true
}

func isTime(param string) bool { return param == "date" || param == search.LastUpdated }

// onIDs are the ids of a clause that asks for ids and nothing else.
func onIDs(clause search.Any) (ids []string, ok bool) {
	for _, t := range clause {
		equal, is := t.(search.Equal)
		if !is || equal.Param != search.ID {
			return nil, false
		}
		ids = append(ids, equal.Value)
	}
	slices.Sort(ids)
	return slices.Compact(ids), len(ids) > 0
}

// meshOf is false for a clause of which something is decided by the AuditEvent alone.
func meshOf(clause search.Any) (mesh, bool) {
	m := make(mesh, 0, len(clause))
	for _, t := range clause {
		c, ok := conditionOf(t)
		if !ok {
			return nil, false
		}
		m = append(m, c)
	}
	return m, true
}

func conditionOf(t search.Test) (condition, bool) {
	switch t := t.(type) {
	case search.Equal:
		return equalTo(t)
	case search.Within:
		from, to := t.Instants()
		return condition{holds: func(e *Event) bool { return from <= e.Instant && e.Instant <= to }}, isTime(t.Param)
	case search.Not:
		m, ok := meshOf(t.Any)
		return condition{holds: func(e *Event) bool { return !m.passes(e) }}, ok
	default:
		return condition{}, false
	}
}

// equalTo decides of the terms that an AuditEvent has by what Event.resource makes of an event.
func equalTo(t search.Equal) (condition, bool) {
	if strings.Contains(t.Value, `\`) { // escaped
		return condition{}, false
	}
	switch t.Param {
	case "patient", "entity":
		return about(t)
	case "agent:identifier":
		return byClient(strings.TrimPrefix(t.Value, clientSystem+"|"), func(client string) string { return client })
	case "altid":
		return byClient(t.Value, strings.ToLower)
	case "outcome":
		return byOutcome(t.Value)
	case "action":
		return byInteraction(func(i Interaction) bool { return i.action() == t.Value })
	case "subtype":
		return byInteraction(func(i Interaction) bool { return i.kind().has(t.Value) })
	case "type":
		return byInteraction(func(i Interaction) bool { return i.class().has(t.Value) })
	default:
		return condition{}, false
	}
}

// about decides of what an event is about: "Patient/1".
func about(t search.Equal) (c condition, ok bool) {
	var key fhir.Key
	key.Type, key.ID, _ = strings.Cut(t.Value, "/")
	isPatient := key.Type == "Patient"
	if !refersTo(key) || t.Param == "patient" && !isPatient {
		return c, false
	}
	return condition{[]term{referenceTerm(key)}, func(e *Event) bool {
		return e.Key == key || isPatient && slices.Contains(e.Patients, key.ID)
	}}, true
}

// byClient decides by the id of the credential, in a spelling.
func byClient(id string, spelt func(string) string) (condition, bool) {
	if id == "" || strings.Contains(id, "|") { // another system, or none
		return condition{}, false
	}
	return condition{[]term{clientTerm(id)}, func(e *Event) bool { return spelt(plain(e.Who.Client)) == id }}, true
}

func byOutcome(code string) (condition, bool) {
	n, err := strconv.ParseUint(code, 10, 8)
	if err != nil || strconv.FormatUint(n, 10) != code {
		return condition{}, false
	}
	return condition{[]term{termOf(ofOutcome, code)}, func(e *Event) bool { return e.Outcome == Outcome(n) }}, true
}

func byInteraction(is func(Interaction) bool) (condition, bool) {
	terms := []term{}
	for _, i := range allInteractions {
		if is(i) {
			terms = append(terms, termOf(ofInteraction, string(i)))
		}
	}
	return condition{terms, func(e *Event) bool { return is(e.Interaction) }}, true
}

// passes says whether an event may be a match.
func (s *sieve) passes(e *Event) bool {
	if e.Instant < s.from || e.Instant > s.to {
		return false
	}
	for _, m := range s.clauses {
		if !m.passes(e) {
			return false
		}
	}
	return true
}

func (m mesh) passes(e *Event) bool {
	return slices.ContainsFunc(m, func(c condition) bool { return c.holds(e) })
}

// mayHave says whether a match may be in a block.
func (s *sieve) mayHave(h blockHead) bool {
	if h.last < s.from || h.first > s.to {
		return false
	}
	return !slices.ContainsFunc(s.clauses, func(m mesh) bool { return !m.mayHave(h.terms) })
}

func (m mesh) mayHave(terms termSet) bool {
	return slices.ContainsFunc(m, func(c condition) bool { return c.terms == nil || slices.ContainsFunc(c.terms, terms.mayHave) })
}
