package main

import (
	"net/http"
	"slices"

	"github.com/anishathalye/porcupine"
)

// A register is what one resource, or the one resource that a condition selects, is taken for when a history of operations is checked for
// linearizability (Herlihy and Wing 1990, https://doi.org/10.1145/78969.78972): versions behind each other, the last of which
// operations read, and change under their conditions. Contents are the names of a patient; a version without any is the mark of a deletion.

// deed is what an operation does.
type deed int

const (
	read         deed = iota // GET [type]/[id]
	readVersion              // GET [type]/[id]/_history/[vid]
	put                      // PUT [type]/[id]
	add                      // PATCH [type]/[id] that adds a name
	remove                   // DELETE [type]/[id]
	create                   // POST [type]; each makes a register of its own
	createIfNone             // POST [type] with If-None-Exist
	putWhere                 // PUT [type]?…
	removeWhere              // DELETE [type]?…
	given                    // the versions that were there when the history began
	examine                  // the whole history
)

// input is what is asked of a register.
type input struct {
	register string
	deed     deed
	name     string    // that is put or added
	match    int64     // If-Match; 0: none
	absent   bool      // If-None-Match: *
	number   int64     // of the version that is read
	versions []edition // that are given
	bundle   string    // in which it goes, if any, beginning with its type
}

// output is what was answered.
type output struct {
	lost     bool // nothing: it may have been carried out or not
	left     bool // nothing, but its name is there: it was carried out
	refused  bool // that the Bundle in which it went was refused: nothing was carried out
	status   int
	edition            // that was read or written
	versions []edition // that were examined
}

// edition is a version of a register. An id of "" is one that nobody was told.
type edition struct {
	id     string
	number int64
	names  string // "": deleted
}

// state is a register at a moment: its last version, and those before it. Nil is a register that never had one.
type state struct {
	edition
	before *state
}

func (s *state) exists() bool { return s != nil && s.names != "" }

func (s *state) number() int64 {
	if s == nil {
		return 0
	}
	return s.edition.number
}

func (s *state) next(id, names string) *state {
	return &state{edition{id, s.number() + 1, names}, s}
}

// registers is the model of a store: each register for itself.
func registers() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: byRegister,
		Init:      func() []any { return []any{(*state)(nil)} },
		Step: func(s, in, out any) []any {
			return after(s.(*state), in.(input), out.(output))
		},
		Equal: func(a, b any) bool { return slices.Equal(a.(*state).all(), b.(*state).all()) },
	}
	return m.ToModel()
}

func byRegister(history []porcupine.Operation) [][]porcupine.Operation {
	parts := make(map[string][]porcupine.Operation)
	for _, o := range history {
		name := o.Input.(input).register
		parts[name] = append(parts[name], o)
	}
	var all [][]porcupine.Operation
	for _, part := range parts {
		all = append(all, part)
	}
	return all
}

// all are the versions, the newest first.
func (s *state) all() (versions []edition) {
	for ; s != nil; s = s.before {
		versions = append(versions, s.edition)
	}
	return versions
}

// after are the states in which a register may be after an operation that was answered so; none when the answer is wrong. One that got no
// answer may have been carried out or not. A write that others came between again and again, or that the server had no
// room for, has changed nothing.
func after(s *state, in input, out output) []any {
	if in.deed == given {
		return []any{stateOf(in.versions)}
	}
	if s.exists() && s.id == "" && out.status == http.StatusOK { // the answer tells what a lost one would have
		s = &state{edition{out.id, s.number(), s.names}, s.before}
	}
	next, want := s.apply(in, out.id)
	switch {
	case out.left && next == s:
		return nil
	case out.left:
		return []any{next}
	case out.lost:
		return []any{s, next}
	case out.refused, out.status == http.StatusServiceUnavailable,
		out.status == http.StatusConflict && in.match == 0 && in.deed != read && in.deed != readVersion:
		return []any{s}
	case !want.admits(out):
		return nil
	case in.deed == examine:
		return []any{stateOf(out.versions)} // ids that nobody was told are known now
	default:
		return []any{next}
	}
}

func stateOf(newestFirst []edition) (s *state) {
	for _, v := range slices.Backward(newestFirst) {
		s = &state{v, s}
	}
	return s
}

// admits says whether an answer is the one that is wanted. A refusal need not tell a version.
func (want output) admits(out output) bool {
	refusal := out.status >= http.StatusBadRequest && out.edition == edition{}
	return want.status == out.status && (refusal || want.edition.is(out.edition)) && slices.EqualFunc(want.versions, out.versions, edition.is)
}

// is says whether two versions are the same as far as it is known. A deletion tells no id.
func (v edition) is(w edition) bool {
	return v.number == w.number && v.names == w.names && (v.id == w.id || v.id == "" || w.id == "")
}

// apply is what an operation does, and how it is to be answered. An id is what the answer names as that of a new resource.
func (s *state) apply(in input, id string) (next *state, want output) {
	refused := func(status int) (*state, output) { return s, output{status: status} }
	told := func(status int, next *state) (*state, output) {
		return next, output{status: status, edition: next.edition}
	}
	switch in.deed {
	case read, add:
		switch {
		case s == nil:
			return refused(http.StatusNotFound)
		case !s.exists():
			return s, output{status: http.StatusGone, edition: edition{number: s.number()}}
		case in.match != 0 && in.match != s.number():
			return refused(http.StatusPreconditionFailed)
		case in.deed == read:
			return told(http.StatusOK, s)
		}
		return told(http.StatusOK, s.next(s.id, s.names+","+in.name))
	case readVersion:
		return s, s.find(in.number)
	case put:
		switch {
		case in.match != 0 && (!s.exists() || in.match != s.number()), in.absent && s.exists():
			return refused(http.StatusPreconditionFailed)
		case s.exists():
			return told(http.StatusOK, s.next(in.register, in.name))
		}
		return told(http.StatusCreated, s.next(in.register, in.name))
	case remove:
		if in.match != 0 && (!s.exists() || in.match != s.number()) {
			return refused(http.StatusPreconditionFailed)
		}
		return s.removed()
	case create, createIfNone, putWhere:
		switch {
		case !s.exists():
			return told(http.StatusCreated, &state{edition{id, 1, in.name}, s})
		case in.deed == createIfNone:
			return told(http.StatusOK, s)
		}
		return told(http.StatusOK, s.next(s.id, in.name))
	case removeWhere:
		next, want := s.removed()
		if !s.exists() {
			want.edition = edition{} // there is nothing to name
		}
		return next, want
	default: // examine
		return s, output{versions: s.all()}
	}
}

// find is how a version is answered.
func (s *state) find(number int64) output {
	for ; s != nil; s = s.before {
		if s.edition.number == number && s.names == "" {
			return output{status: http.StatusGone, edition: edition{number: number}}
		}
		if s.edition.number == number {
			return output{status: http.StatusOK, edition: s.edition}
		}
	}
	return output{status: http.StatusNotFound}
}

// removed is a deletion: of what is there, or nothing.
func (s *state) removed() (*state, output) {
	if s.exists() {
		s = s.next(s.id, "")
	}
	return s, output{status: http.StatusOK, edition: edition{number: s.number()}}
}
