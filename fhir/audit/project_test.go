package audit_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// ledger is a store with the memory of what was written to it.
type ledger struct {
	storage.Store
	testing.TB
	now atomic.Int64 // nanoseconds since 1970

	mu      sync.Mutex
	want    map[fhir.Partition][]audit.Event
	written int
}

func newLedger(t testing.TB) *ledger {
	t.Helper()
	l := &ledger{TB: t, want: make(map[fhir.Partition][]audit.Event)}
	l.now.Store(start.UnixNano())
	rules, err := search.NewRules(search.Config{Types: []string{"Patient"}, BaseURL: "https://example.org/fhir"})
	must(t, err)
	l.Store = anystore.Open(t, rules, l.time)
	return l
}

func (l *ledger) time() time.Time { return time.Unix(0, l.now.Load()).UTC() }

func (l *ledger) move(by time.Duration) { l.now.Add(int64(by)) }

// somebody is a client; each of their requests is another one.
func (l *ledger) somebody(p fhir.Partition) fhir.Principal {
	return fhir.Principal{Partition: p, Client: "test_2cV9xQ4mT7bK1nR8sW3yZ6", Request: fmt.Sprintf("request-%d", l.now.Add(1000)), Address: "203.0.113.17"}
}

// write makes a version of a resource that refers to some patients, or with none deletes it, and remembers which patients are to be told of with it.
func (l *ledger) write(who fhir.Principal, i audit.Interaction, key fhir.Key, patients, told []string) {
	l.Helper()
	op := storage.Op{Key: key, Origin: audit.OriginOf(who, i)}
	if i == audit.Create {
		op.Method = fhir.Created
	}
	var focus fhir.Array
	for _, id := range patients {
		focus = append(focus, fhir.NewObject(fhir.Member{Name: "reference", Value: "Patient/" + id}))
	}
	if focus != nil {
		op.Resource = fhir.NewResource(fhir.NewObject(
			fhir.Member{Name: "resourceType", Value: key.Type}, fhir.Member{Name: "id", Value: key.ID}, fhir.Member{Name: "focus", Value: focus}))
	}
	r, err := l.Commit(l.Context(), who.Partition, []storage.Op{op})
	must(l.TB, err)
	v := r[0].Version
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written++
	e := audit.Event{Instant: v.Instant, Who: who, Interaction: i, Key: key, Number: v.Number}
	for ; len(told) > mostPatients; told = told[mostPatients:] {
		e.Patients = told[:mostPatients]
		l.want[who.Partition] = append(l.want[who.Partition], e)
	}
	e.Patients = told
	l.want[who.Partition] = append(l.want[who.Partition], e)
}

// note makes an Observation of some patients.
func (l *ledger) note(p fhir.Partition, patients ...string) {
	l.Helper()
	who := l.somebody(p)
	l.write(who, audit.Create, fhir.Key{Type: "Observation", ID: strings.ReplaceAll(who.Request, "request", "o")}, patients, patients)
}

// some makes so many Observations, a moment between each, in three partitions.
func (l *ledger) some(n int) {
	l.Helper()
	for i := range n {
		l.move(time.Duration(i%7) * 300 * time.Millisecond)
		l.note([]fhir.Partition{"demo/test", "demo/test", "demo/live", "other/test"}[i%4], fmt.Sprint("p", i%5))
	}
}

// crowd are patients whose ids take so much that few events that tell of them fill a block.
func crowd() []string { return patients(900) }

// mostPatients is of how many an event tells.
const mostPatients = 3000

// patients are ids as long as they may be, in order.
func patients(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%064d", i))
	}
	return ids
}

// settled waits until the store tells of everything that was written: a MongoDB tells of what no older writer can come behind any more.
func (l *ledger) settled() {
	l.Helper()
	l.mu.Lock()
	total := l.written
	l.mu.Unlock()
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		if events, err := l.Events(l.Context(), 0, 100_000); err == nil && len(events) >= total {
			return
		}
	}
	l.Fatal("the store does not tell of what was written")
}

