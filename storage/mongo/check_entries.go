package mongo

import (
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// inIndex are the faults of a version's index entries.
func (k *checking) inIndex(s specimen) (faults []string, err error) {
	alive := !s.past && methods[s.Method] != fhir.Deleted
	switch {
	case alive && s.Index == nil:
		k.done.Resources++
		return []string{"It is the current version, but no search finds it."}, nil
	case !alive && s.Index != nil:
		return []string{"It is superseded or a deletion, but has index entries."}, nil
	case !alive:
		return nil, nil
	}
	k.done.Resources++
	entries, err := decodeEntries(s.Index)
	if err != nil {
		return []string{"Its index entries cannot be read."}, nil
	}
	k.done.Entries += int64(len(entries.Terms) + len(entries.Texts) + len(entries.Ranges) + len(entries.Ordereds) + len(entries.Places))
	again, err := encodeEntries(entries, k.sortKeys(s.typ))
	if fields := differing(again, s.Index); err != nil || fields != nil {
		faults = append(faults, "Its index entries contradict each other, in "+strings.Join(fields, ", ")+".")
	}
	v, err := s.version(s.typ)
	if err != nil || k.entriesOf == nil || s.Resource == nil {
		return faults, nil
	}
	want, err := k.entriesOf(s.Partition, v)
	if err != nil {
		return nil, err
	}
	if others := otherParams(want, entries); others != nil {
		faults = append(faults, "Its index entries are not those of its body, by the parameters "+strings.Join(others, ", ")+".")
	}
	return faults, nil
}

// differing are the fields in which two index sub-documents differ.
func differing(a, b bson.Raw) (fields []string) {
	for _, f := range []string{"term", "text", "time", "order", "place", "has", "sort", "long"} {
		if !a.Lookup(f).Equal(b.Lookup(f)) {
			fields = append(fields, f)
		}
	}
	return fields
}

// otherParams are the parameters by which two resources have not the same entries, sorted.
func otherParams(a, b search.Entries) []string {
	only, others := paramsOf(a), make(map[string]bool)
	for entry, param := range paramsOf(b) {
		if _, both := only[entry]; !both {
			others[param] = true
		}
		delete(only, entry)
	}
	for _, param := range only {
		others[param] = true
	}
	return slices.Sorted(maps.Keys(others))
}

// paramsOf are the parameters of the entries.
func paramsOf(e search.Entries) map[any]string {
	params := make(map[any]string)
	for _, t := range e.Terms {
		params[t] = t.Param
	}
	for _, t := range e.Texts {
		params[t] = t.Param
	}
	for _, r := range e.Ranges {
		params[r] = r.Param
	}
	for _, o := range e.Ordereds {
		params[o] = o.Param
	}
	for _, p := range e.Places {
		params[p] = p.Param
	}
	return params
}
