package access

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// inMemory are records without a store: a fuzzer takes the work of a store's own goroutines for what its input did.
type inMemory struct {
	now func() time.Time

	mu       sync.Mutex
	byName   map[string]storage.Record
	revision int64
}

func (m *inMemory) Get(_ context.Context, name string) (storage.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.current(name)
	if !ok {
		return storage.Record{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no such record.")
	}
	return r, nil
}

func (m *inMemory) current(name string) (storage.Record, bool) {
	r, ok := m.byName[name]
	return r, ok && (r.Expires == 0 || fhir.InstantOf(m.now()) < r.Expires)
}

func (m *inMemory) Swap(_ context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, _ := m.current(name); r.Revision != old {
		return storage.Record{}, fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Somebody else was first.")
	}
	m.revision++
	r := storage.Record{Name: strings.Clone(name), Value: value, Revision: m.revision, Expires: expires}
	m.byName[r.Name] = r
	return r, nil
}

func (m *inMemory) Scan(context.Context, string, string, int) ([]storage.Record, error) {
	return nil, nil
}
