package mongo

import (
	"cmp"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// History is storage.Store's. That of a resource has everything there is; those of a type and of all end below the clock's horizon.
func (s *Store) History(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (storage.HistoryPage, error) {
	var page storage.HistoryPage
	err := s.call(ctx, func(ctx context.Context) error {
		return s.inOrder(ctx, func(ctx context.Context) error {
			of, err := s.newPast(ctx, p, q)
			if err != nil {
				return err
			}
			return readPast(ctx, of, q, &page)
		})
	})
	if err != nil {
		return storage.HistoryPage{}, err
	}
	return page, nil
}

// past is what a history is read of.
type past interface {
	// page puts the newest versions before an instant on a sheet.
	page(ctx context.Context, before fhir.Instant, to *sheet) error

	// count counts all versions, at least one further than it is asked to; a negative number asks for all.
	count(ctx context.Context, upTo int) (int, error)
}

func (s *Store) newPast(ctx context.Context, p fhir.Partition, q storage.HistoryQuery) (past, error) {
	if q.Key.ID != "" {
		return s.newLineage(ctx, p, q)
	}
	return s.newFeed(ctx, p, q)
}

func readPast(ctx context.Context, of past, q storage.HistoryQuery, page *storage.HistoryPage) error {
	if q.Limit > 0 {
		rows := sheet{limit: q.Limit}
		if err := of.page(ctx, cmp.Or(q.Before, fhir.End), &rows); err != nil {
			return err
		}
		rows.fill(page)
	}
	return countPast(ctx, of, q, page)
}

// countPast counts as far as it is asked to. A first page without a next one has them all.
func countPast(ctx context.Context, of past, q storage.HistoryQuery, page *storage.HistoryPage) (err error) {
	if q.CountUpTo == 0 {
		return nil
	}
	if q.Limit > 0 && q.Before == 0 && !page.More {
		page.Total = len(page.Versions)
	} else if page.Total, err = of.count(ctx, q.CountUpTo); err != nil {
		return err
	}
	page.Counted = q.CountUpTo < 0 || page.Total <= q.CountUpTo
	if !page.Counted {
		page.Total = q.CountUpTo
	}
	return nil
}

// inOrder runs fn so that of two reads in it the later one sees whatever the earlier one saw, the clock's horizon among it. That is so by itself, but where shards may
// commit a transaction one after the other, or another server has become the primary in between: there a causally consistent session makes the later read wait
// (https://www.mongodb.com/docs/manual/core/causal-consistency-read-write-concerns/).
func (s *Store) inOrder(ctx context.Context, fn func(ctx context.Context) error) error {
	if !s.deployment.transactions {
		return fn(ctx)
	}
	return s.client.UseSession(ctx, fn)
}

// visit hands the documents that a filter finds to fn, as long as it wants more. Resource and Index are fn's until it returns.
func visit(ctx context.Context, in *mongo.Collection, filter bson.D, opts *options.FindOptionsBuilder, fn func(document) (more bool, err error)) error {
	cursor, err := in.Find(ctx, filter, opts)
	if err != nil {
		return err
	}
	more := true
	for more && err == nil && cursor.Next(ctx) {
		var d document
		if d, err = readDocument(cursor.Current); err == nil {
			more, err = fn(d)
		}
	}
	return cmp.Or(err, cursor.Err(), cursor.Close(ctx))
}

// entry is a version as a history reads it.
type entry struct {
	version fhir.Version
	existed bool // a current, not deleted resource was there before
	hollow  bool // its key, number and instant are known, the rest has yet to be read
}

func entryOf(typ string, d document) (entry, error) {
	v, err := d.version(typ)
	return entry{version: v, existed: d.Existed}, err
}

// sheet is the page of a history while it is put together: of the versions that were seen, the newest, newest first.
type sheet struct {
	limit int // of versions
	rows  []entry
	more  bool // the page is full; the last of the rows is the one behind it
}

// add puts versions on the sheet. What was on it already is not put there again.
func (t *sheet) add(rows ...entry) {
	t.rows = lastFirst(append(t.rows, rows...))
	bytes := 0
	for i, r := range t.rows {
		bytes += len(r.version.Body)
		if t.more = i == t.limit || i > 0 && bytes > storage.MaxPageBytes; t.more {
			t.rows = t.rows[:i+1]
			return
		}
	}
}

// lastFirst sorts rows. A version that was read twice, archived between, is there once.
func lastFirst(rows []entry) []entry {
	slices.SortStableFunc(rows, func(a, b entry) int { return cmp.Compare(b.version.Instant, a.version.Instant) })
	return slices.CompactFunc(rows, func(a, b entry) bool { return a.version.Instant == b.version.Instant })
}

// floor is the instant from which on a version finds room on the sheet.
func (t *sheet) floor() fhir.Instant {
	if !t.more {
		return fhir.Beginning
	}
	return t.rows[len(t.rows)-1].version.Instant + 1
}

// fill makes a page of the sheet.
func (t *sheet) fill(page *storage.HistoryPage) {
	rows := t.rows
	if page.More = t.more; t.more {
		rows = rows[:len(rows)-1]
	}
	for _, r := range rows {
		page.Versions, page.Existed = append(page.Versions, r.version), append(page.Existed, r.existed)
	}
}
