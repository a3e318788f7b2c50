package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

// law is the harness of stores that are opened with a changed configuration.
func law(change func(sqlite.Config) sqlite.Config) storagetest.Harness {
	return storagetest.Harness{Open: func(t *testing.T, dir string, now func() time.Time) storage.Store {
		store, err := sqlite.Open(t.Context(), change(sqlite.Config{Path: filepath.Join(dir, "law.db"), Now: now}))
		if err != nil {
			t.Fatal(err)
		}
		return store
	}}
}

func TestLaw(t *testing.T) {
	storagetest.Run(t, law(func(c sqlite.Config) sqlite.Config { return c }))
}

// What is found must not depend on the way that is chosen to it.
func TestLawOnOtherWays(t *testing.T) {
	storagetest.Run(t, law(sqlite.Contrary))
}

// The law is held against stores without transactions, too: one that is known to be right must pass it.
func TestLawWithoutTransactions(t *testing.T) {
	whole := law(func(c sqlite.Config) sqlite.Config { return c })
	storagetest.Run(t, storagetest.Harness{
		Open: func(t *testing.T, dir string, now func() time.Time) storage.Store {
			return storagetest.WithoutTransactions(bounded{whole.Open(t, dir, now), 8 << 20})
		},
		Largest: 8 << 20, Respells: true, Gathers: true, Slow: 3, // for each commit waits for the disk
	})
}

// bounded is a store that takes resources of so many bytes at most.
type bounded struct {
	storage.Store
	most int
}

func (b bounded) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	for i, op := range ops {
		if !op.Resource.IsZero() && fhir.NewDraft(op.Resource).Size() > b.most {
			return nil, &storage.OpError{Index: i, Err: fhir.Errorf(fhir.TooLarge, fhir.CodeTooLong, "%s has more than %d bytes.", op.Key, b.most)}
		}
	}
	return b.Store.Commit(ctx, p, ops)
}

// The long form of what the law holds of a crawl: 10 000 resources, in every order.
func TestCrawl(t *testing.T) {
	if os.Getenv("PORTICO_TEST_SOAK") == "" {
		t.Skip("set PORTICO_TEST_SOAK=1 to go through 10 000 resources in every order while others write: minutes")
	}
	storagetest.Crawl(t, law(func(c sqlite.Config) sqlite.Config { return c }), 10_000)
}

// open opens a store for one test, in a folder of its own unless the configuration names a file.
func open(t testing.TB, c sqlite.Config) *sqlite.Store {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), "store.db")
	}
	store, err := sqlite.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func key(id string) fhir.Key { return fhir.Key{Type: "Appointment", ID: id} }

// put is the operation that stores an Appointment with one term.
func put(id, tag string) storage.Op {
	return storage.Op{
		Key:      key(id),
		Resource: fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: "Appointment"}, fhir.Member{Name: "id", Value: id})),
		Entries:  search.Entries{Terms: []search.Term{{Param: "tag", Value: tag}}},
	}
}

func TestFileIsTheOwners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder?#%", "below", "store ?#%.db")
	store := open(t, sqlite.Config{Path: path})
	if _, err := store.Commit(t.Context(), home, []storage.Op{put("a", "")}); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, filepath.Dir(path): 0o700, filepath.Dir(filepath.Dir(path)): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), mode)
		}
	}
}

// What a commit promises rests on these: https://www.sqlite.org/pragma.html#pragma_synchronous.
func TestCommitsAreDurable(t *testing.T) {
	store := open(t, sqlite.Config{})
	for name, want := range map[string]any{"journal_mode": "wal", "synchronous": int64(2)} {
		if value, err := sqlite.Pragma(store, name); err != nil || value != want {
			t.Errorf("%s is %v, want %v (%v)", name, value, want, err)
		}
	}
}

