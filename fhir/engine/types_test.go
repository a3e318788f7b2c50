package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// shelf is a store whose searches find made-up versions, which may be as large as those that a page has no room for.
type shelf struct {
	storage.Store
	versions []fhir.Version // by instant
}

func (s *shelf) Search(_ context.Context, _ fhir.Partition, q search.Query, page storage.PageRequest) (found storage.SearchPage, err error) {
	var matches []fhir.Version
	for _, v := range s.versions {
		if v.Key.Type == q.Type && search.Match(q, search.Indexed{ID: v.Key.ID, Instant: v.Instant}) {
			matches = append(matches, v)
		}
	}
	if len(q.Sort) == 0 || q.Sort[0].Descending {
		slices.Reverse(matches)
	}
	bytes := 0
	for i, v := range matches {
		bytes += len(v.Body)
		if i == page.Limit || i > 0 && bytes > storage.MaxPageBytes {
			found.Next = []byte("next")
			break
		}
		found.Versions = append(found.Versions, v)
	}
	found.Total, found.Counted = len(matches), page.CountUpTo < 0 || len(matches) <= page.CountUpTo
	return found, nil
}

func (s *shelf) History(context.Context, fhir.Partition, storage.HistoryQuery) (storage.HistoryPage, error) {
	if len(s.versions) == 0 {
		return storage.HistoryPage{}, nil
	}
	return storage.HistoryPage{Versions: s.versions[len(s.versions)-1:]}, nil
}

// The pages of a search of several types hold each match once, in order, no more of them than was asked for, and no more bytes than a page may
// have, wherever the pages of the single types end.
func TestPagesOfSeveralTypes(t *testing.T) {
	types := []string{"Patient", "Schedule", "Slot"}
	config := newEngineOf(t, types...).Config
	body := make([]byte, 20<<20)
	rapid.Check(t, func(t *rapid.T) {
		store := &shelf{Store: config.Store}
		for i := range rapid.IntRange(0, 30).Draw(t, "matches") {
			key := fhir.Key{Type: rapid.SampledFrom(types).Draw(t, "type"), ID: fmt.Sprint(i)}
			size := rapid.SampledFrom([]int{0, 1, 3 << 20, 11 << 20, 20 << 20}).Draw(t, "size")
			store.versions = append(store.versions, fhir.Version{Key: key, Number: 1, Instant: fhir.Instant(10 + 3*i), Body: body[:size]})
		}
		config := config
		config.Store = store
		e, err := engine.New(context.Background(), config)
		if err != nil {
			t.Fatal(err)
		}
		oldestFirst, count := rapid.Bool().Draw(t, "oldest first"), rapid.IntRange(1, 12).Draw(t, "count")
		want := slices.Clone(store.versions)
		query := fmt.Sprintf("_count=%d&_sort=_lastUpdated", count)
		if !oldestFirst {
			slices.Reverse(want)
			query = fmt.Sprintf("_count=%d", count)
		}
		for page, more := (engine.SearchPage{}), true; more; more = page.Next != "" {
			page, err = e.Search(context.Background(), alice, engine.SearchRequest{Query: query})
			if err != nil {
				t.Fatal(err)
			}
			bytes := 0
			for i, v := range page.Versions {
				bytes += len(v.Body)
				if len(want) == 0 || v.Instant != want[0].Instant {
					t.Fatalf("%s: %s at %d comes in the wrong place", query, v.Key, v.Instant)
				}
				want = want[1:]
				if i > 0 && bytes > storage.MaxPageBytes {
					t.Fatalf("%s: a page of %d bytes", query, bytes)
				}
			}
			if n := len(page.Versions); n > count || n == 0 && len(store.versions) > 0 {
				t.Fatalf("%s: a page of %d", query, n)
			}
			if page.Total != len(store.versions) || !page.Counted {
				t.Fatalf("%s: a total of %d (%t)", query, page.Total, page.Counted)
			}
			query = engine.CursorParam + "=" + page.Next
		}
		if len(want) > 0 {
			t.Fatalf("%d matches did not come, first %s", len(want), want[0].Key)
		}
	})
}

// The totals of several types are exact together up to a thousand.
func TestTotalsOfSeveralTypes(t *testing.T) {
	types := []string{"Patient", "Schedule", "Slot"}
	config := newEngineOf(t, types...).Config
	for _, c := range []struct {
		patients, schedules, slots int
		query                      string
		total                      int
		counted                    bool
	}{
		{400, 300, 300, "_count=1", 1000, true},
		{400, 300, 301, "_count=1", 0, false},
		{1000, 0, 0, "_count=1", 1000, true},
		{1000, 0, 1, "_count=1", 0, false},
		{1001, 0, 0, "_count=1", 0, false},
		{0, 0, 1001, "_count=1", 0, false},
		{0, 0, 1001, "_count=1&_total=accurate", 1001, true},
		{1000, 700, 20, "_count=1&_total=accurate", 1720, true},
		{1000, 700, 20, "_count=0", 1720, true},
		{1, 1, 1, "_total=none", 0, false},
		{1, 1, 1, "_total=none&_count=1", 0, false},
	} {
		store := &shelf{Store: config.Store}
		for typ, n := range map[string]int{"Patient": c.patients, "Schedule": c.schedules, "Slot": c.slots} {
			for i := range n {
				store.versions = append(store.versions, fhir.Version{Key: fhir.Key{Type: typ, ID: fmt.Sprint(i)}, Number: 1, Instant: fhir.Instant(len(store.versions) + 1)})
			}
		}
		slices.SortFunc(store.versions, func(a, b fhir.Version) int { return cmp.Compare(a.Instant, b.Instant) })
		config := config
		config.Store = store
		e, err := engine.New(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		page, err := e.Search(t.Context(), alice, engine.SearchRequest{Query: c.query})
		if err != nil || page.Counted != c.counted || c.counted && page.Total != c.total {
			t.Errorf("%+v: %d, %t, %v", c, page.Total, page.Counted, err)
		}
	}
}
