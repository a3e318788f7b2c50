package audit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// TestPagesWhileOthersRecord: two servers record at the same instants, and go on while somebody turns pages. What was written before the first page is shown once; what
// comes later at most once; and all of it in the order that was asked for.
func TestPagesWhileOthersRecord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m, now := newMemory(), start
		clock := func() time.Time { return now }
		nodes := []*audit.Trail{trailOf(t, m, clock), trailOf(t, m, clock)}
		steps := rapid.SampledFrom([]time.Duration{0, 0, 0, time.Microsecond, time.Second})
		someRecord := func() {
			for range rapid.IntRange(0, 4).Draw(rt, "events") {
				must(t, rapid.SampledFrom(nodes).Draw(rt, "node").Record(someEvent(rt)))
				now = now.Add(steps.Draw(rt, "step"))
			}
			must(t, rapid.SampledFrom(nodes).Draw(rt, "writes").Flush(t.Context()))
		}
		for range rapid.IntRange(1, 4).Draw(rt, "flushes") {
			someRecord()
		}
		for _, trail := range nodes {
			must(t, trail.Flush(t.Context()))
		}
		now = now.Add(10 * time.Second) // nothing that was recorded is too young for a page
		there := m.all(t, partition)

		store, q := nodes[0].Over(m), parse(t, nodes[0], "_sort="+rapid.SampledFrom(orders[1:]).Draw(rt, "order"))
		var got []string
		page := storage.PageRequest{Limit: rapid.IntRange(1, 3).Draw(rt, "limit")}
		for {
			found, err := store.Search(t.Context(), partition, q, page)
			must(t, err)
			for _, v := range found.Versions {
				got = append(got, v.Key.ID)
			}
			if page.After = found.Next; page.After == nil || len(got) > 200 {
				break
			}
			someRecord()
		}
		shown := make(map[string]int)
		for _, id := range got {
			if shown[id]++; shown[id] > 1 {
				rt.Fatalf("%s is shown twice in %q", id, got)
			}
		}
		for _, v := range there {
			if shown[v.Key.ID] == 0 && len(got) <= 200 {
				rt.Fatalf("%s was there before the first page, and is not in %q", v.Key.ID, got)
			}
		}
		if diff := cmp.Diff(inOrder(t, m, q, nodes[0].Rules, shown), got); diff != "" {
			rt.Fatalf("the pages are in another order (-want +got):\n%s", diff)
		}
	})
}

// inOrder are the ids of those AuditEvents that were shown, in the order of a search.
func inOrder(t *testing.T, m *memory, q search.Query, rules *search.Rules, shown map[string]int) (ids []string) {
	t.Helper()
	var all []search.Indexed
	for _, v := range slices.DeleteFunc(m.all(t, partition), func(v fhir.Version) bool { return shown[v.Key.ID] == 0 }) {
		r, err := fhir.ParseResource(v.Body)
		must(t, err)
		all = append(all, search.Indexed{ID: v.Key.ID, Instant: v.Instant, Entries: rules.Extract(r)})
	}
	search.Sort(q, all)
	for _, x := range all {
		ids = append(ids, x.ID)
	}
	return ids
}
