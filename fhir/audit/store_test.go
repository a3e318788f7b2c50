package audit_test

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// house is an engine on a store of its own that keeps a record. Its clock stands still until it is moved.
type house struct {
	*engine.Engine
	trail *audit.Trail
	store storage.Store // without AuditEvents
	now   *time.Time
}

func open(t testing.TB, change ...func(*audit.Config)) house {
	t.Helper()
	types := []string{"AuditEvent", "Observation", "Patient", "Provenance"}
	rules, err := search.NewRules(search.Config{Types: types, BaseURL: "https://example.org/fhir"})
	must(t, err)
	now := start
	clock := func() time.Time { return now }
	h := house{now: &now, store: anystore.Open(t, rules, clock)}
	c := audit.Config{Store: h.store, Rules: rules, Mode: audit.All, Keep: audit.DefaultKeep, Now: clock, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	h.trail = audit.NewTrail(c)
	h.Engine, err = engine.New(t.Context(), engine.Config{
		Store: h.trail.Over(h.store), Rules: rules, Validator: validate.New(), Types: types, ReadOnly: []string{"AuditEvent"}, Now: clock, NewID: fhir.NewID,
		SearchBudget: engine.DefaultSearchBudget, MaxIncludes: engine.DefaultMaxIncludes, Audit: h.trail,
	})
	must(t, err)
	return h
}

// someone is a client of a partition.
func someone(p fhir.Partition) fhir.Principal {
	return fhir.Principal{Partition: p, Scopes: fhir.Unlimited(), Client: "test_abc", Request: "request-1", Address: "192.0.2.7"}
}

// found tells what a search finds, in order: of an AuditEvent its subtype and outcome, of what came with it its key in brackets.
func (h house) found(t testing.TB, p fhir.Partition, typ, query string) string {
	t.Helper()
	page, err := h.Search(t.Context(), someone(p), engine.SearchRequest{Type: typ, Query: query, Strict: true})
	if err != nil {
		t.Fatalf("%s?%s: %v", typ, query, err)
	}
	var told []string
	for i, v := range slices.Concat(page.Versions, page.Included) {
		name := v.Key.String()
		if v.Key.Type == "AuditEvent" {
			r, err := fhir.ParseResource(v.Body)
			must(t, err)
			for _, subtype := range r.Root().Objects("subtype") {
				name = subtype.Text("code") + " " + r.Root().Text("outcome")
			}
		}
		if i >= len(page.Versions) {
			name = "(" + name + ")"
		}
		told = append(told, name)
	}
	return strings.Join(told, ", ")
}

// TestRecordThroughTheEngine: what is read, searched and refused is found among the AuditEvents at once, in its own partition alone.
func TestRecordThroughTheEngine(t *testing.T) {
	h := open(t)
	const here, there = fhir.Partition("demo/test"), fhir.Partition("demo/live")
	for _, p := range []fhir.Partition{here, there} {
		for _, body := range []string{`{"resourceType":"Patient","id":"p1"}`, `{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"a"},"subject":{"reference":"Patient/p1"}}`} {
			r, err := fhir.ParseResource([]byte(body))
			must(t, err)
			who := someone(p)
			who.Client = "setup"
			_, err = h.Write(t.Context(), who, engine.Change{Action: engine.ActUpdate, Key: r.Key(), Resource: r})
			must(t, err)
		}
	}
	*h.now = h.now.Add(time.Minute)
	const since = "&date=ge2026-03-01T12:01Z"

	_, err := h.Read(t.Context(), someone(here), fhir.Key{Type: "Observation", ID: "o1"})
	must(t, err)
	_, err = h.Read(t.Context(), someone(here), fhir.Key{Type: "Observation", ID: "none"})
	if !errors.Is(err, fhir.NotFound) {
		t.Fatal(err)
	}
	if got := h.found(t, here, "Observation", "subject=Patient/p1"); got != "Observation/o1" {
		t.Fatalf("the search finds %s", got)
	}
	*h.now = h.now.Add(settled)
	for _, test := range []struct {
		typ, query string
		want       string
	}{
		{"AuditEvent", "_sort=date" + since, "read 0, read 4, search-type 0"},
		{"AuditEvent", "patient=Patient/p1&type=rest" + since + "&subtype=read,search-type", "search-type 0, search-type 0, read 0"}, // the one before, and its own page names no patient yet
		{"AuditEvent", "entity=Observation/o1&subtype=read" + since, "read 0"},
		{"AuditEvent", "entity=Observation/none&_count=1" + since, "read 4"},
		{"AuditEvent", "outcome=4&_include=AuditEvent:entity" + since, "read 4"},
		{"AuditEvent", "subtype=read&outcome=0&_include=AuditEvent:entity:Observation" + since, "read 0, (Observation/o1)"},
		{"AuditEvent", "subtype=read&outcome=0&_include=AuditEvent:patient&_elements=subtype,outcome" + since, "read 0, (Patient/p1)"},
	} {
		if got := h.found(t, here, test.typ, test.query); got != test.want {
			t.Errorf("%s?%s finds\n%s, want\n%s", test.typ, test.query, got, test.want)
		}
	}
	if got := h.found(t, there, "AuditEvent", "subtype=read"); got != "" {
		t.Errorf("in another partition is found: %s", got)
	}
	if got := h.found(t, here, "Patient", "_id=p1&_revinclude=AuditEvent:patient"); !strings.HasPrefix(got, "Patient/p1, (") || !strings.Contains(got, "(read 0)") {
		t.Errorf("_revinclude finds %s", got)
	}
	if _, err := h.Search(t.Context(), someone(here), engine.SearchRequest{Query: "_type=AuditEvent,Patient", Strict: true}); !errors.Is(err, fhir.Invalid) {
		t.Errorf("a search for AuditEvents and others: %v", err)
	}
	page, err := h.Search(t.Context(), someone(here), engine.SearchRequest{Type: "AuditEvent", Compartment: fhir.Key{Type: "Patient", ID: "p1"}, Query: "subtype=read", Strict: true})
	must(t, err)
	if len(page.Versions) != 1 {
		t.Errorf("in the compartment of the patient %d reads are found, want 1", len(page.Versions))
	}
	v, err := h.Read(t.Context(), someone(here), page.Versions[0].Key)
	must(t, err)
	if diff := cmp.Diff(page.Versions[0], v); diff != "" {
		t.Errorf("read (-found +got):\n%s", diff)
	}
	if _, err := h.Read(t.Context(), someone(there), v.Key); !errors.Is(err, fhir.NotFound) {
		t.Errorf("an AuditEvent of another partition: %v", err)
	}
	if _, err := h.Write(t.Context(), someone(here), engine.Change{Action: engine.ActDelete, Key: v.Key}); !errors.Is(err, fhir.MethodNotAllowed) {
		t.Errorf("an AuditEvent is deleted: %v", err)
	}
}

// TestPatientsByAbsoluteReferences: a patient is on record whichever way the reference is written by which a search finds the resource.
func TestPatientsByAbsoluteReferences(t *testing.T) {
	h := open(t)
	who := someone("demo/test")
	for _, reference := range []string{"Patient/p1", base + "/Patient/p2", base + "/Patient/p3/_history/1"} {
		id := strings.Split(strings.TrimPrefix(reference, base+"/"), "/")[1]
		r, err := fhir.ParseResource([]byte(`{"resourceType":"Observation","id":"o` + id + `","status":"final","code":{"text":"a"},"subject":{"reference":"` + reference + `"}}`))
		must(t, err)
		_, err = h.Write(t.Context(), who, engine.Change{Action: engine.ActUpdate, Key: r.Key(), Resource: r})
		must(t, err)
		_, err = h.Read(t.Context(), who, r.Key())
		must(t, err)
		if got := h.found(t, who.Partition, "Observation", "subject=Patient/"+id); got != r.Key().String() {
			t.Fatalf("%s: the search finds %q", reference, got)
		}
		*h.now = h.now.Add(time.Minute)
		for _, done := range []string{"update", "read", "search-type"} {
			if got := h.found(t, who.Partition, "AuditEvent", "patient=Patient/"+id+"&_count=1&subtype="+done); got != done+" 0" {
				t.Errorf("%s: of what concerns the patient is found %q, want the %s", reference, got, done)
			}
		}
	}
}

// TestHistoryOfAuditEvents: there is none, and who asks for it is told so; histories of all types are without it.
func TestHistoryOfAuditEvents(t *testing.T) {
	h := open(t)
	who := someone("demo/test")
	for _, request := range []engine.HistoryRequest{
		{Count: 5, Types: []string{"Patient", "AuditEvent"}}, {Count: 5, Key: fhir.Key{Type: "AuditEvent"}}, {Count: 5, Key: fhir.Key{Type: "AuditEvent", ID: "1"}},
	} {
		if _, err := h.History(t.Context(), who, request); !errors.Is(err, fhir.Invalid) || fhir.AsError(err).Issues[0].Code != fhir.CodeNotSupported {
			t.Errorf("%+v: %v", request, err)
		}
	}
	if _, err := h.History(t.Context(), who, engine.HistoryRequest{Count: 5}); err != nil {
		t.Error(err)
	}
}

// TestRestart: another process finds what was written, and what is too old vanishes from the store.
func TestRestart(t *testing.T) {
	h := open(t, func(c *audit.Config) { c.Keep = time.Hour })
	must(t, h.trail.Record(read("c", "1")))
	must(t, h.trail.Flush(t.Context()))
	next := audit.NewTrail(h.trail.Config)
	must(t, next.Record(read("c", "2")))
	must(t, next.Flush(t.Context()))
	found := func() int {
		page, err := next.Over(h.store).Search(t.Context(), partition, parse(t, next, ""), storage.PageRequest{Limit: 10})
		must(t, err)
		return len(page.Versions)
	}
	records := func() int {
		all, err := h.store.Records().Scan(t.Context(), audit.BlockPrefix(partition), "", 10)
		must(t, err)
		return len(all)
	}
	if found() != 2 || records() != 2 {
		t.Errorf("%d AuditEvents in %d blocks are found, want 2 in 2", found(), records())
	}
	*h.now = h.now.Add(time.Hour + time.Second)
	if found() != 0 || records() != 0 {
		t.Errorf("after the time for which they are kept, %d AuditEvents in %d blocks are found", found(), records())
	}
}

// million fills a store with a million reads of 20 000 patients, ten a second.
func million(b *testing.B, h house) {
	const events, patients = 1_000_000, 20_000
	r := rand.New(rand.NewPCG(1, 2))
	ids := make([]string, patients)
	for i := range ids {
		ids[i] = fhir.NewID(start)
	}
	ids[0] = "rare"
	for i := range events {
		e := read("test_3kTMd0c7XQpZ4RrX2aLbQ1", ids[1+r.IntN(patients-1)])
		if i%50_000 == 7 {
			e = read("test_3kTMd0c7XQpZ4RrX2aLbQ1", ids[0])
		}
		e.Who.Request = fhir.NewID(start)
		*h.now = h.now.Add(100 * time.Millisecond)
		must(b, h.trail.Record(e))
		if i%300 == 299 {
			must(b, h.trail.Flush(b.Context()))
		}
	}
	must(b, h.trail.Flush(b.Context()))
}

// BenchmarkSearchMillion searches among a million events.
func BenchmarkSearchMillion(b *testing.B) {
	h := open(b)
	million(b, h)
	last := fhir.InstantOf(*h.now).String()
	dayAgo := fhir.InstantOf(h.now.Add(-24 * time.Hour)).String()
	for _, test := range []struct {
		name, query string
		count       int
	}{
		{"patient", "patient=Patient/rare", 0},
		{"patient-day", "patient=Patient/rare&date=ge" + dayAgo, 0},
		{"patient-oldest", "patient=Patient/rare&_sort=date", 0},
		{"refused", "outcome=4", 0},
		{"newest", "", 0},
		{"newest-counted", "", 1000},
		{"last-second", "date=ge" + last[:19] + "Z", 1000},
		{"count-all", "outcome=0", -1},
	} {
		b.Run(test.name, func(b *testing.B) {
			q := parse(b, h.trail, test.query)
			found := 0
			for b.Loop() {
				page, err := h.trail.Over(h.store).Search(b.Context(), partition, q, storage.PageRequest{Limit: 50, CountUpTo: test.count, Budget: engine.DefaultSearchBudget})
				must(b, err)
				found = len(page.Versions)
			}
			b.ReportMetric(float64(found), "found")
		})
	}
}

// BenchmarkInVain compares what a search looks at in vain: blocks that have nothing of what it asks for, of 300 events each, and AuditEvents that are made of events.
func BenchmarkInVain(b *testing.B) {
	h := open(b)
	const events, blocks = 60_000, 200
	for i := range events {
		*h.now = h.now.Add(100 * time.Millisecond)
		e := read("test_3kTMd0c7XQpZ4RrX2aLbQ1", fhir.NewID(*h.now))
		e.Who.Request = fhir.NewID(*h.now)
		must(b, h.trail.Record(e))
		if i%300 == 299 {
			must(b, h.trail.Flush(b.Context()))
		}
	}
	for _, test := range []struct {
		name, query string
		looks       int
	}{{"block", "patient=Patient/none", blocks}, {"event", "address=203&date=le2026-03-01T12:30Z", 18_000}} {
		b.Run(test.name, func(b *testing.B) {
			q := parse(b, h.trail, test.query)
			for b.Loop() {
				_, err := h.trail.Over(h.store).Search(b.Context(), partition, q, storage.PageRequest{Limit: 50})
				must(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*test.looks), "µs/look")
		})
	}
}

// BenchmarkReadMillion reads one of a million events by its id.
func BenchmarkReadMillion(b *testing.B) {
	h := open(b)
	million(b, h)
	store := h.trail.Over(h.store)
	page, err := store.Search(b.Context(), partition, parse(b, h.trail, "patient=Patient/rare"), storage.PageRequest{Limit: 1})
	must(b, err)
	for b.Loop() {
		_, err := store.Read(b.Context(), partition, page.Versions[0].Key)
		must(b, err)
	}
}
