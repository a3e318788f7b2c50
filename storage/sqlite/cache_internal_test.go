package sqlite

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// reading is a read of the file that is under way.
type reading struct {
	at      place
	changes uint64
	quiet   bool
	read    bool
	version fhir.Version
}

// cacheModel is a file, the cache beside it, and what is under way. Its methods are the steps of concurrent readers, of the one writer, and
// of another process; rapid tries their orders.
type cacheModel struct {
	cache      *cache
	file       map[place]fhir.Version
	newest     fhir.Instant // of the file
	foreign    map[place]bool
	readings   []*reading
	writing    []placed // between begin and end
	emptied    int64    // what begin said
	visible    bool     // writing is in the file
	clock      time.Duration
	superseded map[earlier]time.Duration // when, by another process
	meanwhile  func()                    // while the clock is asked for the time; nil: nothing
}

// earlier is what was current at a place.
type earlier struct {
	place
	instant fhir.Instant // 0: nothing
}

func newCacheModel() *cacheModel {
	m := &cacheModel{file: map[place]fhir.Version{}, foreign: map[place]bool{}, superseded: map[earlier]time.Duration{}}
	m.cache = newCache(parts*2*overhead, func() time.Duration { // some parts have room for one version
		if m.meanwhile != nil {
			m.meanwhile()
		}
		return m.clock
	})
	return m
}

var modelPlaces = []place{{"a/test", fhir.Key{Type: "Patient", ID: "1"}}, {"b/test", fhir.Key{Type: "Patient", ID: "1"}}, {"a/test", fhir.Key{Type: "Task", ID: "1"}}}

func (m *cacheModel) next(at place) fhir.Version {
	m.newest++
	return fhir.Version{Key: at.key, Number: m.file[at].Number + 1, Instant: m.newest, Method: fhir.Updated, Body: []byte(fmt.Sprint(at, m.newest))}
}

func (m *cacheModel) beginReading(t *rapid.T) {
	r := &reading{at: rapid.SampledFrom(modelPlaces).Draw(t, "place")}
	r.changes, r.quiet = m.cache.watch(r.at)
	m.readings = append(m.readings, r)
}

// goOnReading reads the file, or keeps what was read.
func (m *cacheModel) goOnReading(t *rapid.T) {
	if len(m.readings) == 0 {
		t.Skip("nobody reads")
	}
	i := rapid.IntRange(0, len(m.readings)-1).Draw(t, "reading")
	r := m.readings[i]
	if !r.read {
		r.version, r.read = m.file[r.at], true
		return
	}
	if r.quiet {
		m.cache.keep(placed{r.at, r.version}, r.changes)
	}
	m.readings = slices.Delete(m.readings, i, i+1)
}

