package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// undo is what a document was before a transaction wrote it.
type undo struct {
	documents *mongo.Collection
	id        bson.RawValue
	before    bson.Raw // nil: there was none
}

// note keeps what a command of a transaction is going to write over. The documents of a write are found by the filter that it has: as the server is going to find them.
func (p *proxy) note(c command, m message) {
	if !c.inTransaction {
		return
	}
	ctx := context.Background()
	documents := p.direct.Database(c.database).Collection(c.collection)
	var undone []undo
	keep := func(filter any) {
		cursor, err := documents.Find(ctx, filter)
		if err != nil {
			p.t.Error(err)
			return
		}
		var found []bson.Raw
		if err := cursor.All(ctx, &found); err != nil {
			p.t.Error(err)
		}
		for _, d := range found {
			undone = append(undone, undo{documents, d.Lookup(fieldID), d})
		}
		if raw, is := filter.(bson.Raw); is && len(found) == 0 && raw.Lookup(fieldID).Type == bson.TypeString {
			undone = append(undone, undo{documents, raw.Lookup(fieldID), nil})
		}
	}
	switch c.name {
	case "insert":
		for _, d := range m.list("documents") {
			undone = append(undone, undo{documents, d.Lookup(fieldID), nil})
		}
	case "update":
		for _, u := range m.list("updates") {
			keep(u.Lookup("q").Document())
		}
	case "delete":
		for _, u := range m.list("deletes") {
			keep(u.Lookup("q").Document())
		}
	case "findAndModify":
		keep(m.body.Lookup("query").Document())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.undone[c.session] = append(p.undone[c.session], undone...)
}

// end ends a transaction. One that is aborted is undone.
func (p *proxy) end(c command) {
	p.mu.Lock()
	undone := p.undone[c.session]
	delete(p.undone, c.session)
	p.mu.Unlock()
	if c.name == "commitTransaction" {
		return
	}
	ctx := context.Background()
	for _, u := range slices.Backward(undone) {
		at := bson.D{{Key: fieldID, Value: u.id}}
		var err error
		if u.before == nil {
			_, err = u.documents.DeleteOne(ctx, at)
		} else {
			_, err = u.documents.ReplaceOne(ctx, at, u.before, options.Replace().SetUpsert(true))
		}
		if err != nil {
			p.t.Error(err)
		}
	}
}

// list are the documents of a list of a command, be it in its body or behind it.
func (m message) list(name string) (all []bson.Raw) {
	if inside, is := m.body.Lookup(name).ArrayOK(); is {
		values, err := inside.Values()
		if err != nil {
			panic(err)
		}
		for _, v := range values {
			all = append(all, v.Document())
		}
	}
	for _, s := range m.sequences {
		for rest := s.documents; s.name == name && len(rest) > 4; {
			size := int(uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16 | uint32(rest[3])<<24)
			all, rest = append(all, bson.Raw(rest[:size])), rest[size:]
		}
	}
	return all
}
