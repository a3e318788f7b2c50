package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

var (
	anybody = fhir.Principal{Partition: "demo/test", Scopes: fhir.Unlimited()}
	held    = fhir.Key{Type: "Appointment", ID: "held"}
)

// holdUntil writes an Appointment that is held until then.
func holdUntil(t *testing.T, e *engine.Engine, until time.Time) {
	t.Helper()
	r, err := fhir.ParseResource([]byte(`{"resourceType":"Appointment","id":"held","extension":[{"url":"` + booking.HoldUntilURL + `","valueInstant":"` + fhir.InstantOf(until).String() + `"}],
		"status":"pending","start":"2100-01-04T09:00:00Z","end":"2100-01-04T09:30:00Z","participant":[{"status":"accepted","actor":{"reference":"Patient/1"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Write(t.Context(), anybody, engine.Change{Action: engine.ActUpdate, Key: held, Resource: r}); err != nil {
		t.Fatal(err)
	}
}

// statusOf is the status of what is held.
func statusOf(t *testing.T, e *engine.Engine) string {
	t.Helper()
	v, err := e.Read(t.Context(), anybody, held)
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.Root().Text("status")
}

// TestSettlesBeforeItServes: a booking that was left half-done while the server was down is in order when the first client connects. Holds that ended, of which there
// may be many, keep nobody waiting: they are lapsed behind the port.
func TestSettlesBeforeItServes(t *testing.T) {
	config := Config{
		Listen: "127.0.0.1:0", Store: anystore.Setting(t, t.TempDir()), BaseURL: "http://portico.example.org", Resources: conformance.DefaultTypes(),
		LogLevel: "info", LogFormat: "json", Grace: 5 * time.Second, SearchBudget: engine.DefaultSearchBudget, SearchIncludes: engine.DefaultMaxIncludes,
		Audit: audit.All, AuditKeep: audit.DefaultKeep, HoldTime: time.Minute,
	}
	const step = "booking/step/demo%2Ftest/left"
	first := startAt(t, config, io.Discard, time.Now, func(a *App) { holdUntil(t, a.engine, time.Now().Add(time.Hour)) })
	if _, err := first.engine.Store.Records().Swap(t.Context(), step, 0, []byte(`{"attempt":"x","began":`+strconv.FormatInt(int64(fhir.InstantOf(time.Now().Add(4*time.Hour))), 10)+`,"main":{"id":"left","absent":true,"next":1,
		"body":{"resourceType":"Appointment","id":"left","status":"proposed","participant":[{"status":"accepted","actor":{"reference":"Patient/1"}}]}}}`), 0); err != nil {
		t.Fatal(err)
	}
	if got := statusOf(t, first.engine); got != "pending" {
		t.Errorf("before the hold ends it is %s", got)
	}
	first.end(t)
	startAt(t, config, io.Discard, func() time.Time { return time.Now().Add(2 * time.Hour) }, func(a *App) {
		if _, err := a.engine.Read(t.Context(), anybody, fhir.Key{Type: "Appointment", ID: "left"}); err != nil {
			t.Errorf("what was left half-done: %v", err)
		}
		if _, err := a.engine.Store.Records().Get(t.Context(), step); !errors.Is(err, fhir.NotFound) {
			t.Errorf("its record: %v", err)
		}
		if got := statusOf(t, a.engine); got != "pending" {
			t.Errorf("before the server serves, the hold that has ended is %s", got)
		}
	})
}

// mute is a store whose records cannot be listed for a while.
type mute struct {
	storage.Store
	until time.Time
}

func (m mute) Records() storage.Records { return muteRecords{m.Store.Records(), m.until} }

type muteRecords struct {
	storage.Records
	until time.Time
}

func (m muteRecords) Scan(ctx context.Context, prefix, after string, limit int) ([]storage.Record, error) {
	if time.Now().Before(m.until) {
		return nil, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Out of reach.")
	}
	return m.Records.Scan(ctx, prefix, after, limit)
}

// TestSettlesEverySecond: the server ends holds on its own; while it cannot, it says so once a minute, and goes on.
func TestSettlesEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "portico.db")})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var log lockedBuffer
		a := &App{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now}
		a.engine = engineUnder(t, mute{store, start.Add(90 * time.Second)}, "https://example.org")
		holdUntil(t, a.engine, start.Add(100*time.Second))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			a.settle(ctx)
			close(ended)
		}()
		defer func() {
			stop()
			<-ended
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		}()
		for _, c := range []struct {
			after  time.Duration
			status string
			log    []string
		}{
			{time.Second / 2, "pending", []string{"level=ERROR"}},
			{2 * time.Second, "pending", []string{"level=ERROR"}},
			{60*time.Second + time.Second/2, "pending", []string{"level=ERROR", "level=ERROR"}},
			{99*time.Second + time.Second/2, "pending", []string{"level=ERROR", "level=ERROR", "settled again"}},
			{100*time.Second + time.Second/2, "cancelled", []string{"level=ERROR", "level=ERROR", "settled again"}},
		} {
			time.Sleep(time.Until(start.Add(c.after)))
			synctest.Wait()
			if got := statusOf(t, a.engine); got != c.status {
				t.Errorf("after %s it is %s, want %s", c.after, got, c.status)
			}
			lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
			if log.String() == "" {
				lines = nil
			}
			if len(lines) != len(c.log) {
				t.Fatalf("after %s the log is %s", c.after, log.String())
			}
			for i, want := range c.log {
				if !strings.Contains(lines[i], want) {
					t.Errorf("after %s line %d of the log is %s, want %s", c.after, i, lines[i], want)
				}
			}
		}
	})
}
