package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/bits"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/portico-health/portico/fhir"
)

const (
	maxWaiting = 1024 // writes that may wait; the next is Unavailable
	maxGroup   = 128  // writes that become one transaction
)

// writer is the one goroutine that writes. It makes one transaction, and so one fsync, of all writes that wait.
type writer struct {
	conn  *conn
	cache *cache
	now   func() time.Time
	queue chan *job
	held  *backlog
	done  chan struct{}

	grouped int  // jobs of the group that is carried out; for jobs alone
	failed  bool // a transaction failed, and none has changed or proved anything since; for jobs alone
}

// job is a write that waits.
type job struct {
	run      func(*tx) error // it refuses before its first change, or makes its changes undoable
	bytes    int             // that it keeps in memory
	finished chan error
	state    atomic.Int32
}

// The states of a job. Either the writer takes it, or the caller withdraws it.
const (
	waiting int32 = iota
	taken
	withdrawn
)

// tx is the transaction of a group.
type tx struct {
	*conn
	ctx     context.Context // never ends: a group that began is finished
	now     fhir.Instant
	last    fhir.Instant // the newest instant in the store
	written []placed     // by the jobs that did not refuse, in their order
	proved  bool         // it writes only to see whether that succeeds
}

func startWriter(c *conn, kept *cache, now func() time.Time) *writer {
	w := &writer{conn: c, cache: kept, now: now, queue: make(chan *job, maxWaiting), held: &backlog{most: maxHeld}, done: make(chan struct{})}
	go w.loop()
	return w
}

// do hands a write to the writer and waits until it is durable or refused. When ctx ends before the writer takes it,
// it is withdrawn.
func (w *writer) do(ctx context.Context, run func(*tx) error) error { return w.carry(ctx, 0, run) }

// carry is do for a write that keeps many bytes in memory until it is carried out.
func (w *writer) carry(ctx context.Context, bytes int, run func(*tx) error) error {
	if !w.held.take(bytes) {
		return unavailable()
	}
	j := &job{run: run, bytes: bytes, finished: make(chan error, 1)}
	select {
	case w.queue <- j:
	default:
		w.held.give(bytes)
		return unavailable()
	}
	select {
	case err := <-j.finished:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(waiting, withdrawn) {
			return ctx.Err()
		}
		return <-j.finished
	}
}

// close finishes what waits and closes the connection. Nobody may call do any more.
func (w *writer) close() error {
	close(w.queue)
	<-w.done
	return w.conn.close()
}

func (w *writer) loop() {
	defer close(w.done)
	group := make([]*job, 0, maxGroup)
	for first := range w.queue {
		group = w.gather(append(group[:0], first))
		w.commit(group)
	}
}

// gather adds to a group what else waits, and what goroutines that could run now are about to add: a larger group writes its pages and
// waits for the disk once.
func (w *writer) gather(group []*job) []*job {
	yielded := false
	for len(group) < maxGroup {
		select {
		case j, ok := <-w.queue:
			if !ok {
				return group
			}
			group, yielded = append(group, j), false
		default:
			if yielded {
				return group
			}
			runtime.Gosched()
			yielded = true
		}
	}
	return group
}

// commit runs the jobs of a group in one transaction. A job that refuses leaves nothing and the others go on; when
// SQLite itself fails, nothing of the whole group is left.
func (w *writer) commit(group []*job) {
	t := &tx{conn: w.conn, ctx: context.Background(), now: fhir.InstantOf(w.now())}
	w.grouped = len(group)
	refused := make([]error, len(group))
	var moved []placed
	var emptied int64
	err := t.write(t.ctx, func() error {
		last, _, err := t.number(t.ctx, "SELECT max(instant) FROM version")
		if err != nil {
			return err
		}
		t.last = fhir.Instant(last)
		w.cache.notice(t.last)
		for i, j := range group {
			if !j.state.CompareAndSwap(waiting, taken) {
				continue
			}
			if refused[i] = j.run(t); refused[i] != nil && !isRefusal(refused[i]) {
				return refused[i]
			}
		}
		moved = t.written
		emptied = w.cache.begin(moved, t.last)
		return nil
	})
	w.cache.end(moved, emptied, err)
	if err != nil || t.proved || len(moved) > 0 {
		w.failed = err != nil
	}
	for i, j := range group {
		if refused[i] == nil {
			refused[i] = err
		}
		w.held.give(j.bytes)
		j.finished <- refused[i]
	}
}

// wanted says whether others wait for the writer beside the job that runs.
func (w *writer) wanted() bool { return w.grouped > 1 || len(w.queue) > 0 }

// undoable runs changes so that they leave nothing when they refuse.
func (t *tx) undoable(changes func() error) error {
	if err := t.exec(t.ctx, "SAVEPOINT changes"); err != nil {
		return err
	}
	err := changes()
	if isRefusal(err) {
		if failed := t.exec(t.ctx, "ROLLBACK TO changes"); failed != nil {
			return failed
		}
	}
	if failed := t.exec(t.ctx, "RELEASE changes"); failed != nil {
		return failed
	}
	return err
}

// isRefusal says whether an error is a decision of ours rather than a failure of SQLite.
func isRefusal(err error) bool {
	var decided *fhir.Error
	return errors.As(err, &decided)
}

// tick returns the instant of the next version: now, but later than every one before, whatever
// the clock does and whoever else writes to the file.
func (t *tx) tick() fhir.Instant {
	t.last = max(t.now, t.last+1)
	return t.last
}

// many is a statement for one row or several at a time.
type many struct {
	columns int                 // values of a row
	of      [maxRows + 1]string // by the logarithm of the number of rows
}

// maxRows is the logarithm of how many rows a statement takes at most; the cost of binding grows with the square of them.
const maxRows = 4

func rows(head, row, tail string, columns int) many {
	m := many{columns: columns}
	for i := range m.of {
		m.of[i] = head + strings.Repeat(row+", ", 1<<i-1) + row + tail
	}
	return m
}

// next is the statement for the first of so many values, and how many of them it takes.
func (m many) next(values int) (text string, taken int) {
	i := min(bits.Len(uint(values/m.columns))-1, maxRows)
	return m.of[i], m.columns << i
}

// each runs a statement for all rows, whose values stand one behind the other.
func (t *tx) each(m many, values []driver.Value) error {
	for len(values) > 0 {
		text, n := m.next(len(values))
		if err := t.exec(t.ctx, text, values[:n]...); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// batch is a statement with the values of all its rows.
type batch struct {
	many
	values []driver.Value
}

// eachOf runs statements up to the first that fails: behind a failure SQLite may have ended the transaction.
func (t *tx) eachOf(batches ...batch) error {
	for _, b := range batches {
		if err := t.each(b.many, b.values); err != nil {
			return err
		}
	}
	return nil
}
