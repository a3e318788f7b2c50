package engine_test

import (
	"context"
	"os"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// idle is a store that takes every commit and keeps nothing: what is left is the cost of the engine.
type idle struct{ storage.Store }

func (idle) Commit(_ context.Context, _ fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	results := make([]storage.Result, len(ops))
	for i, op := range ops {
		results[i] = storage.Result{Version: fhir.Version{Key: op.Key, Number: 1}, Changed: true}
	}
	return results, nil
}

const many = 500

// creates are many creates of a patient of 2 KB.
func creates(b *testing.B, patient fhir.Resource) []engine.Change {
	b.Helper()
	all := make([]engine.Change, many)
	for i := range all {
		all[i] = engine.Change{Action: engine.ActCreate, Resource: patient.Clone()}
	}
	return all
}

func benchmarkWrites(b *testing.B, write func(*engine.Engine, []engine.Change) error) {
	b.Helper()
	text, err := os.ReadFile("../validate/testdata/patient-2kb.json")
	if err != nil {
		b.Fatal(err)
	}
	patient, err := fhir.ParseResource(text)
	if err != nil {
		b.Fatal(err)
	}
	e := newEngine(b)
	e.Store = idle{e.Store}
	for b.Loop() {
		b.StopTimer()
		all := creates(b, patient)
		b.StartTimer()
		if err := write(e, all); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTransact500 is a transaction of 500 creates without links to each other, but for the commit.
func BenchmarkTransact500(b *testing.B) {
	benchmarkWrites(b, func(e *engine.Engine, all []engine.Change) error {
		_, err := e.Transact(b.Context(), alice, all)
		return err
	})
}

// BenchmarkWrite500 are the same creates one by one.
func BenchmarkWrite500(b *testing.B) {
	benchmarkWrites(b, func(e *engine.Engine, all []engine.Change) error {
		for _, c := range all {
			if _, err := e.Write(b.Context(), alice, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkTransact500Conditional is BenchmarkTransact500 with a condition for each create, that nothing satisfies: 500 searches more.
func BenchmarkTransact500Conditional(b *testing.B) {
	benchmarkWrites(b, func(e *engine.Engine, all []engine.Change) error {
		for i := range all {
			all[i].Conditional, all[i].Criteria = true, mrnOf(fhir.NewID(e.Now()))
		}
		_, err := e.Transact(b.Context(), alice, all)
		return err
	})
}

// taking is a recorder that takes everything and keeps nothing.
type taking struct{}

func (taking) Record(audit.Event) error { return nil }

// BenchmarkRead reads a small patient that the store has in memory: with nobody to be told; with a record of each; and by a client with a scope for the type alone.
func BenchmarkRead(b *testing.B) {
	e := newEngine(b)
	r, err := fhir.ParseResource([]byte(`{"resourceType":"Patient","id":"a","name":[{"family":"Ash"}]}`))
	if err == nil {
		_, err = e.Update(b.Context(), alice, r.Key(), r, engine.Precondition{})
	}
	if err != nil {
		b.Fatal(err)
	}
	narrow := alice
	narrow.Scopes = fhir.Scopes{"Patient": fhir.MayRead}
	for name, c := range map[string]struct {
		who    fhir.Principal
		record audit.Recorder
	}{"unrecorded": {alice, nil}, "recorded": {alice, taking{}}, "narrow": {narrow, nil}} {
		b.Run(name, func(b *testing.B) {
			e.Audit = c.record
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Read(b.Context(), c.who, fhir.Key{Type: "Patient", ID: "a"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