// recorded demands that just what was written is recorded, each once, in blocks that say where it is.
func (l *ledger) recorded() {
	l.Helper()
	for p, want := range l.want {
		got, _ := l.blocks(p)
		slices.SortFunc(want, byInstant)
		if diff := gocmp.Diff(want, got); diff != "" {
			l.Errorf("%s: -want +got:\n%.4000s", p, diff)
		}
	}
}

// blocks are the events that are recorded of a partition, by their instants, and how many each block has.
func (l *ledger) blocks(p fhir.Partition) (all []audit.Event, sizes []int) {
	l.Helper()
	prefix := audit.BlockPrefix(p)
	found, err := l.Records().Scan(l.Context(), prefix, "", 10_000)
	must(l.TB, err)
	for _, r := range slices.Backward(found) {
		events, mark, err := audit.Decode(p, r.Value)
		must(l.TB, err)
		first, ok := audit.FirstOf(strings.TrimPrefix(r.Name, prefix))
		last := events[len(events)-1].Instant
		if !ok || first > events[0].Instant || last-first > fhir.Instant(30*time.Second/time.Microsecond) || mark < int64(last) {
			l.Errorf("%s with the mark %d has %d events from %s to %s", r.Name, mark, len(events), events[0].Instant, last)
		}
		if want := last + fhir.Instant(audit.DefaultKeep.Microseconds()); r.Expires != want {
			l.Errorf("%s expires at %s, want %s", r.Name, r.Expires, want)
		}
		all, sizes = append(all, events...), append(sizes, len(events))
	}
	slices.SortStableFunc(all, byInstant)
	return all, sizes
}

// byInstant orders events, and the parts of one that has very many patients.
func byInstant(a, b audit.Event) int {
	return cmp.Or(cmp.Compare(a.Instant, b.Instant), slices.Compare(a.Patients, b.Patients))
}

func (l *ledger) project(change ...func(*audit.Config)) {
	l.Helper()
	l.settled()
	must(l.TB, trailOf(l.TB, l.Store, l.time, change...).Project(l.Context()))
}

// What is told of a write: who made it and by what, which version came to be, and whom it was or is about.
func TestProject(t *testing.T) {
	l := newLedger(t)
	l.project() // of nothing
	key := fhir.Key{Type: "Observation", ID: "o"}
	l.write(l.somebody(partition), audit.Create, key, []string{"a"}, []string{"a"})
	l.write(l.somebody(partition), audit.Patch, key, []string{"b"}, []string{"a", "b"})
	l.project()
	l.recorded()
	l.move(time.Minute)
	l.write(l.somebody(partition), audit.Delete, key, nil, []string{"b"})
	l.write(l.somebody(partition), audit.Update, key, []string{"c"}, []string{"c"})
	l.write(l.somebody("other/live"), audit.Update, fhir.Key{Type: "Patient", ID: "d"}, []string{"e"}, []string{"d", "e"})
	for _, method := range []fhir.Method{fhir.Created, fhir.Updated, fhir.Deleted} { // of nobody
		op := storage.Op{Key: fhir.Key{Type: "Slot", ID: "s"}, Method: method, Origin: []string{"", "", "imported by hand"}[method-1]}
		if method != fhir.Deleted {
			op.Resource = fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: "Slot"}, fhir.Member{Name: "id", Value: "s"}))
		}
		r, err := l.Commit(t.Context(), partition, []storage.Op{op})
		must(t, err)
		i := map[fhir.Method]audit.Interaction{fhir.Created: audit.Create, fhir.Updated: audit.Update, fhir.Deleted: audit.Delete}[method]
		l.written++
		l.want[partition] = append(l.want[partition], audit.Event{Instant: r[0].Version.Instant, Who: fhir.Principal{Partition: partition}, Interaction: i, Key: op.Key, Number: r[0].Version.Number})
	}
	l.project()
	l.recorded()
	if _, sizes := l.blocks(partition); !slices.Equal(sizes, []int{2, 5}) {
		t.Errorf("the blocks have %v events", sizes)
	}
	l.project()
	l.recorded()
	l.project(func(c *audit.Config) { c.Mode = audit.Writes })
	l.recorded()
}

