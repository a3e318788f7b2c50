package mongo

import (
	"context"
	"fmt"
	"iter"
	"os"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// practice is a store that has what a practice has. It keeps the commands that go to the server.
type practice struct {
	*Store
	*wire
	storagetest.Practice
	last fhir.Instant
}

const (
	pageSize = 20
	minute   = fhir.Instant(60_000_000)
)

// resources is how many resources a test of what searches ask for has: PORTICO_TEST_SOAK asks for as many as are promised.
func resources() int {
	if os.Getenv("PORTICO_TEST_SOAK") != "" {
		return 100_000
	}
	return 5_000
}

// Promised orders of a practice.
var (
	dateKey   = search.SortKey{Param: "date", Absent: "date:none"}
	bornKey   = search.SortKey{Param: "birthdate", Absent: "birthdate:none"}
	feeKey    = search.SortKey{Param: "fee", By: search.ByOrder, Absent: "fee:none"}
	familyKey = search.SortKey{Param: "family", By: search.ByOrder, Absent: "family:none"}
)

// newPractice makes a store of so many resources.
func newPractice(t testing.TB, resources int) *practice {
	t.Helper()
	p := &practice{wire: new(wire), Practice: storagetest.NewPractice(resources), last: 1_000_000}
	p.Store = openTest(t, fmt.Sprint(t.Name(), resources), func(c *Config) {
		c.monitor = &event.CommandMonitor{Started: p.started, Succeeded: p.answered}
		c.SortKeys = p.SortKeys
	})
	p.fill(t, p.Ops())
	return p
}

// fill writes resources as a restored backup would be: all at once, each at an instant behind those before it.
func (p *practice) fill(t testing.TB, ops iter.Seq[storage.Op]) {
	t.Helper()
	var kind string
	var batch []any
	flush := func() {
		if len(batch) == 0 {
			return
		}
		if _, err := p.current(kind).InsertMany(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		batch = nil
	}
	for op := range ops {
		if op.Key.Type != kind || len(batch) == 1_000 {
			flush()
			kind = op.Key.Type
			if err := p.prepare(t.Context(), kind); err != nil {
				t.Fatal(err)
			}
		}
		p.last++
		batch = append(batch, p.document(t, op))
	}
	flush()
}

// document is that of the version that an operation makes.
func (p *practice) document(t testing.TB, op storage.Op) document {
	t.Helper()
	index, err := encodeEntries(op.Entries, p.SortKeys(op.Key.Type))
	if err != nil {
		t.Fatal(err)
	}
	c := change{Op: op, method: op.Becomes(), draft: fhir.NewDraft(op.Resource), index: index}
	d, err := c.next(home, document{}, p.last)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func is(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }

func starts(param, folded string) search.Any {
	return search.Any{search.StartsWith{Param: param, Folded: folded}}
}

// during are those that are at some time of a stretch of minutes: as date=ge…&date=lt… has it.
func during(from, to int) []search.Any {
	open := search.Within{Param: "date", LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	since, until := open, open
	since.HighFrom, until.LowTo = fhir.Instant(from)*minute+1, fhir.Instant(to)*minute-1
	return []search.Any{{since}, {until}}
}

// since are those that came to be at an instant or after it: as _lastUpdated=ge has it.
func since(at fhir.Instant) search.Any {
	return search.Any{search.Within{Param: search.LastUpdated, LowFrom: at, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}}
}

func chain(param, kind string, all ...search.Any) search.Any {
	return search.Any{search.Refers{Param: param, To: search.Selection{Type: kind, All: all}}}
}

func by(keys ...search.SortKey) []search.SortKey { return keys }

// wire keeps the commands that go to the server while it listens.
type wire struct {
	mu       sync.Mutex
	on       bool
	commands []bson.Raw
	rows     int // that came back
}

func (w *wire) started(_ context.Context, e *event.CommandStartedEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.on {
		w.commands = append(w.commands, append(bson.Raw(nil), e.Command...))
	}
}

func (w *wire) answered(_ context.Context, e *event.CommandSucceededEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, batch := range []string{"firstBatch", "nextBatch"} {
		if list, ok := e.Reply.Lookup("cursor", batch).ArrayOK(); w.on && ok {
			rows, _ := list.Values() // what cannot be read is none
			w.rows += len(rows)
		}
	}
}

// listen is what was sent to the server while fn ran. How many documents came back is in rows then.
func (w *wire) listen(fn func()) []bson.Raw {
	set := func(on bool) []bson.Raw {
		w.mu.Lock()
		defer w.mu.Unlock()
		sent := w.commands
		w.on, w.commands = on, nil
		return sent
	}
	w.rows = 0
	set(true)
	fn()
	return set(false)
}
