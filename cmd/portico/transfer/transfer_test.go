package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/cmd/portico/transfer"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

var types = []string{"Observation", "Patient"}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func rulesOf(t *testing.T, base string) *search.Rules {
	t.Helper()
	return must[*search.Rules](t)(search.NewRules(search.Config{Types: types, BaseURL: base}))
}

// open makes an empty store.
func open(t *testing.T) storage.Store {
	t.Helper()
	s := must[*sqlite.Store](t)(sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "store.db")}))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// engineOn is a server's engine on a store.
func engineOn(t *testing.T, s storage.Store, base string) *engine.Engine {
	t.Helper()
	return must[*engine.Engine](t)(engine.New(t.Context(), engine.Config{
		Store: s, Rules: rulesOf(t, base), Validator: validate.New(), Types: types, Now: time.Now, NewID: fhir.NewID,
		SearchBudget: engine.DefaultSearchBudget, MaxIncludes: engine.DefaultMaxIncludes,
	}))
}

const base = "https://example.org/fhir"

// write carries out one change.
func write(t *testing.T, e *engine.Engine, p fhir.Partition, action engine.Action, key, members string) {
	t.Helper()
	typ, id, _ := strings.Cut(key, "/")
	c := engine.Change{Action: action, Key: fhir.Key{Type: typ, ID: id}}
	if action != engine.ActDelete {
		c.Resource = must[fhir.Resource](t)(fhir.ParseResource(fmt.Appendf(nil, `{"resourceType":%q,"id":%q%s}`, typ, id, members)))
	}
	if _, err := e.Write(t.Context(), fhir.Principal{Partition: p, Scopes: fhir.Unlimited(), Admin: true}, c); err != nil {
		t.Fatal(err)
	}
}

// signing is a store whose every change has an origin of its own; or none, as a change of earlier days.
type signing struct {
	storage.Store
	nobody bool
}

func (s signing) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	for i := range ops {
		if ops[i].Origin = fmt.Sprintf("somebody wrote %s at %d", ops[i].Key, time.Now().UnixNano()); s.nobody {
			ops[i].Origin = ""
		}
	}
	return s.Store.Commit(ctx, p, ops)
}

// fill has versions of every kind in two partitions, more than are copied at once, and records.
func fill(t *testing.T, s storage.Store) {
	t.Helper()
	e := engineOn(t, signing{Store: s}, base)
	for i := range 30 {
		write(t, e, "demo/test", engine.ActUpdate, fmt.Sprintf("Patient/p%d", i%20), fmt.Sprintf(`,"name":[{"family":"F%d"}],"birthDate":"19%02d"`, i, i%100))
	}
	for i := range 10 {
		write(t, e, "demo/live", engine.ActUpdate, fmt.Sprintf("Patient/p%d", i), `,"gender":"other"`)
		write(t, e, "demo/live", engine.ActUpdate, fmt.Sprintf("Observation/o%d", i), fmt.Sprintf(`,"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p%d"},"valueQuantity":{"value":7.%d0e1}`, i, i))
	}
	write(t, e, "demo/test", engine.ActDelete, "Patient/p1", "")
	write(t, e, "demo/test", engine.ActDelete, "Patient/p2", "")
	write(t, engineOn(t, signing{s, true}, base), "demo/test", engine.ActUpdate, "Patient/p2", "")
	for i, expires := range []fhir.Instant{0, fhir.InstantOf(time.Now().Add(time.Hour))} {
		must[storage.Record](t)(s.Records().Swap(t.Context(), fmt.Sprintf("room/r%d", i), 0, []byte{byte(i), 0xff, 0}, expires))
	}
}

// copied copies, and returns the summary and the differences.
func copied(t *testing.T, from, to storage.Store, change ...func(*transfer.Options)) (transfer.Summary, []string, error) {
	t.Helper()
	var differences []string
	o := transfer.Options{From: from, To: to, Rules: rulesOf(t, base), Types: types, Batch: 16, Report: func(d transfer.Difference) { differences = append(differences, d.String()) }}
	for _, c := range change {
		c(&o)
	}
	summary, err := transfer.Run(t.Context(), o)
	if int64(len(differences)) != summary.Differences {
		t.Errorf("%d differences were told, %d counted", len(differences), summary.Differences)
	}
	return summary, differences, err
}

// same demands that a copy has come to its end, and that both stores are the same and sound. It returns how many versions it copied.
func same(t *testing.T, from, to storage.Store, change ...func(*transfer.Options)) int64 {
	t.Helper()
	summary, differences, err := copied(t, from, to, change...)
	if err != nil || differences != nil {
		t.Fatalf("%v, %v", err, differences)
	}
	looked, compared, err := engine.Check(t.Context(), to, rulesOf(t, base), func(f storage.Fault) { t.Error(f) })
	if err != nil || !compared || looked.Versions != summary.Versions || looked.Resources != summary.Resources {
		t.Errorf("the check looked at %+v (compared %t, %v), the summary is %+v", looked, compared, err, summary)
	}
	return summary.Copied
}

