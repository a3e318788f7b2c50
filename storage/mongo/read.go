package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
)

// Read is storage.Store's.
func (s *Store) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (v fhir.Version, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		v, err = find(ctx, s.current(key.Type), key, at(p, key.ID))
		return err
	})
	return v, err
}

// ReadVersion is storage.Store's. The current collection is asked first: a version that was superseded since then is in the other.
func (s *Store) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (v fhir.Version, err error) {
	if number < 1 {
		return v, s.call(ctx, func(context.Context) error { return notFound(key) })
	}
	err = s.call(ctx, func(ctx context.Context) error {
		v, err = find(ctx, s.current(key.Type), key, append(at(p, key.ID), bson.E{Key: fieldVersion, Value: number}))
		if isAbsent(err) {
			past := document{Partition: p, Name: key.ID, Version: number}.superseded()
			v, err = find(ctx, s.past(key.Type), key, past.place())
		}
		return err
	})
	return v, err
}

// at is the filter for the current version of a resource.
func at(p fhir.Partition, id string) bson.D {
	return document{ID: documentID(p, id), Partition: p, Name: id}.place()
}

// place is the filter for the document, whatever else it says. It has the shard key.
func (d document) place() bson.D {
	return bson.D{{Key: fieldID, Value: d.ID}, {Key: fieldPartition, Value: string(d.Partition)}, {Key: fieldName, Value: d.Name}}
}

// itself is the filter for the document while it is in this version.
func (d document) itself() bson.D {
	return append(d.place(), bson.E{Key: fieldVersion, Value: d.Version})
}

// superseded is the document as it is when another version is current.
func (d document) superseded() document {
	d.ID, d.Index = pastID(d.Partition, d.Name, d.Version), nil
	return d
}

// find is the version of a resource that a filter is for. NotFound, because of mongo.ErrNoDocuments.
func find(ctx context.Context, docs *mongo.Collection, key fhir.Key, filter bson.D) (fhir.Version, error) {
	raw, err := docs.FindOne(ctx, filter, shown).Raw()
	if isAbsent(err) {
		return fhir.Version{}, notFound(key).Because(err)
	}
	if err != nil {
		return fhir.Version{}, err
	}
	d, err := readDocument(raw)
	if err != nil {
		return fhir.Version{}, err
	}
	d.Name = key.ID
	return d.version(key.Type)
}

// shown leaves out of a document what a version does not show.
var shown = options.FindOne().SetProjection(bson.D{
	{Key: fieldID, Value: 0}, {Key: fieldPartition, Value: 0}, {Key: fieldName, Value: 0}, {Key: fieldExisted, Value: 0}, {Key: fieldPrevious, Value: 0}, {Key: fieldOrigin, Value: 0}, {Key: fieldIndex, Value: 0},
})

// readDocument reads as much of a version's document as there is. What it returns shares the memory of raw.
func readDocument(raw bson.Raw) (d document, err error) {
	e := elementsOf(raw)
	for e.more() {
		switch string(e.name()) {
		case fieldID:
			d.ID = e.text()
		case fieldPartition:
			d.Partition = fhir.Partition(e.text())
		case fieldName:
			d.Name = e.text()
		case fieldVersion:
			d.Version = e.int64()
		case fieldInstant:
			d.Instant = fhir.Instant(e.int64())
		case fieldMethod:
			d.Method = e.text()
		case fieldExisted:
			d.Existed = e.bool()
		case fieldPrevious:
			d.Previous = fhir.Instant(e.int64())
		case fieldOrigin:
			d.Origin = e.text()
		case fieldResource:
			d.Resource = e.value()
		case fieldIndex:
			d.Index = e.value()
		}
	}
	return d, e.err
}

// raw is the document as BSON.
func (d document) raw() (bson.Raw, error) {
	w := writer{dst: make([]byte, 0, 256+len(d.Origin)+len(d.Resource)+len(d.Index))}
	w.whole(func() {
		w.text(fieldID, d.ID)
		w.text(fieldPartition, string(d.Partition))
		w.text(fieldName, d.Name)
		w.int64(fieldVersion, d.Version)
		w.int64(fieldInstant, int64(d.Instant))
		w.text(fieldMethod, d.Method)
		w.bool(fieldExisted, d.Existed)
		if d.Previous != 0 {
			w.int64(fieldPrevious, int64(d.Previous))
		}
		if d.Origin != "" {
			w.text(fieldOrigin, d.Origin)
		}
		w.copied(fieldResource, d.Resource)
		w.copied(fieldIndex, d.Index)
	})
	return w.dst, w.err
}

// copied writes a document that is there already; nil is none.
func (w *writer) copied(name string, document bson.Raw) {
	if document != nil {
		w.begin(bson.TypeEmbeddedDocument, name)
		w.dst = append(w.dst, document...)
	}
}