// goOnWriting begins a transaction, commits it or lets it fail, or ends it.
func (m *cacheModel) goOnWriting(t *rapid.T) {
	switch {
	case m.writing == nil:
		m.cache.notice(m.newest)
		clear(m.foreign)
		for _, at := range rapid.SliceOfNDistinct(rapid.SampledFrom(modelPlaces), 1, 3, rapid.ID).Draw(t, "places") {
			m.writing = append(m.writing, placed{at, m.next(at)})
		}
		m.emptied = m.cache.begin(m.writing, m.newest)
	case m.visible:
		m.cache.end(m.writing, m.emptied, nil)
		m.writing, m.visible = nil, false
	case rapid.Bool().Draw(t, "fails"):
		m.newest -= fhir.Instant(len(m.writing))
		m.cache.end(m.writing, m.emptied, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The disk is full."))
		m.writing = nil
	default:
		for _, w := range m.writing {
			m.file[w.place] = w.version
		}
		m.visible = true
	}
}

// writeElsewhere is a transaction of another process, which waits for ours.
func (m *cacheModel) writeElsewhere(t *rapid.T) {
	if m.writing != nil && !m.visible {
		t.Skip("the file is locked")
	}
	at := rapid.SampledFrom(modelPlaces).Draw(t, "place")
	m.superseded[earlier{at, m.file[at].Instant}] = m.clock
	m.file[at], m.foreign[at] = m.next(at), true
}

func (m *cacheModel) notice(*rapid.T) {
	m.cache.notice(m.newest)
	m.cache.checked.Store(int64(m.clock))
	if m.writing == nil || m.visible {
		clear(m.foreign)
	}
}

func (m *cacheModel) passTime(t *rapid.T) {
	m.clock += rapid.SampledFrom([]time.Duration{1, maxStale / 2, maxStale}).Draw(t, "time")
}

// readFresh reads without the file; before it looks at the clock, another reader may ask what other processes wrote. What these wrote must
// be seen, unless they did it just now.
func (m *cacheModel) readFresh(t *rapid.T) {
	at, began := rapid.SampledFrom(modelPlaces).Draw(t, "place"), m.clock
	if rapid.Bool().Draw(t, "others go on") {
		m.meanwhile = func() {
			m.meanwhile = nil
			m.notice(t)
		}
	}
	v, known := m.cache.fresh(at)
	m.meanwhile = nil
	if since, was := m.superseded[earlier{at, v.Instant}]; known && was && since <= began-maxStale {
		t.Fatalf("%v: version %d is taken for fresh %v after another process superseded it", at, v.Number, began-since)
	}
}

// check: what is in the cache is what is in the file, but for what another process wrote and nobody has noticed yet.
func (m *cacheModel) check(t *rapid.T) {
	for _, at := range modelPlaces {
		if v, known := m.cache.get(at); known && !m.foreign[at] && v.Instant != m.file[at].Instant {
			t.Fatalf("%v: the cache has version %d of %d, the file version %d of %d", at, v.Number, v.Instant, m.file[at].Number, m.file[at].Instant)
		}
	}
}

func TestCacheIsNeverStale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newCacheModel()
		t.Repeat(map[string]func(*rapid.T){
			"begin reading": m.beginReading, "go on reading": m.goOnReading, "go on writing": m.goOnWriting,
			"write elsewhere": m.writeElsewhere, "notice": m.notice, "pass time": m.passTime, "read fresh": m.readFresh, "": m.check,
		})
	})
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(parts*10_000, func() time.Duration { return 0 })
	for i := range 2_000 {
		at := place{"a/test", fhir.Key{Type: "Patient", ID: fmt.Sprint(i)}}
		changes, _ := c.watch(at)
		c.keep(placed{at, fhir.Version{Number: 1, Body: make([]byte, i)}}, changes)
	}
	for i := range c.parts {
		p := &c.parts[i]
		size := 0
		for e := range maps.Values(p.entries) {
			size += e.Value.(*placed).size()
		}
		if size > 10_000 || size+p.room != 10_000 || p.used.Len() != len(p.entries) || size == 0 {
			t.Errorf("part %d has %d versions of %d bytes and room for %d, of 10000", i, len(p.entries), size, p.room)
		}
	}
	if _, known := c.get(place{"a/test", fhir.Key{Type: "Patient", ID: "1999"}}); !known {
		t.Error("what was read last is not known")
	}
}

// A search that holds on to a state of the file does not put into memory what was superseded since.
func TestCacheIsNotOfAPastState(t *testing.T) {
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "store.db"), elapsed: func() time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	const p fhir.Partition = "demo/test"
	key := fhir.Key{Type: "Patient", ID: "1"}
	write := func() {
		op := storage.Op{Key: key, Resource: fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: key.Type}, fhir.Member{Name: "id", Value: key.ID}))}
		op.Entries.Texts = []search.Text{{Param: "name", Folded: "ann", Exact: "Ann"}}
		if _, err := s.Commit(t.Context(), p, []storage.Op{op}); err != nil {
			t.Fatal(err)
		}
	}
	write()
	if _, err := s.Read(t.Context(), p, key); err != nil { // from now on it is known that nobody else wrote
		t.Fatal(err)
	}
	q := search.Query{Type: key.Type, Sort: []search.SortKey{{Param: "name", By: search.ByText}}}
	err = s.snapshot(t.Context(), func(c *conn) error {
		if _, _, err := c.number(t.Context(), "SELECT max(instant) FROM version"); err != nil {
			return err
		}
		write() // after the state began
		x, err := s.begin(t.Context(), c, p, q, unbounded)
		if err != nil {
			return err
		}
		page, err := x.answer(storage.PageRequest{Limit: 1}, nil)
		if err == nil && (len(page.Versions) != 1 || page.Versions[0].Number != 1) {
			err = fmt.Errorf("the search finds %v, want version 1", page.Versions)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Read(t.Context(), p, key); err != nil || v.Number != 2 {
		t.Errorf("version %d is current, want 2 (%v)", v.Number, err)
	}
}
