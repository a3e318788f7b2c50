package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
)

// deaf is a store that does not take the blocks of a partition.
type deaf struct {
	storage.Store
	partition fhir.Partition
}

func (d deaf) Records() storage.Records { return deafRecords{d.Store.Records(), d.partition} }

type deafRecords struct {
	storage.Records
	partition fhir.Partition
}

func (r deafRecords) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	if strings.HasPrefix(name, audit.BlockPrefix(r.partition)) {
		return storage.Record{}, errDied
	}
	return r.Records.Swap(ctx, name, old, value, expires)
}

// Where the writes of one partition cannot be recorded, those of the others are, and are found; and all of them when it is over.
func TestProjectBehindOnePartition(t *testing.T) {
	l := newLedger(t)
	l.note("demo/live", "p")
	l.some(1100)
	l.note("other/test", "last")
	l.settled()
	below := deaf{l.Store, "demo/live"}
	trail := trailOf(t, below, l.time)
	for range 2 {
		page, err := trail.Over(below).Search(t.Context(), "other/test", parse(t, trail, "patient=Patient/last"), storage.PageRequest{Limit: 9})
		if err != nil || len(page.Versions) != 1 {
			t.Errorf("beside a partition whose block cannot be written, %d are found: %v", len(page.Versions), err)
		}
	}
	if _, err := trail.Over(below).Search(t.Context(), "demo/live", parse(t, trail, ""), storage.PageRequest{Limit: 9}); !errors.Is(err, fhir.Unavailable) {
		t.Errorf("where the block cannot be written: %v", err)
	}
	if err := trail.Project(t.Context()); !errors.Is(err, fhir.Unavailable) {
		t.Errorf("Project: %v", err)
	}
	l.project()
	l.recorded()
}

// broken is a store with a version that cannot be read.
type broken struct {
	storage.Store
	key fhir.Key
	as  error
}

func (b broken) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (fhir.Version, error) {
	if key == b.key {
		return fhir.Version{}, b.as
	}
	return b.Store.ReadVersion(ctx, p, key, number)
}

// A version that can never be read holds nothing up: its write is recorded without patients, and the log says so without the id, which may tell of a person. Where
// the store is out of reach, Project waits.
func TestProjectWhatCannotBeRead(t *testing.T) {
	for name, as := range map[string]error{
		"is damaged": fhir.Errorf(fhir.Internal, fhir.CodeException, "Observation/jane-doe is damaged."), "is lost": fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no Observation/jane-doe."),
		"is read by a fault": errors.New("jane-doe is no number"),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t)
			key := fhir.Key{Type: "Observation", ID: "jane-doe"}
			l.note(partition, "p")
			l.write(l.somebody(partition), audit.Create, key, []string{"p"}, nil)
			l.note(partition, "p")
			l.settled()
			if err := trailOf(t, broken{l.Store, key, errDied}, l.time).Project(t.Context()); !errors.Is(err, fhir.Unavailable) {
				t.Errorf("while it is out of reach: %v", err)
			}
			var log bytes.Buffer
			trail := trailOf(t, broken{l.Store, key, as}, l.time, func(c *audit.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			must(t, trail.Project(t.Context()))
			l.recorded()
			if said := log.String(); strings.Count(said, "names no patients") != 1 || strings.Contains(said, key.ID) || !strings.Contains(said, "type=Observation") {
				t.Errorf("the log:\n%s", said)
			}
		})
	}
}