// TestCopy: everything is there, is found, and goes on as in the source.
func TestCopy(t *testing.T) {
	from, to := open(t), open(t)
	fill(t, from)
	var progress bytes.Buffer
	if n := same(t, from, to, func(o *transfer.Options) { o.Progress = &progress }); n != 53 {
		t.Errorf("%d versions were copied", n)
	}
	if !strings.Contains(progress.String(), "16 versions copied, up to 20") || !strings.HasSuffix(progress.String(), "\r\x1b[K") {
		t.Errorf("the progress is %q", &progress)
	}
	if events := must[[]storage.Event](t)(to.Events(t.Context(), 0, 100)); !strings.HasPrefix(events[0].Origin, "somebody wrote Patient/p0 at ") || events[52].Origin != "" {
		t.Errorf("the first version is by %q, the last by %q", events[0].Origin, events[52].Origin)
	}
	there := engineOn(t, to, base)
	if state := there.Index(); state.Due {
		t.Errorf("a server on the copy makes the index anew: %+v", state)
	}
	found, err := to.Search(t.Context(), "demo/live", must[search.Request](t)(rulesOf(t, base).Parse("Observation", []search.Pair{{Name: "subject", Value: "Patient/p7"}}, search.Options{})).Query, storage.PageRequest{Limit: 2})
	if err != nil || len(found.Versions) != 1 || found.Versions[0].Key.ID != "o7" {
		t.Errorf("%+v, %v", found, err)
	}
	write(t, engineOn(t, from, base), "demo/test", engine.ActUpdate, "Patient/p0", "")
	if n := same(t, from, to); n != 1 {
		t.Errorf("the copy goes on with %d versions", n)
	}
	write(t, there, "demo/test", engine.ActUpdate, "Patient/p0", "")
	write(t, engineOn(t, from, base), "demo/test", engine.ActUpdate, "Patient/p3", "")
	if _, _, err := copied(t, from, to); !errors.Is(err, fhir.Conflict) || !strings.Contains(err.Error(), "somebody else has written") {
		t.Errorf("onto a copy that is worked on: %v", err)
	}
}

// failing is a store that fails, as one whose machine is lost, behind some steps of a copy.
type failing struct {
	storage.Store
	left *int
}

func (f failing) step() error {
	if *f.left--; *f.left < 0 {
		return errors.New("lost")
	}
	return nil
}

// Restore may leave some of the versions, which need not be the first ones: what a store without transactions does.
func (f failing) Restore(ctx context.Context, versions []storage.Restored) error {
	if err := f.step(); err != nil {
		some := slices.DeleteFunc(slices.Clone(versions), func(r storage.Restored) bool { return r.Version.Key.Type != "Observation" })
		return errors.Join(err, f.Store.Restore(ctx, some))
	}
	if err := f.Store.Restore(ctx, versions); err != nil {
		return err
	}
	return f.step()
}

func (f failing) Records() storage.Records { return failingRecords{f.Store.Records(), f} }

type failingRecords struct {
	storage.Records
	f failing
}

func (r failingRecords) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	if err := r.f.step(); err != nil {
		return storage.Record{}, err
	}
	record, err := r.Records.Swap(ctx, name, old, value, expires)
	return record, errors.Join(err, r.f.step())
}

// TestCopyIsResumed is lost before and behind every write into the target, and goes on each time.
func TestCopyIsResumed(t *testing.T) {
	from := open(t)
	fill(t, from)
	to := open(t)
	runs := 0
	for steps := 0; ; steps = min(steps+1, 5) {
		if runs++; runs > 100 {
			t.Fatal("it comes to no end")
		}
		left := steps
		_, differences, err := copied(t, from, failing{to, &left})
		if err == nil {
			if differences != nil {
				t.Error(differences)
			}
			break
		}
		if !strings.Contains(err.Error(), "lost") {
			t.Fatal(err)
		}
	}
	if n := same(t, from, to); n != 0 || runs < 6 {
		t.Errorf("after %d runs, %d versions were left", runs, n)
	}
}

// TestCopyByOtherRules: when the settings change between two runs, all entries are made by the new ones at last.
func TestCopyByOtherRules(t *testing.T) {
	from, to := open(t), open(t)
	fill(t, from)
	left := 3
	if _, _, err := copied(t, from, failing{to, &left}, func(o *transfer.Options) { o.Rules = rulesOf(t, "https://elsewhere.example.org/fhir") }); err == nil {
		t.Fatal("it was not lost")
	}
	same(t, from, to)
}

