package mongo

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// The benchmarks of this file stand beside the raw driver, in the same run and on the same documents: what it does and what the store does take turns, so that whatever
// else the machine is at slows both alike. of-raw is how many the store does in the time in which the driver does one; the figures themselves say little.

// beside measures both, each of clients clients at once. Each call of raw and own gets a number of its own.
func beside(b *testing.B, clients int, raw, own func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var spent [2]time.Duration
	for b.Loop() {
		for k, do := range []func(int) error{raw, own} {
			began := time.Now()
			var all sync.WaitGroup
			for range clients {
				all.Go(func() {
					if err := do(int(next.Add(1))); err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
			spent[k] += time.Since(began)
		}
	}
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(b.N), "raw-ns/op")
	b.ReportMetric(float64(spent[1].Nanoseconds())/float64(b.N), "own-ns/op")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "of-raw")
}

// likeness is the Patient of 2 KB that all villagers look like.
func likeness(tb testing.TB) fhir.Resource {
	tb.Helper()
	r, err := fhir.ParseResource(patientBody(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// villager is the operation that stores a Patient, with the entries that the engine makes of such a one.
func villager(of fhir.Resource, i int) storage.Op {
	key, r := patientKey(fmt.Sprintf("villager-%08d", i)), of.Clone()
	r.SetID(key.ID)
	var e search.Entries
	token := func(param, system, code string) {
		for _, v := range []string{code, system + "|" + code, system + "|"} {
			e.Terms = append(e.Terms, search.Term{Param: param, Value: v})
		}
	}
	token("identifier", "https://fhir.nhs.uk/Id/nhs-number", fmt.Sprint(9_990_000_000+i))
	token("identifier", "https://example.org/charts", fmt.Sprint("chart-", i))
	token("gender", "http://hl7.org/fhir/administrative-gender", "female")
	token("phone", "phone", fmt.Sprint("01632 960", i%1000))
	token("active", "", "true")
	e.Terms = append(e.Terms, search.Term{Param: "organization", Value: "Organization/1"}, search.Term{Param: "general-practitioner", Value: fmt.Sprint("Practitioner/", i%50)})
	for _, name := range []string{"Smith", "Anna", "Maria"} {
		e.Texts = append(e.Texts, search.Text{Param: "name", Folded: name, Exact: name})
	}
	for _, line := range []string{"1 High Street", "Oxford", "OX1 1AA"} {
		e.Texts = append(e.Texts, search.Text{Param: "address", Folded: line, Exact: line})
	}
	born := fhir.Instant(i%20_000) * 86_400_000_000
	e.Ranges = []search.Range{{Param: "birthdate", Interval: fhir.Interval{Low: born, High: born + 86_400_000_000}}}
	return storage.Op{Key: key, Resource: r, Entries: e, Condition: storage.Condition{Absent: true}}
}

// settled is a store with n villagers, and beside each collection of theirs another one that the raw driver has to itself, with the same indexes and documents.
func settled(b *testing.B, n int) (s *Store, current, past *mongo.Collection) {
	b.Helper()
	of := likeness(b)
	s = openTest(b, b.TempDir(), nil)
	const twin = "Twin"
	for _, typ := range []string{"Patient", twin} {
		if err := s.prepare(b.Context(), typ); err != nil {
			b.Fatal(err)
		}
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				r, err := commitOne(b.Context(), s, villager(of, i))
				if err == nil {
					_, err = s.current(twin).InsertOne(b.Context(), documentOf(b, s, r.Version.Key))
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s, s.current(twin), s.past(twin)
}

// documentOf is the whole document of a resource.
func documentOf(tb testing.TB, s *Store, key fhir.Key) bson.Raw {
	tb.Helper()
	raw, err := s.current(key.Type).FindOne(tb.Context(), at(home, key.ID)).Raw()
	if err != nil {
		tb.Error(err)
	}
	return raw
}

// renamed is a document under another _id.
func renamed(raw bson.Raw, id string) bson.Raw {
	d, _ := readDocument(raw)
	d.ID = id
	out, _ := d.raw()
	return out
}

const villagers = 2_000

// BenchmarkRead is Store.Read; raw: FindOne by _id of the same document, to a bson.Raw.
func BenchmarkRead(b *testing.B) {
	s, _, _ := settled(b, villagers)
	id := func(i int) string { return fmt.Sprintf("villager-%08d", 1+i*7919%villagers) }
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			beside(b, clients,
				func(i int) error {
					_, err := s.current("Patient").FindOne(b.Context(), bson.D{{Key: fieldID, Value: documentID(home, id(i))}}).Raw()
					return err
				},
				func(i int) error {
					_, err := s.Read(b.Context(), home, patientKey(id(i)))
					return err
				})
		})
	}
}

// BenchmarkCreate is a Commit that makes a resource; raw: two insertions one after the other, of a document like that of the resource, made beforehand, into a
// collection with the same indexes, and of the same without its index entries into the one of superseded versions.
func BenchmarkCreate(b *testing.B) {
	s, current, past := settled(b, 1)
	of := likeness(b)
	like := documentOf(b, s, patientKey("villager-00000001"))
	superseded, _ := readDocument(like)
	archived, err := superseded.superseded().raw()
	if err != nil {
		b.Fatal(err)
	}
	var fresh atomic.Int64
	fresh.Store(1)
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			beside(b, clients,
				func(int) error {
					i := fresh.Add(1)
					if _, err := past.InsertOne(b.Context(), renamed(archived, fmt.Sprint("raw-", i))); err != nil {
						return err
					}
					_, err := current.InsertOne(b.Context(), renamed(like, fmt.Sprint("raw-", i)))
					return err
				},
				func(int) error {
					_, err := commitOne(b.Context(), s, villager(of, int(fresh.Add(1))))
					return err
				})
		})
	}
}

