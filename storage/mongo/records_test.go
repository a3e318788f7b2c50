package mongo

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
)

// hand is a clock that a test moves.
type hand struct{ at atomic.Int64 }

func newHand() *hand {
	h := new(hand)
	h.at.Store(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC).UnixMicro())
	return h
}

func (h *hand) now() time.Time        { return time.UnixMicro(h.at.Load()) }
func (h *hand) move(by time.Duration) { h.at.Add(by.Microseconds()) }

// A name goes on from the revision that a removed or expired record of it had, although the process that makes it anew has a clock that is behind; and when its traces are gone, the time has gone on.
func TestRevisions(t *testing.T) {
	ahead, behind := newHand(), newHand()
	ahead.move(30 * time.Minute)
	dir := t.TempDir()
	one := openTest(t, dir, func(c *Config) { c.Now = ahead.now })
	two := openAgain(t, Config{URI: testURI(t, dir), Now: behind.now})
	last := int64(0)
	swap := func(s *Store, old int64, value []byte, expires fhir.Instant) int64 {
		t.Helper()
		r, err := s.Records().Swap(t.Context(), "a", old, value, expires)
		if err != nil {
			t.Fatal(err)
		}
		if r.Revision <= last {
			t.Errorf("revision %d follows %d", r.Revision, last)
		}
		last = r.Revision
		return last
	}
	for range 3 {
		swap(one, swap(one, 0, []byte("x"), 0), nil, 0)
		swap(two, swap(two, 0, []byte("x"), 0), nil, 0)
		soon := fhir.InstantOf(behind.now()) + 1
		swap(two, 0, []byte("brief"), soon)
		ahead.move(time.Microsecond)
		behind.move(time.Microsecond)
		swap(two, swap(two, 0, []byte("x"), 0), nil, 0)
	}
	ahead.move(2 * time.Hour)
	behind.move(2 * time.Hour)
	if err := (records{one}).sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := (records{one}).documents().CountDocuments(t.Context(), bson.D{}); err != nil || n != 0 {
		t.Errorf("%d documents are left, %v", n, err)
	}
	swap(two, 0, []byte("x"), 0)
	for _, s := range []*Store{one, two} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Records that expired long ago are swept while others are written, and those that live or expired just now stay.
func TestSweep(t *testing.T) {
	clock := newHand()
	var seen counting
	s := openTest(t, t.TempDir(), func(c *Config) { c.Now, c.monitor = clock.now, seen.monitor() })
	r := records{s}
	put := func(name string, lifetime time.Duration) {
		t.Helper()
		expires := fhir.Instant(0)
		if lifetime > 0 {
			expires = fhir.InstantOf(clock.now().Add(lifetime))
		}
		if _, err := r.Swap(t.Context(), name, 0, []byte("x"), expires); err != nil {
			t.Fatal(err)
		}
	}
	const long = sweepEvery / 2
	for i := range long {
		put(fmt.Sprintf("old/%d", i), time.Second)
	}
	clock.move(2 * time.Hour)
	put("new/brief", time.Second)
	clock.move(time.Second)
	for i := range sweepEvery {
		put(fmt.Sprintf("new/%d", i), 0)
	}
	if n, err := r.documents().CountDocuments(t.Context(), bson.D{}); err != nil || n != sweepEvery+1 {
		t.Errorf("%d documents, want %d; %v", n, sweepEvery+1, err)
	}
	if calls := seen.names["findAndModify"] + seen.names["update"] + seen.names["insert"]; calls != long+1+sweepEvery {
		t.Errorf("%d writes for %d records", calls, long+1+sweepEvery)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// What follows a prefix is the first string that no longer begins with it.
func TestSuccessor(t *testing.T) {
	for prefix, want := range map[string]string{
		"": "", "a": "b", "a/": "a0", "é": "ê", "a\U0010ffff": "b", "\U0010ffff": "", "\x7f": "\u0080", "\ud7ff": "\ue000", "\uffff": "\U00010000", "\x00": "\x01",
	} {
		if got := successor(prefix); got != want {
			t.Errorf("%q: %q, want %q", prefix, got, want)
		}
	}
}
