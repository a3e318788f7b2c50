package sqlite

import (
	"context"
	"database/sql/driver"
	"sync"

	"github.com/portico-health/portico/fhir"
)

// scope is a type within a partition: what a search is confined to.
type scope struct {
	partition fhir.Partition
	kind      string
}

// numbers are the numbers of a scope's parameters; that of "" is the scope's own. It is not changed once it is shared.
type numbers map[string]int64

// names knows the numbers that stand for parameters in index rows. A number is remembered only when it is durable, and it
// never changes: what is remembered cannot become wrong. What the writer reads in its own transaction is not remembered: if that
// fails, SQLite gives the same numbers to others, perhaps of another partition.
type names struct {
	reads  *pool
	writes *writer

	mu    sync.RWMutex
	known map[scope]numbers
}

func newNames(reads *pool, writes *writer) *names {
	return &names{reads: reads, writes: writes, known: make(map[scope]numbers)}
}

// find returns the numbers of a scope, those of the given parameters among them as far as they exist.
func (n *names) find(ctx context.Context, c *conn, s scope, params []string) (numbers, error) {
	if known := n.remembered(s); known.have(params) {
		return known, nil
	}
	known, err := readNumbers(ctx, c, s)
	if err == nil && !c.writes {
		n.remember(s, known)
	}
	return known, err
}

// define returns the numbers of a scope, and gives one to each of the parameters that has none.
func (n *names) define(ctx context.Context, s scope, params []string) (numbers, error) {
	known := n.remembered(s)
	if known.have(params) { // nearly always, and then no reader is waited for
		return known, nil
	}
	err := n.reads.with(ctx, func(c *conn) (err error) {
		known, err = n.find(ctx, c, s, params)
		return err
	})
	if err != nil || known.have(params) {
		return known, err
	}
	err = n.writes.do(ctx, func(t *tx) (err error) {
		for _, p := range params {
			if err := t.exec(t.ctx, "INSERT OR IGNORE INTO name (partition, type, param) VALUES (?, ?, ?)", string(s.partition), s.kind, p); err != nil {
				return err
			}
		}
		known, err = readNumbers(t.ctx, t.conn, s)
		return err
	})
	if err == nil {
		n.remember(s, known)
	}
	return known, err
}

func (n *names) remembered(s scope) numbers {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.known[s]
}

func (n *names) remember(s scope, known numbers) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(known) > len(n.known[s]) {
		n.known[s] = known
	}
}

func (k numbers) have(params []string) bool {
	for _, p := range params {
		if _, ok := k[p]; !ok {
			return false
		}
	}
	return true
}

func readNumbers(ctx context.Context, c *conn, s scope) (numbers, error) {
	known := make(numbers)
	err := c.query(ctx, "SELECT param, number FROM name WHERE partition = ? AND type = ?", []driver.Value{string(s.partition), s.kind}, func(row []driver.Value) error {
		param, _ := row[0].(string)
		known[param], _ = row[1].(int64)
		return nil
	})
	return known, err
}
