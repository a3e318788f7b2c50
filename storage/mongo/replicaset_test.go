package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// replicaSet is the name of the set that a proxy can play.
const replicaSet = "rs0"

// newReplicaSet starts a proxy that says of the server that it is MongoDB, the primary of a set of one, and plays what the server lacks of it: a write that is
// sent twice is carried out once, and transactions are begun and ended. What is written in them is there at once for everybody, and taken back when they are aborted.
func newReplicaSet(t testing.TB) *proxy {
	t.Helper()
	p := newProxy(t)
	p.as, p.undone = replicaSet, map[string][]undo{}
	client, err := mongo.Connect(options.Client().ApplyURI(os.Getenv(uriVariable)))
	if err != nil {
		t.Fatal(err)
	}
	p.direct = client
	t.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// primary makes an answer to hello that of a primary.
func (p *proxy) primary(d bson.D) bson.D {
	return with(d,
		bson.E{Key: "setName", Value: p.as}, bson.E{Key: "setVersion", Value: int32(1)}, bson.E{Key: "secondary", Value: false},
		bson.E{Key: "hosts", Value: bson.A{p.address}}, bson.E{Key: "me", Value: p.address}, bson.E{Key: "primary", Value: p.address})
}

// once carries out a write that may be sent twice, and gives the second the answer of the first.
func (p *proxy) once(m message, c command, raw []byte, server net.Conn) ([]byte, error) {
	key := fmt.Sprintf("%s %d", c.session, c.number)
	p.mu.Lock()
	before := p.known[key]
	p.mu.Unlock()
	if before != nil {
		a, err := decodeMessage(before)
		a.to = m.id
		return a.encode(), err
	}
	answer, err := exchange(raw, m.flags, server)
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.known[key] = answer
	}
	return answer, err
}

// A server that is said to be a replica set is written to with a majority, and a write whose answer was lost is sent again, and carried out once.
func TestReplicaSet(t *testing.T) {
	p := newReplicaSet(t)
	c := Config{URI: p.through(testURI(t, t.TempDir()))}
	dropAfter(t, c)
	s := openAgain(t, c)
	if want := (deployment{engine: mongoDB, replicated: true, transactions: true, retries: true, ordersByTerms: true}); s.deployment != want {
		t.Errorf("%+v", s.deployment)
	}
	for _, at := range []cut{beforeServer, beforeAnswer, withinAnswer} {
		p.commands()
		failed := false
		p.on(func(c command) (r reaction) {
			if !failed {
				failed, r.cut = true, at
			}
			return r
		})
		if _, err := s.Records().Swap(t.Context(), string(at), 0, []byte("x"), 0); err != nil {
			t.Error(at, err)
		}
		told := p.commands("findAndModify")
		if len(told) != 2 || told[0].number == 0 || told[0].number != told[1].number {
			t.Errorf("%s: %+v", at, told)
			continue
		}
		if level := told[0].body.Lookup("writeConcern", "w").StringValue(); level != "majority" || !told[0].body.Lookup("writeConcern", "j").Boolean() {
			t.Errorf("written with %s", told[0].body.Lookup("writeConcern"))
		}
	}
	p.on(nil)
	p.commands()
	if _, err := s.Records().Get(t.Context(), string(beforeServer)); err != nil {
		t.Error(err)
	}
	if told := p.commands("find"); len(told) != 1 || told[0].body.Lookup("readConcern", "level").StringValue() != "majority" {
		t.Errorf("told %+v", told)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// What an aborted transaction wrote is taken back, be it an insertion, a change or a deletion; what a committed one wrote stays.
func TestReplicaSetTransactions(t *testing.T) {
	p := newReplicaSet(t)
	c := Config{URI: p.through(testURI(t, t.TempDir()))}
	dropAfter(t, c)
	s := openAgain(t, c)
	documents := s.db.Collection("x")
	id := func(id string) bson.D { return bson.D{{Key: fieldID, Value: id}} }
	write := func(ctx context.Context) error {
		_, inserted := documents.InsertOne(ctx, id("new"))
		_, changed := documents.ReplaceOne(ctx, id("old"), bson.D{{Key: "a", Value: 2}})
		_, deleted := documents.DeleteOne(ctx, id("gone"))
		_, made := documents.UpdateOne(ctx, id("made"), bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: 2}}}}, options.UpdateOne().SetUpsert(true))
		return errors.Join(inserted, changed, deleted, made)
	}
	if _, err := documents.InsertMany(t.Context(), []any{bson.D{{Key: fieldID, Value: "old"}, {Key: "a", Value: 1}}, id("gone")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		end  func(*mongo.Session, context.Context) error
		want string
	}{
		{(*mongo.Session).AbortTransaction, `[{"_id": "gone"} {"_id": "old","a": {"$numberInt":"1"}}]`},
		{(*mongo.Session).CommitTransaction, `[{"_id": "made","a": {"$numberInt":"2"}} {"_id": "new"} {"_id": "old","a": {"$numberInt":"2"}}]`},
	} {
		session, err := s.client.StartSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(session.StartTransaction(), write(mongo.NewSessionContext(t.Context(), session)), c.end(session, t.Context())); err != nil {
			t.Fatal(err)
		}
		session.EndSession(t.Context())
		cursor, err := documents.Find(t.Context(), bson.D{}, options.Find().SetSort(bson.D{up(fieldID)}))
		if err != nil {
			t.Fatal(err)
		}
		var found []bson.Raw
		if err := cursor.All(t.Context(), &found); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(found); got != c.want {
			t.Errorf("found %s, want %s", got, c.want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A server that says that it has transactions is believed when it has undone one.
func TestFalseTransactions(t *testing.T) {
	for name, c := range map[string]struct {
		react func(command) reaction
		want  bool
	}{
		"undone": {func(command) reaction { return reaction{} }, true},
		"applied": {func(c command) (r reaction) {
			if c.name == "abortTransaction" {
				r.answer = bson.D{{Key: "ok", Value: 1.0}}
			}
			return r
		}, false},
		"refused": {func(c command) (r reaction) {
			if c.starts {
				r.answer = refusal(20)
			}
			return r
		}, false},
	} {
		p := newReplicaSet(t)
		p.on(c.react)
		var notes []string
		config := Config{URI: p.through(testURI(t, t.TempDir())), Note: func(text string) { notes = append(notes, text) }}
		dropAfter(t, config)
		s := openAgain(t, config)
		if s.Transactions() != c.want || (len(notes) == 0) != c.want {
			t.Errorf("%s: %t, notes %q", name, s.Transactions(), notes)
		}
		if n, err := s.db.Collection(recordCollection).CountDocuments(t.Context(), bson.D{}); err != nil || n != 0 {
			t.Errorf("%s: %d documents are left, %v", name, n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// To an engine that calls itself a replica set, and is none, nothing is written a second time by the driver.
func TestFalseReplicaSet(t *testing.T) {
	p := newReplicaSet(t)
	p.on(func(c command) (r reaction) {
		if c.name == "buildInfo" {
			r.edit = func(d bson.D) bson.D { return with(d, bson.E{Key: "ferretdb", Value: bson.D{}}) }
		}
		return r
	})
	c := Config{URI: p.through(testURI(t, t.TempDir()))}
	dropAfter(t, c)
	s := openAgain(t, c)
	if want := (deployment{engine: ferretDB, replicated: true}); s.deployment != want {
		t.Errorf("%+v", s.deployment)
	}
	p.commands()
	if _, err := s.Records().Swap(t.Context(), "a", 0, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if told := p.commands("findAndModify"); len(told) != 1 || told[0].number != 0 {
		t.Errorf("told %+v", told)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