// A block of the half minute grows, until it has many, and then the next begins.
func TestProjectedBlocksGrow(t *testing.T) {
	l := newLedger(t)
	for range 8 {
		for range 90 {
			l.note(partition, "p")
		}
		l.project()
	}
	l.recorded()
	if _, sizes := l.blocks(partition); !slices.Equal(sizes, []int{180, 540}) {
		t.Errorf("the blocks have %v events", sizes)
	}
}

// What lies behind is recorded at once, however much it is.
func TestProjectBacklog(t *testing.T) {
	l := newLedger(t)
	l.some(1100)
	l.project()
	l.recorded()
}

// errDied is what a call of a process comes to that dies.
var errDied error = fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Died.")

// mortal is a store of a process that dies behind some calls: before the last of them does anything, or when it is done. Then no call does anything.
type mortal struct {
	storage.Store
	left  atomic.Int64
	after bool         // it dies when the last call is done
	step  func(at int) // is called before each call, if there is one
	calls atomic.Int64
}

func (m *mortal) call(do func() error) error {
	n := m.left.Add(-1)
	if m.step != nil {
		m.step(int(m.calls.Add(1)))
	}
	if n < 0 || n == 0 && !m.after {
		return errDied
	}
	err := do()
	if n == 0 {
		return errDied
	}
	return err
}

func (m *mortal) Events(ctx context.Context, after int64, limit int) (events []storage.Event, err error) {
	err = m.call(func() error { events, err = m.Store.Events(ctx, after, limit); return err })
	return events, err
}

func (m *mortal) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (v fhir.Version, err error) {
	err = m.call(func() error { v, err = m.Store.ReadVersion(ctx, p, key, number); return err })
	return v, err
}

func (m *mortal) Records() storage.Records { return mortalRecords{m.Store.Records(), m} }

type mortalRecords struct {
	storage.Records
	m *mortal
}

func (r mortalRecords) Get(ctx context.Context, name string) (record storage.Record, err error) {
	err = r.m.call(func() error { record, err = r.Records.Get(ctx, name); return err })
	return record, err
}

func (r mortalRecords) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (record storage.Record, err error) {
	err = r.m.call(func() error { record, err = r.Records.Swap(ctx, name, old, value, expires); return err })
	return record, err
}

// Whatever the step is behind which a process dies, the next one records each write once, with what was written since.
func TestProjectDies(t *testing.T) {
	l := newLedger(t)
	deaths := 0
	for steps := int64(1); steps < 500; steps++ {
		l.some(9)
		l.settled()
		died := 0
		for _, after := range []bool{false, true} {
			m := &mortal{Store: l.Store, after: after}
			m.left.Store(steps)
			if err := trailOf(t, m, l.time).Project(t.Context()); errors.Is(err, errDied) {
				died++
			} else {
				must(t, err)
			}
			l.some(3)
			l.settled()
		}
		deaths += died
		if died == 0 {
			break
		}
		if steps%8 == 0 {
			l.project()
			l.recorded()
		}
	}
	l.project()
	l.recorded()
	if deaths < 20 {
		t.Errorf("only %d died", deaths)
	}
}

// A write that concerns very many patients is recorded in several blocks, and each of its parts once, whatever the step is behind which a process dies.
func TestProjectManyPatients(t *testing.T) {
	l := newLedger(t)
	deaths := 0
	for steps := int64(1); steps < 100; steps++ {
		l.note(partition, patients(2*mostPatients+int(steps)%2)...) // the last part is full, or of one
		l.note(partition, "p")
		l.settled()
		m := &mortal{Store: l.Store, after: true}
		m.left.Store(steps)
		err := trailOf(t, m, l.time).Project(t.Context())
		l.project()
		l.move(time.Minute)
		if err == nil {
			break
		}
		deaths++
	}
	l.recorded()
	if deaths < 8 {
		t.Errorf("only %d died", deaths)
	}
}

// halfway is a store of a process that records a few changes, and dies before it writes down that it did.
type halfway struct{ storage.Store }

func (h halfway) Events(ctx context.Context, after int64, limit int) ([]storage.Event, error) {
	return h.Store.Events(ctx, after, min(limit, 5))
}

