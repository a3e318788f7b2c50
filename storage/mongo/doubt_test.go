package mongo

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// A writer whose answer is lost finds out what became of its write: it is never refused because of itself, and writes nothing twice.
func TestAnswersAreLost(t *testing.T) {
	p := newProxy(t)
	dir := t.TempDir()
	direct := openTest(t, dir, nil)
	c := direct.config
	c.URI, c.monitor = p.through(c.URI), nil
	s := openAgain(t, c)
	absent := storage.Condition{Absent: true}
	var lost atomic.Int64 // answers to come that are lost
	for _, tc := range []struct {
		name   string
		before int64 // versions
		op     func(fhir.Key) storage.Op
		cut    cut
		times  int64
		other  bool // another process writes before the first is asked for again
		number int64
		kind   fhir.Kind
	}{
		{name: "create-1", op: func(k fhir.Key) storage.Op { return under(absent, put(k, "new", "")) }, cut: beforeAnswer, times: 1, number: 1},
		{name: "create-3", op: func(k fhir.Key) storage.Op { return under(absent, put(k, "new", "")) }, cut: withinAnswer, times: 3, number: 1},
		{name: "create-unheard", op: func(k fhir.Key) storage.Op { return under(absent, put(k, "new", "")) }, cut: beforeServer, times: 2, number: 1},
		{name: "create-superseded", op: func(k fhir.Key) storage.Op { return under(absent, put(k, "new", "")) }, cut: beforeAnswer, times: 1, other: true, number: 1},
		{name: "create-too-late", op: func(k fhir.Key) storage.Op { return under(absent, put(k, "new", "")) }, cut: beforeServer, times: 1, other: true, kind: fhir.Conflict},
		{name: "update-1", before: 1, op: func(k fhir.Key) storage.Op { return put(k, "new", "") }, cut: beforeAnswer, times: 1, number: 2},
		{name: "update-unheard", before: 2, op: func(k fhir.Key) storage.Op { return put(k, "new", "") }, cut: beforeServer, times: 2, number: 3},
		{name: "update-superseded", before: 1, op: func(k fhir.Key) storage.Op { return put(k, "new", "") }, cut: beforeAnswer, times: 1, other: true, number: 2},
		{name: "update-overtaken", before: 1, op: func(k fhir.Key) storage.Op { return put(k, "new", "") }, cut: beforeServer, times: 1, other: true, number: 3},
		{name: "update-of-a-version", before: 1, op: func(k fhir.Key) storage.Op { return under(storage.Condition{Version: 1}, put(k, "new", "")) }, cut: beforeAnswer, times: 2, number: 2},
		{name: "update-of-a-version-superseded", before: 1, op: func(k fhir.Key) storage.Op { return under(storage.Condition{Version: 1}, put(k, "new", "")) }, cut: beforeAnswer, times: 1, other: true, number: 2},
		{name: "update-of-a-version-too-late", before: 1, op: func(k fhir.Key) storage.Op { return under(storage.Condition{Version: 1}, put(k, "new", "")) }, cut: beforeServer, times: 1, other: true, kind: fhir.PreconditionFailed},
		{name: "delete", before: 1, op: gone, cut: beforeAnswer, times: 1, number: 2},
		{name: "conditional-create", op: func(k fhir.Key) storage.Op { return under(unmatched(k.ID), put(k, "new", k.ID)) }, cut: beforeAnswer, times: 1, number: 1},
	} {
		key := patientKey(tc.name)
		for range tc.before {
			if _, err := commitOne(t.Context(), direct, asIs(key)); err != nil {
				t.Fatal(err)
			}
		}
		lost.Store(tc.times)
		p.on(func(c command) reaction {
			if c.collection != "Patient" || c.name != "insert" && c.name != "update" || lost.Add(-1) < 0 {
				if c.collection == "Patient" && c.name == "find" && tc.other && lost.CompareAndSwap(0, -1) {
					if _, err := commitOne(context.Background(), direct, asIs(key)); err != nil {
						t.Error(err)
					}
				}
				return reaction{}
			}
			return reaction{cut: tc.cut}
		})
		r, err := commitOne(t.Context(), s, tc.op(key))
		p.heal()
		if tc.kind != 0 {
			if !errors.Is(err, tc.kind) {
				t.Errorf("%s: error %v, want one of kind %q", tc.name, err, tc.kind)
			}
			continue
		}
		if err != nil || r.Version.Number != tc.number || !r.Changed {
			t.Errorf("%s: %+v, want version %d (%v)", tc.name, r, tc.number, err)
			continue
		}
		all := lineageOf(t, direct, key)
		want := tc.number
		if tc.other && tc.number == tc.before+1 {
			want++ // the other one's
		}
		if int64(len(all)) != want || !cmp.Equal(all[tc.number-1], r.Version) {
			t.Errorf("%s: there are %d versions, want %d, and version %d is %+v", tc.name, len(all), want, tc.number, all[tc.number-1])
		}
	}
	storagetest.Clean(t, direct)
}

