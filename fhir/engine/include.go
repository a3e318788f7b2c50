package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// inclusion gathers what comes with the matches of a page (https://hl7.org/fhir/R4/search.html#include): resources that they refer to, and
// resources that refer to them. It goes in rounds: the first starts from the matches, each further one, by what is asked for with :iterate, from
// what the round before has found. Nothing is found twice, so that circles end.
type inclusion struct {
	*finder
	seen  map[place]bool // that are on the page, or that were looked for
	found []fhir.Version // in the order in which they were found
	bytes int            // of their bodies
	reads int            // of the store, for what is referred to

	withheld withheld
}

// readsAnInclude is how many references may be followed for each resource of MaxIncludes: many lead to what is not there.
const readsAnInclude = 10

// place is a version of a resource, or with the number 0 its current one.
type place struct {
	key    fhir.Key
	number int64
}

// include returns what is to come with matches, in an order that depends on matches and data alone. TooCostly when that is more than MaxIncludes
// resources, or more than storage.MaxPageBytes, and when more references than readsAnInclude for each of MaxIncludes are followed. What the client
// may not read, or not search where it refers to what was found, is left out; warnings say so.
func (f *finder) include(includes []search.Include, matches []fhir.Version) (_ []fhir.Version, warnings []fhir.Issue, err error) {
	if len(includes) == 0 {
		return nil, nil, nil
	}
	x := inclusion{finder: f, seen: make(map[place]bool, 2*len(matches))}
	for _, v := range matches {
		x.seen[place{v.Key, 0}], x.seen[place{v.Key, v.Number}] = true, true
	}
	iterated := slices.DeleteFunc(slices.Clone(includes), func(i search.Include) bool { return !i.Iterate })
	due := includes
	for from := matches; len(from) > 0 && len(due) > 0; due = iterated {
		before := len(x.found)
		if err := x.round(due, from); err != nil {
			return nil, nil, err
		}
		from = x.found[before:]
	}
	return x.found, x.withheld.warnings(), nil
}

// round finds what the includes ask for, starting from some resources.
func (x *inclusion) round(includes []search.Include, from []fhir.Version) error {
	referring := make([]fhir.Resource, len(from)) // each is parsed once, when it is first needed
	for _, i := range includes {
		var err error
		if i.Reverse {
			err = x.backward(i, from)
		} else {
			err = x.forward(i, from, referring)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forward finds what resources refer to.
func (x *inclusion) forward(i search.Include, from []fhir.Version, parsed []fhir.Resource) error {
	for n, v := range from {
		if v.Key.Type != i.Source {
			continue
		}
		if err := x.ctx.Err(); err != nil {
			return err
		}
		if parsed[n].IsZero() {
			r, err := stored(v)
			if err != nil {
				return err
			}
			parsed[n] = r
		}
		for _, reference := range x.Rules.Pointers(parsed[n], i.Params) {
			if err := x.follow(reference, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow adds what a reference leads to, if that is here: a reference may lead to another server, to a type that is not served, and to what is
// not there or was deleted.
func (x *inclusion) follow(reference string, i search.Include) error {
	at, ok := local(reference)
	if !ok || i.Target != "" && at.key.Type != i.Target || x.serves(at.key.Type) != nil || x.seen[at] {
		return nil
	}
	if !x.permits(x.who, at.key.Type, fhir.MayRead) {
		x.withheld.note(at.key.Type, fhir.MayRead)
		return nil
	}
	if x.reads++; x.reads > readsAnInclude*x.MaxIncludes {
		return tooMuch("follow more than %d references", readsAnInclude*x.MaxIncludes, fmt.Sprintf("%d times the server's limit search-includes", readsAnInclude))
	}
	var v fhir.Version
	var err error
	if at.number == 0 {
		v, err = x.Store.Read(x.ctx, x.who.Partition, at.key)
	} else {
		v, err = x.Store.ReadVersion(x.ctx, x.who.Partition, at.key, at.number)
	}
	switch {
	case errors.Is(err, fhir.NotFound) || err == nil && v.IsDeleted():
		x.seen[at] = true
		return nil
	case err != nil:
		return err
	default:
		return x.add(v, at)
	}
}

// local reads a reference to a resource of this server, or to one version of it, as search.Rules.Pointers writes it.
func local(reference string) (at place, ok bool) {
	name, version, versioned := strings.Cut(reference, historySegment)
	if versioned {
		n, err := strconv.ParseInt(version, 10, 64)
		if err != nil || n < 1 {
			return at, false
		}
		at.number = n
	}
	at.key.Type, at.key.ID, ok = strings.Cut(name, "/")
	return at, ok && fhir.ValidID(at.key.ID)
}

// backward finds what refers to resources, by few searches for many of them.
func (x *inclusion) backward(i search.Include, from []fhir.Version) error {
	if !x.permits(x.who, i.Source, fhir.MaySearch) {
		x.withheld.note(i.Source, fhir.MaySearch)
		return nil
	}
	var tests search.Any
	for _, p := range x.Rules.Params(i.Source) {
		if !slices.Contains(i.Params, p.Name) {
			continue
		}
		for _, v := range from {
			typ := v.Key.Type
			if (i.Target == "" || i.Target == typ) && p.RefersTo(typ) {
				tests = append(tests, search.Equal{Param: p.Name, Value: v.Key.String()})
			}
		}
	}
	for some := range slices.Chunk(tests, search.MaxTests) {
		if err := x.referring(i, some); err != nil {
			return err
		}
	}
	return nil
}

// referring adds the resources of the type that refers which satisfy one of the tests.
func (x *inclusion) referring(i search.Include, tests search.Any) error {
	q := search.Query{Type: i.Source, All: []search.Any{tests}}
	for request := (storage.PageRequest{}); ; {
		request.Limit = x.MaxIncludes + 1 - len(x.found)
		page, err := x.find(q, request)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			if err := x.add(v, place{v.Key, 0}); err != nil {
				return err
			}
		}
		if request.After = page.Next; page.Next == nil {
			return nil
		}
	}
}

// add puts the version that stands at a place on the page, unless it is there already.
func (x *inclusion) add(v fhir.Version, at place) error {
	if x.seen[at] {
		return nil
	}
	exactly := place{v.Key, v.Number}
	known := x.seen[exactly]
	x.seen[at], x.seen[exactly] = true, true
	if known {
		return nil
	}
	x.found = append(x.found, v)
	x.bytes += len(v.Body)
	if len(x.found) > x.MaxIncludes {
		return tooMuch("bring more than %d resources", x.MaxIncludes, "the server's limit search-includes")
	}
	if x.bytes > storage.MaxPageBytes {
		return tooMuch("bring more than %d MiB of resources", storage.MaxPageBytes>>20, "as much as a page may have, which is fixed")
	}
	return nil
}

// tooMuch refuses includes that would do more than a limit, of which it is told which it is.
func tooMuch(what string, bound int, limit string) error {
	return fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "_include and _revinclude "+what+" (%s) for the matches of this page. "+
		"Ask for fewer matches a page by _count, for fewer includes, or for narrower ones, of one parameter and one target type.", bound, limit)
}