// TestCopyTellsDifferences: what was changed in the target comes out, by its place and without what it says.
func TestCopyTellsDifferences(t *testing.T) {
	from := open(t)
	fill(t, from)
	for _, c := range []struct {
		name string
		do   func(v *storage.Restored)
		want string
	}{
		{"body", func(v *storage.Restored) {
			v.Version.Body = bytes.Replace(v.Version.Body, []byte(`"F7"`), []byte(`"F8"`), 1)
		},
			"demo/test Patient/p7 version 1: It is not the same in the target: the bodies differ."},
		{"digits of a number", func(v *storage.Restored) {
			v.Version.Body = bytes.Replace(v.Version.Body, []byte(`7.70e1`), []byte(`77`), 1)
		},
			"demo/live Observation/o7 version 1: It is not the same in the target: the bodies differ."},
		{"spelling of a number", func(v *storage.Restored) {
			v.Version.Body = bytes.Replace(v.Version.Body, []byte(`7.70e1`), []byte(`77.0`), 1)
		}, ""},
		{"method", func(v *storage.Restored) {
			if v.Version.Key.ID == "p7" && v.Partition == "demo/live" {
				v.Version.Method = fhir.Created
			}
		}, "demo/live Patient/p7 version 1: It is not the same in the target: method, or what it says of the version before, differ."},
		{"origin", func(v *storage.Restored) {
			if v.Version.Key.ID == "p7" && v.Partition == "demo/live" {
				v.Origin = "somebody else"
			}
		}, "demo/live Patient/p7 version 1: It is not the same in the target: who made it differs."},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := open(t)
			summary, differences, err := copied(t, from, changing{to, c.do})
			if got := strings.Join(differences, "\n"); err != nil || got != c.want {
				t.Errorf("%v, %s", err, got)
			}
			if told := slices.ContainsFunc(summary.Types, func(c transfer.Comparison) bool { return c.Differences > 0 }); told != (c.want != "") {
				t.Errorf("the types are %+v", summary.Types)
			}
		})
	}
	to := open(t)
	same(t, from, to)
	record := must[storage.Record](t)(to.Records().Get(t.Context(), "room/r0"))
	if _, differences, err := copied(t, from, keeping{to}); err != nil || differences != nil {
		t.Errorf("%v, %v", err, differences)
	}
	must[storage.Record](t)(to.Records().Swap(t.Context(), record.Name, record.Revision, []byte("else"), 0))
	must[storage.Record](t)(to.Records().Swap(t.Context(), "room/more", 0, []byte("more"), 0))
	_, differences, err := copied(t, from, keeping{to})
	if got := strings.Join(differences, "\n"); err != nil || got != "The record room/more is not the same.\nThe record room/r0 is not the same." {
		t.Errorf("%v, %s", err, got)
	}
	same(t, from, to) // it is mended
}

// changing is a target that gets other versions than were sent.
type changing struct {
	storage.Store
	change func(*storage.Restored)
}

func (c changing) Restore(ctx context.Context, versions []storage.Restored) error {
	for i := range versions {
		versions[i].Version.Body = bytes.Clone(versions[i].Version.Body)
		c.change(&versions[i])
	}
	return c.Store.Restore(ctx, versions)
}

// keeping is a target whose records are not changed.
type keeping struct{ storage.Store }

func (k keeping) Records() storage.Records { return keptRecords{k.Store.Records()} }

type keptRecords struct{ storage.Records }

func (keptRecords) Swap(context.Context, string, int64, []byte, fhir.Instant) (storage.Record, error) {
	return storage.Record{}, nil
}

// TestForeignTargets are refused, and nothing is written to them.
func TestForeignTargets(t *testing.T) {
	from, other := open(t), open(t)
	fill(t, from)
	write(t, engineOn(t, other, base), "demo/test", engine.ActUpdate, "Patient/a", "")
	third := open(t)
	same(t, other, third)
	recorded := open(t)
	must[storage.Record](t)(recorded.Records().Swap(t.Context(), "access/key", 0, []byte("x"), 0))
	for name, to := range map[string]storage.Store{"with resources": other, "a copy of another": third, "with records": recorded} {
		if _, _, err := copied(t, from, to); !errors.Is(err, fhir.Conflict) || !strings.Contains(err.Error(), "cannot be copied to") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := recorded.Records().Get(t.Context(), "room/r0"); !errors.Is(err, fhir.NotFound) {
		t.Errorf("it was written to: %v", err)
	}
	begun := open(t)
	engineOn(t, begun, "https://elsewhere.example.org/fhir") // a server was started on it for once
	same(t, from, begun)
}

// TestCopyOfNothing: an empty store is copied, too, and what comes to it later.
func TestCopyOfNothing(t *testing.T) {
	from, to := open(t), open(t)
	e := engineOn(t, from, base)
	if n := same(t, from, to); n != 0 {
		t.Errorf("%d versions of nothing", n)
	}
	write(t, e, "demo/test", engine.ActUpdate, "Patient/a", "")
	if n := same(t, from, to); n != 1 {
		t.Errorf("%d versions of one", n)
	}
}

// TestCopyBesideWrites: what is written to the source meanwhile is copied by this run or by the next.
func TestCopyBesideWrites(t *testing.T) {
	from, to := open(t), open(t)
	fill(t, from)
	e := engineOn(t, from, base)
	written := 0
	_, differences, err := copied(t, from, to, func(o *transfer.Options) {
		o.To = changing{to, func(*storage.Restored) {
			if written < 50 {
				write(t, e, "demo/test", engine.ActUpdate, fmt.Sprintf("Patient/later%d", written), "")
				written++
			}
		}}
	})
	if err != nil || differences != nil || written != 50 {
		t.Errorf("%v, %v behind %d writes", err, differences, written)
	}
	same(t, from, to)
}
