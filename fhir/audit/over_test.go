package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// parse reads a search for AuditEvents.
func parse(t testing.TB, trail *audit.Trail, query string) search.Query {
	t.Helper()
	return parseOf(t, trail, "AuditEvent", query)
}

func parseOf(t testing.TB, trail *audit.Trail, typ, query string) search.Query {
	t.Helper()
	pairs, err := search.SplitQuery(query)
	must(t, err)
	r, err := trail.Rules.Parse(typ, pairs, search.Options{Strict: true, Now: fhir.InstantOf(start)})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return r.Query
}

// all are the AuditEvents of a partition, made of what is in its blocks.
func (m *memory) all(t testing.TB, p fhir.Partition) (versions []fhir.Version) {
	t.Helper()
	prefix := audit.BlockPrefix(p)
	found, _ := m.Scan(t.Context(), prefix, "", 1<<30)
	for _, r := range found {
		events, _, err := audit.Decode(p, r.Value)
		must(t, err)
		for i, e := range events {
			versions = append(versions, audit.Render(e, audit.EventID(strings.TrimPrefix(r.Name, prefix), i)))
		}
	}
	return versions
}

// searches are of AuditEvents as they are asked for; {id} is one that is there.
var searches = []string{
	"", "patient=Patient/p1", "patient=p2", "patient=Patient/p1,Patient/p2", "patient=Patient/p1&patient=Patient/p2", "patient=Patient/none", "entity=Observation/o1", "entity=Patient/p1",
	"entity=Observation/o1/_history/2", "entity=o1", "entity=https://example.org/fhir/Patient/p1", "entity=https://example.com/fhir/Patient/p1", "patient:missing=true", "entity:missing=false",
	"date=2026-03-01", "date=ge2026-03-01T12:00:20Z", "date=lt2026-03-01T12:00:20Z", "date=gt2026-03-01T12:00:10Z&date=le2026-03-01T12:01:00Z", "date=ne2026-03-01T12:00", "date=2026-03-01T12:00:00Z",
	"date=ge2027", "date=sa2026-03-01T12:00:20Z", "date=eb2026-03-01T12:00:20Z", "date=ge2026-03-01T12:01Z,lt2026-03-01T12:00:05Z", "_lastUpdated=ge2026-03-01T12:00:20Z", "_lastUpdated=lt2026-03-01T12:00:20Z",
	"outcome=4", "outcome=0,8", "outcome:not=0", "outcome=12", "outcome=http://terminology.hl7.org/CodeSystem/audit-event-outcome|4", "action=R", "action=E,D", "action:not=R",
	"subtype=read", "subtype=http://hl7.org/fhir/restful-interaction|read", "subtype=http://example.org|read", "subtype=http://hl7.org/fhir/restful-interaction|", "subtype=|read", "subtype:not=read", "subtype=110122", "type=rest",
	"type=http://terminology.hl7.org/CodeSystem/audit-event-type|rest", "type=http://dicom.nema.org/resources/ontology/DCM|110114", "type:not=rest", "altid=c1", "altid=C1,c2", "altid=" + `a\|b`,
	"agent:identifier=c1", "agent:identifier=C1", "agent:identifier=https://github.com/portico-health/portico/fhir/client|c1", "agent:identifier=http://example.org|c1", "agent:identifier=|c1",
	"agent:identifier=https://github.com/portico-health/portico/fhir/client|", "address=192.0.2", "address=203", "site=demo", "site=other", "entity-type=1", "agent-role:missing=true", "entity-role=24",
	"_id={id}", "_id={id},{id}", "_id=nothing", "_id={id}&outcome=0", "_id={id}&_id=nothing", "_filter=outcome eq 4 or action eq C", "patient=Patient/p1&date=ge2026-03-01T12:00:20Z&outcome=0&altid=c1",
}

var orders = []string{"", "date", "-date", "_lastUpdated", "-_lastUpdated", "_id", "-_id", "date,_id", "-date,-_id", "outcome", "-subtype,date", "date,outcome", "address"}