// BenchmarkUpdate is a Commit that replaces a resource whatever it is; raw: the insertion of its old document into the collection of superseded versions, and the
// replacement of the current one by _id. The raw pair reads nothing, and knows no instant.
func BenchmarkUpdate(b *testing.B) {
	const some = 200
	s, current, past := settled(b, some)
	of := likeness(b)
	like := make([]bson.Raw, some)
	for i := range like {
		like[i] = documentOf(b, s, patientKey(fmt.Sprintf("villager-%08d", i+1)))
	}
	var fresh atomic.Int64
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			beside(b, clients,
				func(int) error {
					i := int(fresh.Add(1))
					d, err := readDocument(like[i%some])
					if err != nil {
						return err
					}
					archived, err := d.superseded().raw()
					if err != nil {
						return err
					}
					if _, err := past.InsertOne(b.Context(), renamed(archived, fmt.Sprint("raw-", i))); err != nil {
						return err
					}
					_, err = current.ReplaceOne(b.Context(), bson.D{{Key: fieldID, Value: d.ID}}, like[i%some])
					return err
				},
				func(int) error {
					op := villager(of, 1+int(fresh.Add(1))%some)
					op.Condition = storage.Condition{}
					_, err := commitOne(b.Context(), s, op)
					return err
				})
		})
	}
}

// BenchmarkToken is a Search by one identifier; raw: the find by the same term with the same index, to bson.Raw.
func BenchmarkToken(b *testing.B) {
	s, _, _ := settled(b, villagers)
	value := func(i int) string {
		return fmt.Sprint("https://fhir.nhs.uk/Id/nhs-number|", 9_990_000_000+1+i*7919%villagers)
	}
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			beside(b, clients,
				func(i int) error {
					filter := bson.D{{Key: fieldPartition, Value: string(home)}, {Key: indexTerm, Value: "identifier=" + value(i)}}
					cursor, err := s.current("Patient").Find(b.Context(), filter, options.Find().SetHint(hintTerm))
					if err != nil {
						return err
					}
					var found []bson.Raw
					for cursor.Next(b.Context()) {
						found = append(found, slices.Clone(cursor.Current))
					}
					if len(found) != 1 {
						return fmt.Errorf("%d found", len(found))
					}
					return cursor.Close(b.Context())
				},
				func(i int) error {
					q := search.Query{Type: "Patient", All: []search.Any{{search.Equal{Param: "identifier", Value: value(i)}}}}
					page, err := s.Search(b.Context(), home, q, storage.PageRequest{Limit: 50, CountUpTo: 1000})
					if err == nil && len(page.Versions) != 1 {
						return fmt.Errorf("%d found", len(page.Versions))
					}
					return err
				})
		})
	}
}
