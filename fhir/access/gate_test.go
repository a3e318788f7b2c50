package access_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// gate is an Access over a store of its own, with a clock that stands.
type gate struct {
	*access.Access
	t       testing.TB
	file    string // of the store
	records *watched
	clock   *clock
	trail   *trail
}

// clock is a time that goes on only when it is told to.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// trail remembers what was recorded.
type trail struct {
	mu     sync.Mutex
	events []audit.Event
	err    error

	settled int   // of events, how many were written
	unsaved error // why none can be
}

// Settle is access.Record's.
func (t *trail) Settle(context.Context, fhir.Partition) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unsaved == nil {
		t.settled = len(t.events)
	}
	return t.unsaved
}

func (t *trail) Record(e audit.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
	return t.err
}

// take returns what was recorded since it was called last.
func (t *trail) take() []audit.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	events := t.events
	t.events = nil
	return events
}

// watched counts what is read of the records of a store, and can be out of reach.
type watched struct {
	storage.Records
	gets atomic.Int64
	down atomic.Bool
}

func (w *watched) Get(ctx context.Context, name string) (storage.Record, error) {
	w.gets.Add(1)
	if w.down.Load() {
		return storage.Record{}, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store is out of reach.")
	}
	return w.Records.Get(ctx, name)
}

// newGate opens a gate to the site demo, which is active. Change may alter its configuration; nil leaves it: without limits, and nobody anonymous.
func newGate(t testing.TB, change func(*access.Config)) *gate {
	t.Helper()
	g := &gate{t: t, file: filepath.Join(t.TempDir(), "access.db"), clock: &clock{}, trail: &trail{}}
	g.clock.at.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: g.file, Now: g.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	g.records = &watched{Records: store.Records()}
	c := access.Config{
		Records: g.records, Now: g.clock.now, Log: slog.New(slog.DiscardHandler), Audit: g.trail,
		BaseURL: "https://portico.example.org", Outside: http.DefaultClient,
	}
	if change != nil {
		change(&c)
	}
	g.Access = access.New(c)
	g.site("demo")
	return g
}

// site makes an active site.
func (g *gate) site(name string) {
	g.t.Helper()
	if _, err := g.CreateSite(g.t.Context(), name); err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.ActivateSite(g.t.Context(), name); err != nil {
		g.t.Fatal(err)
	}
}

// elsewhere is the registry of another process on the same store: what it changes, the gate is not told.
func (g *gate) elsewhere() access.Registry {
	return access.Registry{Records: g.records.Records, Now: g.clock.now}
}

// key makes a credential; by default a test one of demo.
func (g *gate) key(n access.NewCredential) (access.Credential, string) {
	g.t.Helper()
	if n.Mode == "" {
		n.Mode = access.Test
	}
	if n.Sites == nil {
		n.Sites = []string{"demo"}
	}
	c, key, err := g.CreateCredential(g.t.Context(), n)
	if err != nil {
		g.t.Fatal(err)
	}
	return c, key
}

// request is one with headers, "Name: value".
func request(target string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// ask sends headers.
func (g *gate) ask(headers ...string) (fhir.Principal, http.Header, error) {
	answer := http.Header{}
	who, err := g.Authenticate(request("/fhir/Patient", headers...), answer)
	return who, answer, err
}

// refused checks that an error is of a kind, and says something.
func refused(t testing.TB, err error, kind fhir.Kind, says string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("the error is %v, not of the kind %v", err, kind)
	}
	var e *fhir.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *fhir.Error", err)
	}
	for _, i := range e.Issues {
		if strings.Contains(i.Path+": "+i.Detail, says) {
			return
		}
	}
	t.Fatalf("%v does not say %q", err, says)
}