// A deleted resource leaves no row in the index, whatever its values were.
func TestNothingIsLeftBehind(t *testing.T) {
	store := open(t, sqlite.Config{})
	odd := []string{"", "\ufffd", "\xff", "\xfe\x01", "a\xff7:T", "\x00", "é", "ends with \ufffd", "ends with \xff"}
	for _, value := range odd {
		op := put("a", value)
		op.Entries.Texts = []search.Text{{Param: "name", Folded: value, Exact: value}, {Param: "name", Folded: value, Exact: "x"}}
		op.Entries.Ranges = []search.Range{{Param: "date"}, {Param: "date", Interval: fhir.Interval{Low: fhir.Beginning, High: fhir.End}}}
		if utf8.ValidString(value) {
			op.Entries.Ordereds = []search.Ordered{{Param: "size", Low: value, High: value}, {Param: "size", Low: value, High: value + "x"}, {Param: "url", Low: value, High: value}}
		}
		op.Entries.Places = []search.Place{{Param: "near"}, {Param: "near", Point: search.Point{Latitude: 1.0 / 3, Longitude: -179.99999999999997}}}
		for _, o := range []storage.Op{op, put("a", "other"), op, {Key: op.Key}} {
			if _, err := store.Commit(t.Context(), home, []storage.Op{o}); err != nil {
				t.Fatal(err)
			}
		}
		if rows, err := sqlite.IndexRows(t.Context(), store); err != nil || rows != 0 {
			t.Errorf("value %q: %d rows are left (%v)", value, rows, err)
		}
	}
}

// A command beside a running server writes to the same file: versions and instants stay one sequence, parameters that the one
// learns are known to the other.
func TestTwoStoresOnOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	const rounds = 50
	var all sync.WaitGroup
	for _, name := range []string{"server", "command", "another"} {
		shift := time.Duration(len(name)) * time.Hour // clocks that differ
		store := open(t, sqlite.Config{Path: path, Now: func() time.Time { return time.Now().Add(-shift) }})
		all.Go(func() {
			for i := range rounds {
				op := put("shared", "tag")
				op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: name + string('a'+rune(i%20)), Value: "x"})
				if _, err := store.Commit(context.Background(), home, []storage.Op{op, put(name, "tag")}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	store := open(t, sqlite.Config{Path: path})
	events, err := store.Events(t.Context(), 0, 1_000)
	if err != nil || len(events) != 3*rounds*2 {
		t.Fatalf("%d events, want %d (%v)", len(events), 3*rounds*2, err)
	}
	numbers := make(map[fhir.Key]int64)
	for _, e := range events {
		if numbers[e.Key]++; numbers[e.Key] != e.Number {
			t.Errorf("%s: version %d where %d should be", e.Key, e.Number, numbers[e.Key])
		}
	}
	page, err := store.Search(t.Context(), home, search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: "tag"}}}}, storage.PageRequest{Limit: 10})
	if err != nil || len(page.Versions) != 4 {
		t.Errorf("found %d resources, want 4 (%v)", len(page.Versions), err)
	}
}

// A search that would go on for long ends with its context, also when it has found its first row.
func TestSearchEndsWithItsContext(t *testing.T) {
	store := open(t, sqlite.Config{})
	var ops []storage.Op
	for i := range 500 {
		op := put("a"+string(rune('a'+i%26))+time.Duration(i).String(), "tag")
		for n := range 40 {
			op.Entries.Texts = append(op.Entries.Texts, search.Text{Param: "name", Folded: "anna" + string(rune('a'+n)), Exact: "Anna"})
		}
		ops = append(ops, op)
	}
	ops[len(ops)-1].Entries.Texts[0].Exact = "Annabel" // the newest is found at once
	if _, err := store.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
	clause := search.Any{search.Exactly{Param: "name", Exact: "Annabel"}}
	for i := range 300 {
		clause = append(clause, search.Exactly{Param: "name", Exact: "nobody" + time.Duration(i).String()})
	}
	look := func(ctx context.Context) (time.Duration, error) {
		began := time.Now()
		_, err := store.Search(ctx, home, search.Query{Type: "Appointment", All: []search.Any{clause}}, storage.PageRequest{Limit: 50})
		return time.Since(began), err
	}
	whole, err := look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	brief, cancel := context.WithTimeout(t.Context(), whole/50)
	defer cancel()
	took, err := look(brief)
	if !errors.Is(err, context.DeadlineExceeded) || took > whole/2 {
		t.Errorf("error %v after %v, want context.DeadlineExceeded soon after %v; the whole takes %v", err, took, whole/50, whole)
	}
	if _, err := store.Read(t.Context(), home, ops[0].Key); err != nil {
		t.Errorf("after an interrupted search: %v", err)
	}
}