// TestSearchAgainstTheMatcher: pages of whatever search have what the matcher finds, in its order, each AuditEvent once.
func TestSearchAgainstTheMatcher(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m, now := newMemory(), start
		nodes := []*audit.Trail{trailOf(t, m, func() time.Time { return now }), trailOf(t, m, func() time.Time { return now })} // two processes
		other := read("c1", "p1")
		other.Who.Partition = "demo/live"
		must(t, nodes[0].Record(other))
		for range rapid.IntRange(0, 5).Draw(rt, "flushes") {
			for _, trail := range nodes {
				for range rapid.SampledFrom([]int{0, 1, 3, 20}).Draw(rt, "events") {
					must(t, trail.Record(someEvent(rt)))
					now = now.Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 1000, 900_000, 7_000_000}).Draw(rt, "microseconds")) * time.Microsecond)
				}
				must(t, trail.Flush(t.Context()))
			}
		}
		now = now.Add(settled)
		var world []search.Indexed
		bodies := make(map[string]fhir.Version)
		for _, v := range m.all(t, partition) {
			r, err := fhir.ParseResource(v.Body)
			must(t, err)
			world = append(world, search.Indexed{ID: v.Key.ID, Instant: v.Instant, Entries: nodes[0].Rules.Extract(r)})
			bodies[v.Key.ID] = v
		}
		store := nodes[0].Over(m)
		for range 8 {
			query := rapid.SampledFrom(searches).Draw(rt, "search")
			if strings.Contains(query, "{id}") {
				if len(world) == 0 {
					continue
				}
				query = strings.ReplaceAll(query, "{id}", rapid.SampledFrom(world).Draw(rt, "of").ID)
			}
			if order := rapid.SampledFrom(orders).Draw(rt, "order"); order != "" {
				query += "&_sort=" + order
			}
			q := parse(t, nodes[0], query)
			var want []search.Indexed
			for _, x := range world {
				if search.Match(q, x) {
					want = append(want, x)
				}
			}
			search.Sort(q, want)
			page := storage.PageRequest{Limit: rapid.SampledFrom([]int{2, 9, 1000}).Draw(rt, "limit"), CountUpTo: rapid.SampledFrom([]int{-1, 0, 2, 1000}).Draw(rt, "count")}
			comparePages(rt, store, q, page, want, bodies, query)
		}
	})
}

// settled is what ascending searches leave out before now.
const settled = 6 * time.Second

// TestAscendingCrawl: who reads the record from the oldest to the newest, and goes on where it ended, sees what each of several servers recorded, whichever
// writes it later than others do.
func TestAscendingCrawl(t *testing.T) {
	for _, order := range []string{"date", "_lastUpdated,outcome"} {
		m, now := newMemory(), start
		clock := func() time.Time { return now }
		quick, slow := trailOf(t, m, clock), trailOf(t, m, clock)
		var last string
		seen := make(map[string]int)
		for i := range 40 {
			now = now.Add(400 * time.Millisecond)
			must(t, slow.Record(read("slow", fmt.Sprint(i))))
			now = now.Add(400 * time.Millisecond)
			must(t, quick.Record(read("quick", fmt.Sprint(i))))
			if i%2 == 1 {
				must(t, slow.Flush(t.Context()))
			}
			if i == 39 {
				now = now.Add(settled)
			}
			page, err := quick.Over(m).Search(t.Context(), partition, parse(t, quick, "_sort="+order+last), storage.PageRequest{Limit: 1000})
			must(t, err)
			for _, v := range page.Versions {
				seen[v.Key.ID]++
				last = "&date=gt" + v.Instant.String()
			}
		}
		if len(seen) != 80 {
			t.Errorf("%s: %d of 80 events are seen", order, len(seen))
		}
	}
}