func (h halfway) Records() storage.Records { return halfwayRecords{h.Store.Records()} }

type halfwayRecords struct{ storage.Records }

func (r halfwayRecords) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	if name == "audit/position" {
		return storage.Record{}, errDied
	}
	return r.Records.Swap(ctx, name, old, value, expires)
}

// Before each step of a process another one does all of the work, or a part of it, and more is written: each write is recorded once, by either.
func TestProjectIsOvertaken(t *testing.T) {
	l := newLedger(t)
	for at := 1; at < 500; at++ {
		l.some(9)
		for range 3 {
			l.note(partition, crowd()...)
		}
		l.settled()
		overtaken := false
		m := &mortal{Store: l.Store}
		m.left.Store(1 << 40)
		m.step = func(call int) {
			if call == at {
				overtaken = true
				l.note(partition, crowd()...)
				l.some(5)
				l.note(partition, crowd()...)
				if at%2 == 0 {
					l.project()
				} else if err := trailOf(t, halfway{l.Store}, l.time).Project(t.Context()); err != nil && !errors.Is(err, errDied) {
					t.Error(err)
				}
			}
		}
		must(t, trailOf(t, m, l.time).Project(t.Context()))
		l.project()
		if !overtaken {
			break
		}
	}
	l.recorded()
	if _, sizes := l.blocks(partition); !slices.ContainsFunc(sizes, func(n int) bool { return n < 7 }) || len(sizes) < 10 {
		t.Errorf("the blocks have %v events", sizes)
	}
}

// Several processes project without a pause while others write, and some of them die.
func TestProjectTogether(t *testing.T) {
	l := newLedger(t)
	var writing, projecting sync.WaitGroup
	for w := range 4 {
		writing.Go(func() {
			for i := range 60 {
				who := l.somebody(fhir.Partition([]string{"demo/test", "demo/live"}[i%2]))
				l.write(who, audit.Update, fhir.Key{Type: "Observation", ID: fmt.Sprintf("o%d-%d", w, i%20)}, []string{"p"}, []string{"p"})
				l.move(100 * time.Millisecond)
			}
		})
	}
	done := make(chan struct{})
	for range 3 {
		projecting.Go(func() {
			for n := int64(1); ; n++ {
				m := &mortal{Store: l.Store, after: n%2 == 0}
				m.left.Store(n * 7)
				if n%3 == 0 {
					m.left.Store(1 << 40)
				}
				if err := trailOf(t, m, l.time).Project(t.Context()); err != nil && !errors.Is(err, errDied) {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writing.Wait()
	close(done)
	projecting.Wait()
	l.project()
	l.recorded()
}

// What was written while the mode was Off, or is older than events are kept, is not recorded.
func TestProjectLeavesOut(t *testing.T) {
	l := newLedger(t)
	l.some(5)
	l.project(func(c *audit.Config) { c.Mode = audit.Off })
	clear(l.want)
	l.project()
	for _, p := range []fhir.Partition{"demo/test", "demo/live", "other/test"} {
		if events, _ := l.blocks(p); len(events) > 0 {
			t.Errorf("%s: %d events are recorded", p, len(events))
		}
	}
	l.some(5)
	clear(l.want)
	l.move(audit.DefaultKeep)
	l.some(5)
	l.project()
	l.recorded()
}

// A block that cannot be read takes nothing with it of what comes behind.
func TestProjectBehindDamage(t *testing.T) {
	l := newLedger(t)
	l.some(8)
	l.project()
	for p := range l.want {
		found, err := l.Records().Scan(t.Context(), audit.BlockPrefix(p), "", 1)
		must(t, err)
		_, err = l.Records().Swap(t.Context(), found[0].Name, found[0].Revision, []byte{1, 2, 3}, 0)
		must(t, err)
	}
	clear(l.want)
	l.note(partition, "p")
	l.project()
	found, err := l.Records().Scan(t.Context(), audit.BlockPrefix(partition), "", 2)
	must(t, err)
	got, _, err := audit.Decode(partition, found[1].Value)
	must(t, err)
	if diff := gocmp.Diff(l.want[partition], got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
