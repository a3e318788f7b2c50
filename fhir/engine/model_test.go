package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage/storagetest"
)

// step is a change of a patient, in the words of the model.
type step struct {
	verb        string
	id          string // "" for none
	where       string // the number that its condition asks for; "" for no condition
	mrn, family string // what it writes
	match       int64  // If-Match
	bad         bool   // what it writes is not valid
}

func drawStep(t *rapid.T) step {
	s := step{
		verb:   rapid.SampledFrom([]string{"POST", "PUT", "PUT", "PATCH", "DELETE"}).Draw(t, "verb"),
		mrn:    rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(t, "mrn"),
		family: rapid.SampledFrom([]string{"Ash", "Birch"}).Draw(t, "family"),
		bad:    rapid.IntRange(0, 30).Draw(t, "bad") == 0,
	}
	if rapid.Bool().Draw(t, "conditional") {
		s.where = rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(t, "where")
	}
	if s.verb != "POST" && s.where == "" || s.verb == "PUT" && rapid.Bool().Draw(t, "named") {
		s.id = rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "id")
	}
	if s.verb != "POST" && rapid.IntRange(0, 5).Draw(t, "matches") == 0 {
		s.match = rapid.Int64Range(1, 3).Draw(t, "match")
	}
	return s
}

// change is the step as a change.
func (s step) change(t testing.TB) engine.Change {
	request, body := s.verb+" Patient", ""
	switch {
	case s.where != "":
		request += "?" + mrnOf(s.where)
	case s.id != "":
		request += "/" + s.id
	}
	switch {
	case s.verb == "PATCH" && s.bad:
		body = `[{"op":"add","path":"/colour","value":"red"}]`
	case s.verb == "PATCH":
		body = fmt.Sprintf(`[{"op":"replace","path":"/name/0/family","value":%q},{"op":"replace","path":"/identifier/0/value","value":%q}]`, s.family, s.mrn)
	case s.verb != "DELETE" && s.bad:
		body = fmt.Sprintf(`{"resourceType":"Patient","id":%q,"colour":"red"}`, s.id)
	case s.verb != "DELETE":
		body = patientOf(s.id, s.mrn, s.family)
	}
	return entry(t, request, body, ifMatch(s.match))
}

// person is a patient of the model.
type person struct {
	number      int64
	mrn, family string
	deleted     bool
}

// world is what the model takes for the state of the store: by id.
type world map[string]person

func (w world) is(id string) bool { return w[id].number > 0 && !w[id].deleted }

func (w world) matches(mrn string, without map[string]bool) []string {
	var found []string
	for id, p := range w {
		if w.is(id) && p.mrn == mrn && !without[id] {
			found = append(found, id)
		}
	}
	return found
}

// aim says which patient a step is about: "" for none, "new" with the step's number for a new one. idle: it writes nothing.
func (w world) aim(i int, s step, gone map[string]bool) (target string, idle, ok bool) {
	if s.verb == "DELETE" {
		gone = nil
	}
	target = s.id
	if s.where != "" {
		found := w.matches(s.where, gone)
		if len(found) > 1 {
			return "", false, false
		}
		if len(found) == 1 {
			if s.verb == "POST" {
				return found[0], true, true
			}
			fits := (s.id == "" || s.id == found[0]) && (s.match == 0 || w[found[0]].number == s.match)
			return found[0], false, fits
		}
		switch s.verb {
		case "DELETE":
			return "", true, s.match == 0
		case "PATCH":
			return "", false, false
		case "PUT":
			if s.match > 0 || w.is(s.id) {
				return "", false, false
			}
		}
	}
	if target == "" {
		target = fmt.Sprint("new", i)
	}
	switch {
	case s.match > 0:
		return target, false, w.is(target) && w[target].number == s.match
	case s.verb == "PATCH":
		return target, false, w.is(target)
	default:
		return target, false, true
	}
}

// after is the world after a transaction, and which patient each step was about; ok is false where it is to be refused.
func (w world) after(steps []step) (next world, targets []string, ok bool) {
	targets = make([]string, len(steps))
	idle := make([]bool, len(steps))
	gone, seen := map[string]bool{}, map[string]bool{}
	for _, deletes := range []bool{true, false} {
		for i, s := range steps {
			if (s.verb == "DELETE") != deletes {
				continue
			}
			if targets[i], idle[i], ok = w.aim(i, s, gone); !ok || s.bad && s.verb != "DELETE" || seen[targets[i]] {
				return nil, nil, false
			}
			if targets[i] != "" {
				seen[targets[i]] = true
			}
			if deletes {
				gone[targets[i]] = true
			}
		}
	}
	next = maps.Clone(w)
	for i, s := range steps {
		for j, other := range steps {
			writes := other.verb != "DELETE" && !idle[j]
			if i != j && s.where != "" && s.verb != "DELETE" && writes && other.mrn == s.where {
				return nil, nil, false
			}
		}
		before := w[targets[i]]
		switch {
		case idle[i], s.verb == "DELETE" && !w.is(targets[i]):
		case s.verb == "DELETE":
			next[targets[i]] = person{number: before.number + 1, deleted: true}
		default:
			next[targets[i]] = person{number: before.number + 1, mrn: s.mrn, family: s.family}
		}
	}
	return next, targets, true
}

