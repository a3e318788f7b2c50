package sqlite

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// lineage is the past of one resource. The numbers of its versions have no gap and rise with their instants: what
// a query asks for is a stretch of numbers, whose ends are found by halving.
type lineage struct {
	*conn
	ctx      context.Context
	of       clause // the resource's versions
	from, to int64  // the numbers that are asked for, each included; none when from is greater
}

func newLineage(ctx context.Context, c *conn, p fhir.Partition, q storage.HistoryQuery) (*lineage, error) {
	l := &lineage{conn: c, ctx: ctx, from: 1}
	l.of = sql("FROM version v INDEXED BY version_key WHERE v.partition = ? AND v.type = ? AND v.id = ?", string(p), q.Key.Type, q.Key.ID)
	newest, known, err := c.number(ctx, "SELECT v.number "+l.of.text+" ORDER BY v.number DESC LIMIT 1", l.of.args...)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, notFound(q.Key)
	}
	l.to = newest
	if q.Since != 0 {
		if l.from, err = l.first(q.Since); err != nil {
			return nil, err
		}
	}
	if q.During != (fhir.Interval{}) {
		err = l.confine(q.During)
	}
	return l, err
}

// confine leaves the versions that were current at some moment of an interval: those that came to be within it, and the last
// one before.
func (l *lineage) confine(during fhir.Interval) error {
	later, err := l.first(during.Low + 1)
	if err != nil {
		return err
	}
	end, err := l.first(during.High)
	l.from, l.to = max(l.from, later-1), end-1
	return err
}

// first is the number of the first version of the lineage that came to be at an instant or later; where there is none, the one behind the last.
func (l *lineage) first(at fhir.Instant) (int64, error) {
	low, high := int64(1), l.to+1
	for low < high {
		middle := low + (high-low)/2
		instant, _, err := l.number(l.ctx, "SELECT v.instant "+l.of.text+" AND v.number = ?", append(l.of.args[:len(l.of.args):len(l.of.args)], middle)...)
		if err != nil {
			return 0, err
		}
		if fhir.Instant(instant) < at {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

func (l *lineage) page(before fhir.Instant, limit int) (clause, error) {
	to := l.to
	if before != fhir.End {
		end, err := l.first(before)
		if err != nil {
			return clause{}, err
		}
		to = end - 1
	}
	return join([]clause{
		sql("SELECT"), columns(), l.of,
		sql("AND v.number BETWEEN ? AND ? ORDER BY v.number DESC LIMIT +?", l.from, to, int64(limit)),
	}, " "), nil
}

func (l *lineage) count(int) (int, error) { return int(max(0, l.to-l.from+1)), nil }