// comparePages holds all pages of a search against what is wanted.
func comparePages(t *rapid.T, store storage.Store, q search.Query, page storage.PageRequest, want []search.Indexed, bodies map[string]fhir.Version, query string) {
	var got []string
	for n := 0; ; n++ {
		found, err := store.Search(context.Background(), partition, q, page)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if counted := page.CountUpTo < 0 || page.CountUpTo > 0 && len(want) <= page.CountUpTo; found.Counted != counted || counted && found.Total != len(want) {
			t.Fatalf("%s, page %d counted up to %d: total %d (%v), want %d", query, n, page.CountUpTo, found.Total, found.Counted, len(want))
		}
		for _, v := range found.Versions {
			if !reflect.DeepEqual(bodies[v.Key.ID], v) {
				t.Fatalf("%s finds\n%s, not\n%s", query, v.Body, bodies[v.Key.ID].Body)
			}
			got = append(got, v.Key.ID)
		}
		if page.After = found.Next; found.Next == nil {
			break
		}
		if n == 1 {
			page.CountUpTo = 0
		}
		if len(found.Versions) != page.Limit || n > len(want) {
			t.Fatalf("%s: page %d has %d of %d rows, and is not the last one", query, n, len(found.Versions), page.Limit)
		}
	}
	var ids []string
	for _, x := range want {
		ids = append(ids, x.ID)
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Fatalf("%s, %d a page (-want +got):\n%s", query, page.Limit, diff)
	}
}

func someEvent(t *rapid.T) audit.Event {
	ids := rapid.SampledFrom([]string{"p1", "p2", "p3"})
	e := audit.Event{
		Who: fhir.Principal{
			Partition: partition, Client: rapid.SampledFrom([]string{"c1", "C1", "c2", "", "a|b", " c1"}).Draw(t, "client"),
			Request: "req-1", Address: rapid.SampledFrom([]string{"192.0.2.1", "203.0.113.9", ""}).Draw(t, "address"),
		},
		Interaction: rapid.SampledFrom(interactions).Draw(t, "interaction"),
		Key:         rapid.SampledFrom([]fhir.Key{{}, {Type: "Patient"}, {Type: "Patient", ID: "p1"}, {Type: "Observation", ID: "o1"}, {Type: "Nothing", ID: "p1"}, {Type: "Patient", ID: "p 1"}}).Draw(t, "key"),
		Number:      int64(rapid.IntRange(0, 2).Draw(t, "number")),
		Patients:    rapid.SliceOfNDistinct(ids, 0, 2, rapid.ID).Draw(t, "patients"),
		Outcome:     rapid.SampledFrom([]audit.Outcome{audit.Success, audit.Refused, audit.Failed}).Draw(t, "outcome"),
	}
	if e.Key.ID == "" {
		e.Query = rapid.SampledFrom([]string{"", "name=a"}).Draw(t, "query")
	}
	return e
}

func TestReadOfAuditEvents(t *testing.T) {
	m, now := newMemory(), start
	trail := trailOf(t, m, func() time.Time { return now }, func(c *audit.Config) { c.Keep = 10 * time.Second })
	store := trail.Over(m)
	must(t, trail.Record(read("c", "1")))
	now = now.Add(5 * time.Second)
	must(t, trail.Record(read("c", "2")))
	find := func() []fhir.Version {
		page, err := store.Search(t.Context(), partition, parse(t, trail, ""), storage.PageRequest{Limit: 10})
		must(t, err)
		return page.Versions
	}
	found := find()
	if len(found) != 2 {
		t.Fatalf("%d AuditEvents are found, want 2", len(found))
	}
	for _, v := range found {
		got, err := store.Read(t.Context(), partition, v.Key)
		must(t, err)
		if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("read (-found +got):\n%s", diff)
		}
		got, err = store.ReadVersion(t.Context(), partition, v.Key, 1)
		must(t, err)
		if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("version 1 (-found +got):\n%s", diff)
		}
		if _, err := store.ReadVersion(t.Context(), partition, v.Key, 2); !errors.Is(err, fhir.NotFound) {
			t.Errorf("version 2: %v", err)
		}
		if _, err := store.Read(t.Context(), "demo/live", v.Key); !errors.Is(err, fhir.NotFound) {
			t.Errorf("in another partition: %v", err)
		}
		beyond := v.Key
		beyond.ID = v.Key.ID[:len(v.Key.ID)-4] + "0007"
		if _, err := store.Read(t.Context(), partition, beyond); !errors.Is(err, fhir.NotFound) {
			t.Errorf("behind the last of its block: %v", err)
		}
	}
	now = now.Add(6 * time.Second)
	if kept := find(); len(kept) != 1 || kept[0].Key != found[0].Key {
		t.Errorf("when the first is too old, %d are found", len(kept))
	}
	if _, err := store.Read(t.Context(), partition, found[1].Key); !errors.Is(err, fhir.NotFound) {
		t.Errorf("one that is too old is read: %v", err)
	}
	if _, err := store.Read(t.Context(), partition, fhir.Key{Type: "AuditEvent", ID: "1"}); !errors.Is(err, fhir.NotFound) {
		t.Errorf("one that never was is read: %v", err)
	}
	for _, r := range m.records {
		if want := fhir.InstantOf(start.Add(15 * time.Second)); r.Expires != want {
			t.Errorf("the block expires at %s, want %s", r.Expires, want)
		}
	}
}