// Once a write was sent it is too late to give up; before, it leaves nothing.
func TestGivingUp(t *testing.T) {
	p := newProxy(t)
	c := Config{URI: p.through(testURI(t, t.TempDir())), SortKeys: storagetest.SortKeys}
	dropAfter(t, c)
	s := openAgain(t, c)
	key := patientKey("1")
	if _, err := commitOne(t.Context(), s, put(key, "", "")); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, collection string
		late             bool
	}{{"find", "Patient", false}, {"findAndModify", clockCollection, false}, {"insert", "Patient" + pastSuffix, false}, {"update", "Patient", true}} {
		before, err := s.Read(t.Context(), home, key)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		p.on(func(c command) reaction {
			if c.name == tc.name && c.collection == tc.collection {
				cancel()
			}
			return reaction{}
		})
		r, err := commitOne(ctx, s, put(key, tc.name, ""))
		p.heal()
		cancel()
		after, failed := s.Read(t.Context(), home, key)
		switch {
		case failed != nil:
			t.Fatal(failed)
		case tc.late && (err != nil || !cmp.Equal(after, r.Version)):
			t.Errorf("given up at %s of %s: %+v (%v), but %+v is there", tc.name, tc.collection, r, err, after)
		case !tc.late && (!errors.Is(err, context.Canceled) || !cmp.Equal(after, before)):
			t.Errorf("given up at %s of %s: error %v, and %+v is there", tc.name, tc.collection, err, after)
		}
	}
	storagetest.Clean(t, s)
}

// A database that does not answer holds nobody up for longer than the patience, and nothing is told that is not known.
func TestDatabaseDoesNotAnswer(t *testing.T) {
	p := newProxy(t)
	c := Config{URI: p.through(testURI(t, t.TempDir())), SortKeys: storagetest.SortKeys, Patience: 800 * time.Millisecond}
	dropAfter(t, c)
	s := openAgain(t, c)
	key := patientKey("1")
	if _, err := commitOne(t.Context(), s, put(key, "", "")); err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct{ name, collection string }{
		{"find", "Patient"}, {"findAndModify", clockCollection}, {"insert", "Patient" + pastSuffix}, {"update", "Patient"}, {"insert", claimCollection}, {"delete", claimCollection},
	} {
		p.on(func(c command) reaction { return reaction{hang: c.name == tc.name && c.collection == tc.collection} })
		op := put(key, tc.name, tc.name)
		op.Condition = unmatched(tc.name + tc.collection)
		began := time.Now()
		_, err := commitOne(t.Context(), s, op)
		if took := time.Since(began); took > 3*c.Patience {
			t.Errorf("%s of %s hangs, and the commit took %v", tc.name, tc.collection, took)
		}
		p.heal()
		if last := tc.name == "delete"; last != (err == nil) || !last && !errors.Is(err, fhir.Unavailable) {
			t.Errorf("%d: %s of %s hangs: error %v", i, tc.name, tc.collection, err)
		}
		// The proxy has cut the connections, also those by which the driver watches the server: until it has seen that again, calls are refused at once.
		err = fhir.Unavailable
		for healed := time.Now(); errors.Is(err, fhir.Unavailable) && time.Since(healed) < 3*c.Patience; {
			_, err = commitOne(t.Context(), s, put(key, "after", ""))
		}
		if err != nil {
			t.Errorf("after %s of %s: %v", tc.name, tc.collection, err)
		}
	}
	lineageOf(t, s, key)
	storagetest.Clean(t, s)
}
