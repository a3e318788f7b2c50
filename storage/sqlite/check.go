package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// A batch of Check is read in one state of the store.
const (
	checkRows  = 1_000
	checkBytes = 4 << 20
)

// checking is one run of Check.
type checking struct {
	*Store
	ctx       context.Context
	entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error)
	report    func(storage.Fault)
	done      storage.Checked
	last      int64 // the newest instant when it began: who writes faster than it reads shall not keep it from its end
	known     map[scope]numbers
}

// Check is storage.Store's. First comes what SQLite itself finds; then every version with the index rows that it should have; then the
// index rows, each with the version that it should be of.
func (s *Store) Check(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), report func(storage.Fault)) (storage.Checked, error) {
	k := &checking{Store: s, ctx: ctx, entriesOf: entriesOf, report: report, known: make(map[scope]numbers)}
	if err := k.integrity(); err != nil {
		return k.done, err
	}
	if whole, err := k.layout(); err != nil || !whole {
		return k.done, err
	}
	for _, part := range []struct {
		name string
		look func() error
	}{
		{"what is newest", k.begin}, {"the versions", k.versions}, {"what can be searched", k.strays}, {"the index of terms", k.terms}, {"the index of texts", k.texts},
		{"the index of ranges", k.spans}, {"the index of ordered values", k.ordereds}, {"the index of places", k.places}, {"the records", k.records},
	} {
		if err := k.unlessDamaged(part.name, part.look()); err != nil {
			return k.done, err
		}
	}
	return k.done, nil
}

// begin notes where the walks by instant end.
func (k *checking) begin() error {
	return k.read(k.ctx, func(c *conn) (err error) {
		k.last, _, err = c.number(k.ctx, `SELECT max(coalesce((SELECT max(instant) FROM version), 0),
			coalesce((SELECT max(instant) FROM live), 0), coalesce((SELECT max(instant) FROM span), 0))`)
		return err
	})
}

// unlessDamaged makes a fault of the error that tells of a file that cannot be read to its end.
func (k *checking) unlessDamaged(what string, err error) error {
	var failed *sqlite.Error
	if !errors.As(err, &failed) || failed.Code()&0xff != codes.SQLITE_CORRUPT {
		return err
	}
	k.faultf("The file is damaged: %s could not be read to the end (SQLite's code %d).", what, failed.Code())
	return nil
}

// faultf reports what is no version's fault.
func (k *checking) faultf(format string, args ...any) {
	k.report(storage.Fault{Detail: fmt.Sprintf(format, args...)})
}

// walk hands all rows of a statement to look, some at a time, with the connection on which they were read in one state of the store, and
// then calls judge, if there is one. The first columns are those by which the rows are ordered; the statement's values are those of the row before the
// first one, the others that are given, and the number of rows.
func (k *checking) walk(statement string, before, others []driver.Value, look func(*conn, [][]driver.Value) error, judge func() error) error {
	for {
		var rows [][]driver.Value
		err := k.snapshot(k.ctx, func(c *conn) (err error) {
			if rows, err = k.some(c, statement, slices.Concat(before, others, []driver.Value{int64(checkRows)})); err != nil {
				return err
			}
			return look(c, rows)
		})
		if err == nil && judge != nil {
			err = judge()
		}
		if err != nil || len(rows) == 0 {
			return err
		}
		next := rows[len(rows)-1][:len(before)]
		if !follows(before, next) {
			k.faultf("The file is damaged: its rows are not in their order.")
			return nil
		}
		before = next
	}
}

func (k *checking) some(c *conn, statement string, values []driver.Value) (rows [][]driver.Value, err error) {
	left := checkBytes
	err = c.query(k.ctx, statement, values, func(row []driver.Value) error {
		rows = append(rows, slices.Clone(row))
		for _, v := range row {
			left -= len(blob(v))
		}
		if left < 0 {
			return io.EOF
		}
		return nil
	})
	return rows, err
}

// follows says whether a row comes later than another in the order of their first columns. What is neither number, text nor bytes has no place in it.
func follows(before, next []driver.Value) bool {
	for i := range before {
		order := 0
		switch b := before[i].(type) {
		case int64:
			n, ok := next[i].(int64)
			if order = cmp.Compare(n, b); !ok {
				return false
			}
		case float64:
			n, ok := next[i].(float64)
			if order = cmp.Compare(n, b); !ok {
				return false
			}
		case string:
			n, ok := next[i].(string)
			if order = cmp.Compare(n, b); !ok {
				return false
			}
		case []byte:
			n, ok := next[i].([]byte)
			if order = bytes.Compare(n, b); !ok {
				return false
			}
		}
		if order != 0 {
			return order > 0
		}
	}
	return false
}

// place is a fault of the version that came to be at an instant, if there is one.
func (k *checking) place(c *conn, at int64, detail string) error {
	f := storage.Fault{Detail: detail}
	err := c.query(k.ctx, "SELECT partition, type, id, number FROM version WHERE instant = ?", []driver.Value{at}, func(row []driver.Value) error {
		f.Partition, f.Key, f.Number = fhir.Partition(text(row[0])), fhir.Key{Type: text(row[1]), ID: text(row[2])}, integer(row[3])
		return nil
	})
	if f.Number == 0 {
		f.Detail += fmt.Sprintf(" There is no version of its instant, %d.", at)
	}
	if err == nil {
		k.report(f)
	}
	return err
}