// partition is one that was not used yet.
func partition(used *int) fhir.Principal {
	*used++
	return fhir.Principal{Partition: fhir.Partition(fmt.Sprintf("p%d/test", *used)), Scopes: fhir.Unlimited()}
}

// state is how the world looks in the store.
func (w world) state() map[string]string {
	all := map[string]string{}
	for id, p := range w {
		if !p.deleted {
			all["Patient/"+id] = fmt.Sprintf("%d %s", p.number, patientOf(id, p.mrn, p.family))
		}
	}
	return all
}

// TestTransactAgainstAModel: a transaction leaves exactly what the rules say, or nothing where they say that it fails; whatever the
// order of its entries.
func TestTransactAgainstAModel(t *testing.T) {
	carried, refused := 0, 0
	e, partitions := newTransacting(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		who := partition(&partitions)
		w := world{}
		for i, mrn := range rapid.SliceOfN(rapid.SampledFrom([]string{"1", "2", "3"}), 0, 3).Draw(rt, "there") {
			id := []string{"a", "b", "c"}[i]
			w[id] = person{number: 1, mrn: mrn, family: "Old"}
			if _, err := e.Write(t.Context(), who, entry(t, "PUT Patient/"+id, patientOf(id, mrn, "Old"))); err != nil {
				rt.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 4).Draw(rt, "transactions") {
			steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 4).Draw(rt, "steps")
			entries := make([]engine.Change, len(steps))
			for i, s := range steps {
				entries[i] = s.change(t)
			}
			next, targets, ok := w.after(steps)
			out, err := e.Transact(t.Context(), who, entries)
			if (err == nil) != ok {
				rt.Fatalf("the transaction should succeed: %v; %v", ok, err)
			}
			if err != nil {
				refused++
			} else {
				carried++
				w = next
				for i, o := range out {
					if fresh, made := next[targets[i]]; made && targets[i] == fmt.Sprint("new", i) { // it has an id now
						delete(w, targets[i])
						w[o.Version.Key.ID] = fresh
					}
				}
			}
			if diff := cmp.Diff(w.state(), stateOf(t, e, who)); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
	if carried == 0 || refused == 0 {
		t.Errorf("%d transactions were carried out, %d refused: that shows nothing", carried, refused)
	}
}

// TestWriteAgainstAModel: a single change leaves what a transaction of it would leave, and needs none: the store takes one operation a commit.
func TestWriteAgainstAModel(t *testing.T) {
	carried, refused := 0, 0
	e, partitions := newEngine(t), 0
	e.Store = storagetest.WithoutTransactions(e.Store)
	rapid.Check(t, func(rt *rapid.T) {
		who, w := partition(&partitions), world{}
		for range rapid.IntRange(1, 12).Draw(rt, "changes") {
			s := drawStep(rt)
			next, targets, ok := w.after([]step{s})
			out, err := e.Write(t.Context(), who, s.change(t))
			if (err == nil) != ok {
				rt.Fatalf("%+v should succeed: %v; %v", s, ok, err)
			}
			if err != nil {
				refused++
				continue
			}
			carried++
			w = next
			if fresh, made := next["new0"]; made && targets[0] == "new0" { // it has an id now
				delete(w, "new0")
				w[out.Version.Key.ID] = fresh
			}
			if diff := cmp.Diff(w.state(), stateOf(t, e, who)); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
	if carried == 0 || refused == 0 {
		t.Errorf("%d changes were carried out, %d refused: that shows nothing", carried, refused)
	}
}

// Without transactions not even one change is a transaction: its references by a search would need more than one operation.
func TestTransactWithoutTransactions(t *testing.T) {
	e := newEngine(t)
	e.Store = storagetest.WithoutTransactions(e.Store)
	_, err := e.Transact(t.Context(), alice, []engine.Change{entry(t, "PUT Patient/a", patientOf("a", "1", "Ash"))})
	wantKind(t, err, fhir.Invalid, "no transactions")
	if len(stateOf(t, e, alice)) > 0 {
		t.Error("something was written")
	}
}

// "The outcome of processing the transaction SHALL NOT depend on the order of the resources in the transaction"
// (https://hl7.org/fhir/R4/http.html#trules).
func TestTransactInAnyOrder(t *testing.T) {
	e, partitions := newTransacting(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 2, 3).Draw(rt, "steps")
		var results [2]map[string]int
		for i := range results {
			who := partition(&partitions)
			for i, id := range []string{"a", "b"} {
				if _, err := e.Write(t.Context(), who, entry(t, "PUT Patient/"+id, patientOf(id, fmt.Sprint(i+1), "Old"))); err != nil {
					rt.Fatal(err)
				}
			}
			var entries []engine.Change
			for _, s := range steps {
				entries = append(entries, s.change(t))
			}
			_, err := e.Transact(t.Context(), who, entries)
			results[i] = map[string]int{fmt.Sprint(err == nil): 1}
			for key, text := range stateOf(t, e, who) {
				results[i][text[:2]+familyIn(text)+fmt.Sprint(len(key) < 12)]++
			}
			slices.Reverse(steps)
		}
		if diff := cmp.Diff(results[0], results[1]); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// familyIn is what a patient tells beside its id.
func familyIn(text string) string {
	_, told, _ := strings.Cut(text, `"id":`)
	_, told, _ = strings.Cut(told, ",")
	return told
}
