package engine

import (
	"context"
	"iter"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// "If any resource identities (including resolved identities from conditional update/delete) overlap in steps 1-3, then the transaction
// SHALL fail" (https://hl7.org/fhir/R4/http.html#trules). Each of two changes that get into each other's way is told of the other.

// checkIdentities finds changes of one resource, as far as their targets are known.
func (t *transaction) checkIdentities() {
	first := make(map[fhir.Key]*draft, len(t.drafts))
	told := map[*draft]bool{}
	for _, d := range t.drafts {
		if d.target.ID == "" {
			continue
		}
		other := first[d.target]
		if other == nil {
			first[d.target] = d
			continue
		}
		t.fault(d, sameResource(d, other))
		if !told[other] {
			told[other] = true
			t.fault(other, sameResource(other, d))
		}
	}
}

func sameResource(d, other *draft) error {
	return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%s comes twice in the transaction: it is what this entry, %s, is about, and also %s. Each resource may come once.", d.target, d.request(), other.request())
}

// checkConditions finds conditions that are satisfied by what another change writes: whether one of the two comes first would decide what they do.
// A delete comes first in any case.
func (t *transaction) checkConditions(ctx context.Context) error {
	for _, d := range t.drafts {
		if ctx.Err() != nil {
			return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The request ended before it was decided.").Because(ctx.Err())
		}
		if !d.Conditional || d.Action == ActDelete {
			continue
		}
		for other := range t.written.that(d.criteria) {
			if other != d {
				t.fault(d, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The condition of this entry, %s, is satisfied by what another one of the transaction writes, %s. A condition must not depend on the entries beside it.", d.request(), other.request()))
				t.fault(other, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "What this entry writes, %s, satisfies the condition of another one of the transaction, %s. A condition must not depend on the entries beside it.", other.request(), d.request()))
				break // there may be hundreds of others
			}
		}
	}
	return nil
}

var verbs = map[Action]string{ActCreate: "POST", ActUpdate: "PUT", ActPatch: "PATCH", ActDelete: "DELETE"}

// request names a change as a client knows it, without what its criteria say.
func (d *draft) request() string {
	at := d.Key.Type
	switch {
	case d.Conditional && d.Action == ActCreate:
		at += " with ifNoneExist"
	case d.Conditional:
		at += "?…"
	case d.Action != ActCreate:
		at = d.Key.String()
	}
	if d.FullURL != "" {
		at += " (" + fhir.Quote(d.FullURL) + ")"
	}
	return verbs[d.Action] + " " + at
}

// written finds among the resources that a transaction writes those that satisfy a query, as if they were in the store.
type written struct {
	at     fhir.Instant
	byType map[string][]*draft
	byTerm map[string]map[search.Term][]*draft // by type; made when first asked for
}

func writtenBy(drafts []*draft, at fhir.Instant) written {
	w := written{at: at, byType: map[string][]*draft{}, byTerm: map[string]map[search.Term][]*draft{}}
	for _, d := range drafts {
		if d.writesResource() {
			w.byType[d.Key.Type] = append(w.byType[d.Key.Type], d)
		}
	}
	return w
}

// that gives the drafts whose resources satisfy a query.
func (w written) that(q search.Query) iter.Seq[*draft] {
	return func(yield func(*draft) bool) {
		for _, d := range w.candidates(q) {
			if search.Match(q, search.Indexed{ID: d.target.ID, Instant: w.at, Entries: d.entries}) && !yield(d) {
				return
			}
		}
	}
}

// narrow is the first clause of a query that asks for terms alone, as those for identifiers do; negative where there is none.
func narrow(q search.Query) int {
	return slices.IndexFunc(q.All, func(clause search.Any) bool {
		return !slices.ContainsFunc(clause, func(t search.Test) bool {
			equal, ok := t.(search.Equal)
			return !ok || equal.Param == search.ID
		})
	})
}

// maxBroad bounds the conditions of a transaction that no term narrows: each is held against every resource that is written, and
// may have to be held against all those of its type while other writers wait.
const maxBroad = 100

// checkBreadth refuses more of such conditions than maxBroad.
func (t *transaction) checkBreadth() error {
	broad := 0
	for _, d := range t.drafts {
		if d.Conditional && narrow(d.criteria) < 0 {
			broad++
		}
	}
	if broad <= maxBroad {
		return nil
	}
	return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "%d conditions of the transaction ask for no whole value, such as an identifier; at most %d may. Ask for an identifier as well, or send the transaction in several.", broad, maxBroad)
}

// candidates narrows the drafts down by a clause that asks for terms alone: hundreds of conditions over
// hundreds of resources would otherwise all be held against each other.
func (w written) candidates(q search.Query) []*draft {
	all := w.byType[q.Type]
	const few = 8
	i := narrow(q)
	if len(all) <= few || i < 0 {
		return all
	}
	terms := w.terms(q.Type)
	var found []*draft
	for _, t := range q.All[i] {
		equal, _ := t.(search.Equal)
		for _, d := range terms[search.Term(equal)] {
			if !slices.Contains(found, d) {
				found = append(found, d)
			}
		}
	}
	return found
}

// terms are the drafts of a type by the terms of their resources.
func (w written) terms(resourceType string) map[search.Term][]*draft {
	terms := w.byTerm[resourceType]
	if terms == nil {
		terms = map[search.Term][]*draft{}
		for _, d := range w.byType[resourceType] {
			for _, t := range d.entries.Terms {
				terms[t] = append(terms[t], d)
			}
		}
		w.byTerm[resourceType] = terms
	}
	return terms
}
