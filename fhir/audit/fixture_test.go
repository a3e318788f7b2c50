package audit_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// memory is a store that has records alone, and no events, and does not sleep or fail but when it is told to. So tests see what a trail writes, in which order.
type memory struct {
	storage.Store // is not asked

	mu      sync.Mutex
	records map[string]storage.Record
	swaps   int64
	fail    func(swap int64) (before, after error) // what a swap fails with, before or after it has written; nil: nothing
	deaf    fhir.Partition                         // whose blocks are not written
}

func newMemory() *memory { return &memory{records: make(map[string]storage.Record)} }

func (m *memory) Records() storage.Records { return m }

func (m *memory) Events(context.Context, int64, int) ([]storage.Event, error) { return nil, nil }

func (m *memory) Get(_ context.Context, name string) (storage.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.records[name]; ok {
		return r, nil
	}
	return storage.Record{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no such record.")
}

func (m *memory) Swap(_ context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.swaps++
	var before, after error
	if m.fail != nil {
		before, after = m.fail(m.swaps)
	}
	if before != nil {
		return storage.Record{}, before
	}
	if m.deaf != "" && strings.HasPrefix(name, audit.BlockPrefix(m.deaf)) {
		return storage.Record{}, errDied
	}
	if m.records[name].Revision != old {
		return storage.Record{}, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Another change came first.")
	}
	r := storage.Record{Name: name, Value: bytes.Clone(value), Revision: m.swaps, Expires: expires}
	m.records[name] = r
	return r, after
}

func (m *memory) Scan(_ context.Context, prefix, after string, limit int) (found []storage.Record, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.records)) {
		if strings.HasPrefix(name, prefix) && name > after && len(found) < limit {
			found = append(found, m.records[name])
		}
	}
	return found, nil
}

// events are all that is written in a partition, by their instants, and how many blocks they are in.
func (m *memory) events(t testing.TB, p fhir.Partition) (all []audit.Event, blocks int) {
	t.Helper()
	found, _ := m.Scan(t.Context(), audit.BlockPrefix(p), "", 1<<30)
	for _, r := range found {
		events, _, err := audit.Decode(p, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, events...)
	}
	slices.SortStableFunc(all, func(a, b audit.Event) int { return cmp.Compare(a.Instant, b.Instant) })
	return all, len(found)
}

// trailOf is a trail on a store, with the clock of the store.
func trailOf(t testing.TB, s storage.Store, now func() time.Time, change ...func(*audit.Config)) *audit.Trail {
	t.Helper()
	rules, err := search.NewRules(search.Config{Types: []string{"AuditEvent", "Observation", "Patient", "Provenance"}, BaseURL: "https://example.org/fhir"})
	if err != nil {
		t.Fatal(err)
	}
	c := audit.Config{Store: s, Rules: rules, Mode: audit.All, Keep: audit.DefaultKeep, Now: now, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	return audit.NewTrail(c)
}

// read is somebody's read of a patient.
func read(client, patient string) audit.Event {
	return audit.Event{
		Who:         fhir.Principal{Partition: partition, Client: client, Request: "req-" + patient, Address: "192.0.2.7"},
		Interaction: audit.Read, Key: fhir.Key{Type: "Patient", ID: patient}, Number: 3, Patients: []string{patient},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
