package storagetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Clean demands that a store has no fault.
func Clean(t testing.TB, s storage.Store) {
	t.Helper()
	_, err := s.Check(context.Background(), nil, func(f storage.Fault) { t.Errorf("the store is not sound: %s", f) })
	if err != nil {
		t.Error(err)
	}
}

// checking holds that a sound store has no fault and is looked at whole, that entries which are not those of the body are reported with
// the version that has them, and that nothing else is.
func checking(x *house) {
	const other fhir.Partition = "other/test"
	a, b, gone := patient("a"), patient("b"), patient("gone")
	entries := func(p fhir.Partition, v fhir.Version) search.Entries {
		e := tags(v.Key.ID + " in " + string(p))
		e.Texts = []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}, {Param: "name", Folded: "anna", Exact: "ANNA"}}
		e.Ranges = []search.Range{{Param: "date", Interval: fhir.Interval{Low: 1, High: 2}}, {Param: "date", Interval: fhir.Interval{Low: 5, High: 9}}}
		e.Ordereds = []search.Ordered{{Param: "size", Low: "1", High: "1"}, {Param: "size", Low: "2", High: "4"}}
		e.Places = []search.Place{{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: -0.1278}}}
		return e
	}
	indexed := func(p fhir.Partition, key fhir.Key) storage.Op {
		return storage.Op{Key: key, Resource: note(key, ""), Entries: entries(p, fhir.Version{Key: key})}
	}
	same := func(p fhir.Partition, v fhir.Version) (search.Entries, error) {
		x.equal(v, must(x.Read(x.ctx, p, v.Key))) // it may use the store
		return entries(p, v), nil
	}
	looked := x.sound(same)
	looked.Records = 0 // a driver may have some of its own
	x.equal(looked, storage.Checked{})

	x.commit(home, indexed(home, a), indexed(home, b), indexed(home, gone))
	x.commit(home, indexed(home, a), remove(gone), put(fhir.Key{Type: "Slot", ID: "bare"}, ""))
	x.commit(other, indexed(other, a))
	must(x.Records().Swap(x.ctx, "r", 0, []byte("value"), 0))
	looked = x.sound(nil)
	if looked.Resources != 4 || looked.Versions != 7 || looked.Entries < 1 || looked.Records < 1 {
		x.Errorf("looked at %+v, want 4 resources, 7 versions, entries and a record", looked)
	}

	faults, _, err := x.faults(x.ctx, same)
	x.check(err)
	x.equal(faults, []string{"demo/test Slot/bare version 1"})
	x.commit(home, indexed(home, fhir.Key{Type: "Slot", ID: "bare"}))
	x.sound(same)
	for name, change := range map[string]func(*search.Entries){
		"term value": func(e *search.Entries) { e.Terms[0].Value = "another" },
		"term param": func(e *search.Entries) { e.Terms[0].Param = "unheard of" },
		"text":       func(e *search.Entries) { e.Texts[1].Exact = "anna" },
		"range":      func(e *search.Entries) { e.Ranges[0].High = 3 },
		"stretch":    func(e *search.Entries) { e.Ordereds[1].High = "5" },
		"place":      func(e *search.Entries) { e.Places[0].Longitude = 0.1278 },
		"one less":   func(e *search.Entries) { e.Ranges = e.Ranges[:1] },
		"one more":   func(e *search.Entries) { e.Terms = append(e.Terms, search.Term{Param: "name", Value: "anna"}) },
	} {
		faults, _, err = x.faults(x.ctx, func(p fhir.Partition, v fhir.Version) (search.Entries, error) {
			e := entries(p, v)
			if p == home && v.Key == a {
				change(&e)
			}
			return e, nil
		})
		x.check(err)
		if !slices.Equal(faults, []string{"demo/test Patient/a version 2"}) {
			x.Errorf("%s: faults of %v", name, faults)
		}
	}

	enough := errors.New("enough")
	if _, _, err := x.faults(x.ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) { return search.Entries{}, enough }); !errors.Is(err, enough) {
		x.Errorf("error %v, want that of the caller", err)
	}
	ctx, cancel := context.WithCancel(x.ctx)
	_, _, err = x.faults(ctx, func(p fhir.Partition, v fhir.Version) (search.Entries, error) {
		cancel()
		return entries(p, v), nil
	})
	if !errors.Is(err, context.Canceled) {
		x.Errorf("error %v, want one that is context.Canceled", err)
	}
}

// checkingBesideWrites holds that whatever is written while it looks, nothing is reported of a sound store.
func checkingBesideWrites(x *house) {
	c := newCorpus(x, 23)
	c.write(60, c.anyID)
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		defer close(done)
		for range max(2, x.fewer(8)) {
			x.sound(nil)
		}
	})
	for !closed(done) {
		c.write(10, c.anyID)
		x.check(x.Reindex(x.ctx, func(_ fhir.Partition, v fhir.Version) (search.Entries, error) { return c.alive[v.Key].Entries, nil }, unheeded))
	}
	all.Wait()
}

func closed(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// sound demands that a check reports nothing.
func (x *house) sound(entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error)) storage.Checked {
	x.Helper()
	looked, err := x.Check(x.ctx, entriesOf, func(f storage.Fault) { x.Errorf("the store is not sound: %s", f) })
	if err != nil {
		x.Error(err)
	}
	return looked
}

// faults are the places of the faults that a check reports.
func (x *house) faults(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error)) (places []string, looked storage.Checked, err error) {
	looked, err = x.Check(ctx, entriesOf, func(f storage.Fault) {
		if f.Detail == "" {
			x.Errorf("a fault without words: %+v", f)
		}
		f.Detail = ""
		places = append(places, f.String()[:len(f.String())-len(": ")])
	})
	return places, looked, err
}
