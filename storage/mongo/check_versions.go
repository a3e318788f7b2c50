package mongo

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// specimen is a document under examination.
type specimen struct {
	document
	typ        string
	past       bool // it is one of the superseded versions
	unreadable bool // but its _id, from which partition, id and number are taken then
}

func newSpecimen(typ string, past bool, raw bson.Raw) specimen {
	d, err := readDocument(raw)
	if err == nil {
		return specimen{document: d, typ: typ, past: past}
	}
	s := specimen{typ: typ, past: past, unreadable: true}
	rest := raw.Lookup(fieldID).StringValue()
	s.document = document{ID: rest}
	if past {
		if i := strings.LastIndexByte(rest, '/'); i >= 0 {
			s.Version, _ = strconv.ParseInt(rest[i+1:], 10, 64)
			rest = rest[:i]
		}
	}
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		s.Partition, s.Name = fhir.Partition(rest[:i]), rest[i+1:]
	}
	return s
}

// versions examines both collections of a type.
func (k *checking) versions(typ string) error {
	for _, is := range []struct {
		in   *mongo.Collection
		past bool
	}{{k.current(typ), false}, {k.past(typ), true}} {
		if err := k.strays(is.in); err != nil {
			return err
		}
		err := k.walk(k.ctx, is.in, nil, func(some []bson.Raw) error {
			specimens := make([]specimen, len(some))
			for i, raw := range some {
				specimens[i] = newSpecimen(typ, is.past, raw)
			}
			return k.examine(typ, is.past, specimens)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// examine reports what contradicts itself in documents of one collection.
func (k *checking) examine(typ string, past bool, some []specimen) error {
	before, err := k.marks(k.past(typ), some, func(s specimen) string { return pastID(s.Partition, s.Name, s.Version-1) })
	if err != nil {
		return err
	}
	var current map[string]specimen
	if past {
		if current, err = k.marks(k.current(typ), some, func(s specimen) string { return documentID(s.Partition, s.Name) }); err != nil {
			return err
		}
	}
	for _, s := range some {
		k.done.Versions++
		var faults []string
		if s.unreadable {
			faults = []string{"Its document cannot be read: a field of it has another type than it should have."}
		} else {
			faults = append(s.inHistory(before), s.inItself()...)
			others, err := k.inIndex(s)
			if err != nil {
				return err
			}
			faults = append(faults, others...)
		}
		if past {
			fault, err := k.inPast(s, current)
			if err != nil {
				return err
			}
			faults = append(faults, fault...)
		}
		k.tell(s, faults)
	}
	return nil
}

// tell reports the faults of a specimen, and notes it for the comparison with the clock.
func (k *checking) tell(s specimen, faults []string) {
	place := storage.Fault{Partition: s.Partition, Key: fhir.Key{Type: s.typ, ID: s.Name}, Number: s.Version}
	for _, f := range faults {
		place.Detail = f
		k.report(place)
	}
	if s.Instant > k.instants[s.typ] {
		k.newest[s.typ], k.instants[s.typ] = place, s.Instant
	}
}

// marks are the documents that others rest on, by their _id, without what they hold.
func (k *checking) marks(in *mongo.Collection, of []specimen, id func(specimen) string) (map[string]specimen, error) {
	ids := make(map[string]bool, len(of))
	for _, s := range of {
		ids[id(s)] = true
	}
	filter := bson.D{{Key: fieldID, Value: bson.D{{Key: "$in", Value: slices.Collect(maps.Keys(ids))}}}}
	without := bson.D{{Key: fieldIndex, Value: 0}, {Key: fieldResource, Value: 0}}
	found := make(map[string]specimen, len(ids))
	err := k.call(k.ctx, func(ctx context.Context) error {
		cursor, err := in.Find(ctx, filter, options.Find().SetProjection(without))
		if err != nil {
			return err
		}
		var all []bson.Raw
		err = cursor.All(ctx, &all)
		for _, raw := range all {
			s := newSpecimen("", false, raw)
			found[s.ID] = s
		}
		return err
	})
	return found, err
}

// inHistory are the faults of a version among the others of its resource.
func (s specimen) inHistory(all map[string]specimen) (faults []string) {
	add := func(wrong bool, fault string) {
		if wrong {
			faults = append(faults, fault)
		}
	}
	before, found := all[pastID(s.Partition, s.Name, s.Version-1)]
	mourned := found && !before.unreadable && methods[before.Method] == fhir.Deleted
	add(s.Version < 1, "Its number is no positive number.")
	add(s.Version > 1 && !found, fmt.Sprintf("There is no version %d before it.", s.Version-1))
	add(methods[s.Method] == 0, "No method is known by which it came to be.")
	add(methods[s.Method] == fhir.Deleted && (s.Version == 1 || mourned), "It deletes what was not there.")
	if found && before.unreadable || s.Version > 1 && !found {
		return faults
	}
	add(found && before.Instant >= s.Instant, "It is not later than the version before it.")
	add(s.Previous != before.Instant, "It says of the version before it another instant than that has.")
	add(s.Existed != (found && !mourned), "What it says is not so: whether there was a resource before it.")
	return faults
}

// inItself are the faults of a document in what it says of itself.
func (s specimen) inItself() (faults []string) {
	id := documentID(s.Partition, s.Name)
	if s.past {
		id = pastID(s.Partition, s.Name, s.Version)
	}
	if s.ID != id {
		faults = append(faults, fmt.Sprintf("Its _id is %q, which is another's.", s.ID))
	}
	deleted := methods[s.Method] == fhir.Deleted
	switch {
	case deleted && s.Resource != nil:
		return append(faults, "It is a deletion and has a body.")
	case deleted:
		return faults
	case s.Resource == nil:
		return append(faults, "It has no body, and is no deletion.")
	}
	return append(faults, s.inBody()...)
}

// inBody are the faults of a version's body.
func (s specimen) inBody() []string {
	body, err := appendBody(nil, s.Resource)
	if err != nil {
		return []string{"Its body is no resource."}
	}
	r, err := fhir.ParseResource(body)
	if err != nil {
		return []string{"Its body is no resource."}
	}
	var wrong []string
	meta := r.Root().Object("meta")
	for _, is := range []struct{ place, said, want string }{
		{"resourceType", r.Type(), s.typ}, {"id", r.ID(), s.Name},
		{"meta.versionId", meta.Text("versionId"), strconv.FormatInt(s.Version, 10)}, {"meta.lastUpdated", meta.Text("lastUpdated"), s.Instant.String()},
	} {
		if is.said != is.want {
			wrong = append(wrong, is.place)
		}
	}
	if wrong == nil {
		return nil
	}
	return []string{"Its body is another's: " + strings.Join(wrong, ", ") + " in it differ from what the version is."}
}

// inPast are the faults of a superseded version beside the current one. A copy of the current version, which somebody is about to supersede or
// died before, is no fault and no version.
func (k *checking) inPast(s specimen, all map[string]specimen) ([]string, error) {
	now, found := all[documentID(s.Partition, s.Name)]
	switch {
	case !found:
		return []string{"It is superseded, but there is no current version."}, nil
	case now.unreadable || s.Version < now.Version:
		return nil, nil
	case s.Version > now.Version:
		return []string{fmt.Sprintf("It is superseded, but the current version is %d.", now.Version)}, nil
	}
	k.done.Versions--
	original, err := k.whole(k.current(s.typ), now.ID)
	if err != nil || original == nil || s.unreadable {
		return nil, err
	}
	o := newSpecimen(s.typ, false, original)
	if o.Version == s.Version && !s.copies(o) {
		return []string{"It is a copy of the current version, and differs from it."}, nil
	}
	return nil, nil
}

// copies says whether a specimen is a copy of another.
func (s specimen) copies(o specimen) bool {
	return s.Instant == o.Instant && s.Method == o.Method && s.Existed == o.Existed && s.Previous == o.Previous && s.Origin == o.Origin && bytes.Equal(s.Resource, o.Resource)
}

// whole is a document, or nil.
func (k *checking) whole(in *mongo.Collection, id string) (raw bson.Raw, err error) {
	err = k.call(k.ctx, func(ctx context.Context) error {
		some, err := batch(ctx, in, bson.D{{Key: fieldID, Value: id}})
		if len(some) > 0 {
			raw = some[0]
		}
		return err
	})
	return raw, err
}
