package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// heldStore is a store whose Reindex is preceded by what a test wants.
type heldStore struct {
	storage.Store
	before func(ctx context.Context) error
}

func (s heldStore) Reindex(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), progress func(done, total int64)) error {
	if err := s.before(ctx); err != nil {
		return err
	}
	return s.Store.Reindex(ctx, entriesOf, progress)
}

// until asks again and again as long as the answer is 503, and returns the first other one.
func (r *running) until(tb testing.TB, path string) (int, string) {
	tb.Helper()
	for range 20_000 {
		if status, body := r.get(tb, path); status != http.StatusServiceUnavailable {
			return status, body
		}
	}
	tb.Fatalf("%s is answered 503 for ever: %s", path, r.log)
	return 0, ""
}

const moved = `{"resourceType":"Appointment","id":"a","status":"proposed","participant":[{"status":"accepted","actor":{"reference":"https://new.example.org/fhir/Patient/1"}}]}`

// TestMove: a server that comes back under another base URL finds by references what they mean there.
func TestMove(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, nil)
	if status := r.send(t, http.MethodPut, "/fhir/Appointment/a", moved); status != http.StatusCreated {
		t.Fatalf("PUT answers %d", status)
	}
	r.end(t)
	for i, base := range []string{"https://new.example.org", "https://new.example.org", "http://portico.example.org"} {
		r := start(t, dir, func(c *Config) { c.BaseURL = base })
		_, found := r.until(t, "/fhir/Appointment?actor=Patient/1")
		if is := strings.Contains(found, `"fullUrl"`); is != (i != 2) {
			t.Errorf("start %d finds the appointment: %t", i, is)
		}
		r.end(t)
		if logged := strings.Count(r.log.String(), "indexed anew"); logged != map[bool]int{true: 2, false: 0}[i != 1] {
			t.Errorf("start %d logs the beginning and the end of indexing in %d lines: %s", i, logged, r.log)
		}
	}
}

// TestServesWhileIndexing: after the move the port is open at once. What does not depend on the base URL is answered, searches by
// references only when the pass has come to its end; and a stop in the middle of it is a good one.
func TestServesWhileIndexing(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, nil)
	if status := r.send(t, http.MethodPut, "/fhir/Appointment/a", moved); status != http.StatusCreated {
		t.Fatalf("PUT answers %d", status)
	}
	r.end(t)
	for _, ends := range []bool{false, true} {
		release := make(chan struct{})
		before := func(ctx context.Context) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		log := &lockedBuffer{}
		r := startLogging(t, dir, func(c *Config) { c.BaseURL = "https://new.example.org" }, log,
			func(a *App) { a.engine.Store = heldStore{a.store, before} })
		r.log = log
		for path, want := range map[string]int{
			"/readyz": 200, "/fhir/Appointment/a": 200, "/fhir/Appointment/a/_history": 200, "/fhir/Appointment": 200,
			"/fhir/Appointment?status=proposed": 200, "/fhir/Appointment?actor=Patient/1": 503, "/fhir/Appointment?patient:missing=true": 503,
		} {
			status, body := r.get(t, path)
			if status != want || strings.Contains(body, `"transient"`) != (want == 503) {
				t.Errorf("%s answers %d, want %d: %s", path, status, want, body)
			}
		}
		const unfinished, none = "\nportico_index_parameters_unfinished ", "0\n"
		if _, figures := r.get(t, "/metrics"); !strings.Contains(figures, unfinished) || strings.Contains(figures, unfinished+none) {
			t.Error("the metrics do not tell of unfinished parameters")
		}
		if !ends {
			r.end(t)
			if !strings.Contains(r.log.String(), "interrupted") {
				t.Errorf("the log does not tell of the stop: %s", r.log)
			}
			continue
		}
		close(release)
		if status, found := r.until(t, "/fhir/Appointment?actor=Patient/1"); status != http.StatusOK || !strings.Contains(found, `"fullUrl"`) {
			t.Errorf("afterwards the search answers %d: %s", status, found)
		}
		if _, figures := r.get(t, "/metrics"); !strings.Contains(figures, unfinished+none) {
			t.Error("parameters are unfinished for ever")
		}
	}
}

// TestReindexIsTriedAgain: a store that is out of reach for a while does not leave searches refused for ever; what cannot be
// mended by waiting is told and not tried again. The progress is told every ten seconds.
func TestReindexIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(n int) error
		want   []string // lines of the log, after that of the beginning
		due    bool
	}{
		{"out of reach twice", func(n int) error {
			if n < 2 {
				return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Busy.")
			}
			return nil
		}, []string{"tried again", "tried again", "seconds=60"}, false},
		{"slow", func(int) error { time.Sleep(25 * time.Second); return nil }, []string{"share=", "share=", "seconds=25"}, false},
		{"broken", func(int) error { return errors.New("broken") }, []string{"until the next start"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "portico.db")})
				if err != nil {
					t.Fatal(err)
				}
				tries := 0
				var log bytes.Buffer
				a := &App{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now}
				for _, base := range []string{"https://old.example.org", "https://new.example.org"} {
					a.engine = engineUnder(t, heldStore{store, func(context.Context) error { tries++; return c.before(tries - 1) }}, base)
				}
				a.reindex(t.Context())
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")[1:]
				if len(lines) != len(c.want) {
					t.Fatalf("the log is %s", &log)
				}
				for i, line := range lines {
					if !strings.Contains(line, c.want[i]) {
						t.Errorf("line %d of the log is %s, want %s", i, line, c.want[i])
					}
				}
				if due := a.engine.Index().Due; due != c.due {
					t.Errorf("afterwards there is something to do: %t", due)
				}
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func engineUnder(t *testing.T, store storage.Store, base string) *engine.Engine {
	t.Helper()
	rules, err := search.NewRules(search.Config{Types: []string{"Appointment"}, BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(t.Context(), engine.Config{
		Store: store, Rules: rules, Validator: validate.New(), Types: []string{"Appointment"}, Now: time.Now, NewID: fhir.NewID,
		SearchBudget: engine.DefaultSearchBudget, MaxIncludes: engine.DefaultMaxIncludes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