// TestDamagedBlocks: who comes to a block that cannot be read is told so, and so is the log; what is beside it is found.
func TestDamagedBlocks(t *testing.T) {
	for name, value := range map[string][]byte{"damaged": {1, 2, 3}, "empty": {}, "of a newer release": {99, 1, 1, 1, 1, 1}, "cut": nil} {
		t.Run(name, func(t *testing.T) {
			m, now := newMemory(), start
			var log bytes.Buffer
			trail := trailOf(t, m, func() time.Time { return now }, func(c *audit.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			must(t, trail.Record(read("c", "1")))
			must(t, trail.Flush(t.Context()))
			bad := m.all(t, partition)[0].Key
			for name, r := range m.records {
				if value == nil {
					r.Value = r.Value[:len(r.Value)-9]
				} else {
					r.Value = value
				}
				m.records[name] = r
			}
			now = now.Add(time.Hour)
			must(t, trail.Record(read("c", "2")))
			must(t, trail.Flush(t.Context()))
			now = now.Add(time.Minute)
			store := trail.Over(m)
			_, readErr := store.Read(t.Context(), partition, bad)
			_, newest := store.Search(t.Context(), partition, parse(t, trail, ""), storage.PageRequest{Limit: 9})
			_, oldest := store.Search(t.Context(), partition, parse(t, trail, "_sort=date"), storage.PageRequest{Limit: 9})
			for i, err := range []error{readErr, newest, oldest} {
				if !errors.Is(err, fhir.Unavailable) || !strings.Contains(fhir.AsError(err).Issues[0].Detail, "by date") {
					t.Errorf("%d: %v", i, err)
				}
			}
			if n := strings.Count(log.String(), "cannot be read"); n != 3 {
				t.Errorf("the log is told %d times", n)
			}
			page, err := store.Search(t.Context(), partition, parse(t, trail, "date=ge2026-03-01T12:30Z"), storage.PageRequest{Limit: 9})
			if err != nil || len(page.Versions) != 1 {
				t.Errorf("beside it %d are found: %v", len(page.Versions), err)
			}
		})
	}
}

func TestSearchesThatLeadToOrFromAuditEvents(t *testing.T) {
	m := newMemory()
	trail := trailOf(t, m, time.Now)
	store := trail.Over(m)
	for _, test := range []struct{ typ, query string }{
		{"AuditEvent", "patient.name=a"}, {"AuditEvent", "entity:Observation.code=a"}, {"Patient", "_has:AuditEvent:patient:outcome=4"},
		{"Observation", "subject:Patient._has:AuditEvent:patient:outcome=4"}, {"Provenance", "target:AuditEvent.outcome=4"},
		{"Patient", "_filter=_has:AuditEvent:patient:outcome eq 4"},
	} {
		pairs, err := search.SplitQuery(test.query)
		must(t, err)
		r, err := trail.Rules.Parse(test.typ, pairs, search.Options{Strict: true})
		if err != nil {
			if strings.HasPrefix(test.query, "_filter") {
				continue // not a filter that is understood
			}
			t.Fatalf("%s?%s: %v", test.typ, test.query, err)
		}
		_, err = store.Search(t.Context(), partition, r.Query, storage.PageRequest{Limit: 1})
		_, explained := store.Explain(t.Context(), partition, r.Query, storage.PageRequest{Limit: 1})
		for _, err := range []error{err, explained} {
			if !errors.Is(err, fhir.Invalid) || fhir.AsError(err).Issues[0].Code != fhir.CodeNotSupported {
				t.Errorf("%s?%s: %v", test.typ, test.query, err)
			}
		}
	}
}

// asked is a store that keeps what it was asked for.
type asked struct {
	storage.Store
	query search.Query
}

func (a *asked) Search(_ context.Context, _ fhir.Partition, q search.Query, _ storage.PageRequest) (storage.SearchPage, error) {
	a.query = q
	return storage.SearchPage{}, nil
}

// A chain that does not say the type of what a reference points at looks into all that are possible, but for AuditEvents.
func TestChainsOfNoTypeLeaveAuditEventsOut(t *testing.T) {
	m := newMemory()
	trail := trailOf(t, m, time.Now)
	for _, query := range []string{
		"target.patient=Patient/p1", "target._id=x", "target:Provenance.target._id=x", "_has:Provenance:target:target._id=x",
		"_filter=target.patient eq Patient/p1 or not (target._id eq x)",
	} {
		below := &asked{Store: m}
		q := parseOf(t, trail, "Provenance", query)
		uses := q.Uses()
		if _, named := uses["AuditEvent"]; !named {
			t.Errorf("%s does not lead to AuditEvents anyway", query)
		}
		_, err := trail.Over(below).Search(t.Context(), partition, q, storage.PageRequest{Limit: 1})
		left := below.query.Uses()
		if _, named := left["AuditEvent"]; err != nil || named || len(left) != len(uses)-1 {
			t.Errorf("%s looks into %v of %v: %v", query, left, uses, err)
		}
	}
}

// TestBudget: a search for what is nowhere ends, and one that has its page does not count for ever.
func TestBudget(t *testing.T) {
	m := newMemory()
	now := start
	trail := trailOf(t, m, func() time.Time { return now })
	for i := range 3000 {
		now = now.Add(time.Millisecond)
		must(t, trail.Record(read("c", fmt.Sprint("p", i%10))))
	}
	store := trail.Over(m)
	search := func(query string, page storage.PageRequest) (storage.SearchPage, error) {
		return store.Search(t.Context(), partition, parse(t, trail, query), page)
	}
	const unpacked = 3000 / 16 // what looking at all events comes to
	for _, test := range []struct {
		query   string
		page    storage.PageRequest
		costly  bool
		found   int
		counted bool
	}{
		{"patient=Patient/none", storage.PageRequest{Limit: 10, Budget: 10}, false, 0, false}, // no block may have it
		{"patient=Patient/p1", storage.PageRequest{Limit: 10, Budget: unpacked + 10}, false, 10, false},
		{"patient=Patient/p1", storage.PageRequest{Limit: 10, Budget: 10}, true, 0, false},
		{"address=203", storage.PageRequest{Limit: 10, Budget: 2000}, true, 0, false},
		{"address=203", storage.PageRequest{Limit: 10, Budget: 4000}, false, 0, false},
		{"address=203", storage.PageRequest{Limit: 10}, false, 0, false},
		{"", storage.PageRequest{Limit: 10, Budget: unpacked + 20, CountUpTo: 1000}, false, 10, false},
		{"", storage.PageRequest{Limit: 10, Budget: unpacked + 20, CountUpTo: -1}, true, 0, false},
		{"", storage.PageRequest{Budget: 3 * unpacked, CountUpTo: -1}, false, 0, true},
		{"_sort=outcome", storage.PageRequest{Limit: 10, Budget: 1000}, true, 0, false},
		{"_sort=outcome", storage.PageRequest{Limit: 10, Budget: 10_000, CountUpTo: -1}, false, 10, true},
	} {
		found, err := search(test.query, test.page)
		if costly := errors.Is(err, storage.ErrOverBudget) && errors.Is(err, fhir.TooCostly); costly != test.costly || !costly && err != nil {
			t.Errorf("%q with budget %d: %v", test.query, test.page.Budget, err)
		}
		if err == nil && (len(found.Versions) != test.found || found.Counted != test.counted) {
			t.Errorf("%q with budget %d: %d found, counted %v", test.query, test.page.Budget, len(found.Versions), found.Counted)
		}
		if err == nil && (found.Vain > test.page.Budget) {
			t.Errorf("%q with budget %d took %d of it", test.query, test.page.Budget, found.Vain)
		}
	}
	for i := range 3000 {
		must(t, trail.Record(read("c", fmt.Sprint("p", i%10))))
	}
	if _, err := search("_sort=outcome", storage.PageRequest{Limit: 10}); !errors.Is(err, fhir.TooCostly) {
		t.Errorf("sorting 6000: %v", err)
	}
	now = now.Add(settled)
	plan, err := store.Explain(t.Context(), partition, parse(t, trail, "address=203&_sort=date"), storage.PageRequest{Limit: 10, Budget: 100})
	must(t, err)
	if plan.Found != 0 || plan.Looked < 1000 || !plan.Ordered || !slices.Equal(plan.ByRow, []int{0}) {
		t.Errorf("the plan is %+v", plan)
	}
}

// TestBudgetOfAYear: a patient of whom little is recorded is found among all that a site has done that reads ten times a second, for as long as it is kept:
// a four thousandth of it is within a four thousandth of the budget.
func TestBudgetOfAYear(t *testing.T) {
	const part, perBlock = 4000, 300
	m, now := newMemory(), start
	trail := trailOf(t, m, func() time.Time { return now })
	must(t, trail.Record(read("c", "rare")))
	for block := range int(audit.DefaultKeep / (30 * time.Second) / part) {
		now = now.Add(30*time.Second + time.Millisecond)
		for i := range perBlock {
			must(t, trail.Record(read("c", fmt.Sprint(block*perBlock+i))))
		}
		must(t, trail.Flush(t.Context()))
	}
	page, err := trail.Over(m).Search(t.Context(), partition, parse(t, trail, "patient=Patient/rare"), storage.PageRequest{Limit: 9, Budget: engine.DefaultSearchBudget / part})
	if err != nil || len(page.Versions) != 1 {
		t.Errorf("%d are found: %v", len(page.Versions), err)
	}
	if _, err := trail.Over(m).Search(t.Context(), partition, parse(t, trail, "patient=Patient/none"), storage.PageRequest{Limit: 9, Budget: 10}); !errors.Is(err, fhir.TooCostly) {
		t.Errorf("blocks that are passed over cost nothing: %v", err)
	}
}

func TestCursorsAreOfTheirSearch(t *testing.T) {
	m := newMemory()
	trail := trailOf(t, m, func() time.Time { return start })
	for i := range 5 {
		must(t, trail.Record(read("c", fmt.Sprint(i))))
	}
	store := trail.Over(m)
	first, err := store.Search(t.Context(), partition, parse(t, trail, ""), storage.PageRequest{Limit: 2})
	must(t, err)
	for _, test := range []struct {
		name  string
		p     fhir.Partition
		query string
		after []byte
	}{
		{"another partition", "demo/live", "", first.Next}, {"another search", partition, "outcome=0", first.Next}, {"another order", partition, "_sort=date", first.Next},
		{"nonsense", partition, "", []byte("nonsense")}, {"empty", partition, "", []byte{}},
	} {
		_, err := store.Search(t.Context(), test.p, parse(t, trail, test.query), storage.PageRequest{Limit: 2, After: test.after})
		if !errors.Is(err, fhir.Invalid) {
			t.Errorf("a cursor of %s: %v", test.name, err)
		}
	}
}
