package main

import (
	"encoding/json"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// oracle asks a running server what it draws by lot, and knows the answer from the resources themselves, by search.MatchIn and
// search.Compare.
type oracle struct {
	*rand.Rand
	server *running
	rules  *search.Rules
	now    time.Time
	world  world
	values map[string][]string // by "Type.index": texts that a search of it may ask for
	links  []reference         // that lead from one type to another in what is stored
	kinds  []string            // what the search is made of that was drawn last
	hits   map[string]int      // searches that found something, by what they were made of

	found, refused int
}

// reference is that some resource of a type refers to one of another type by a parameter.
type reference struct{ from, param, to string }

// curiosities have what the demo data has not.
var curiosities = []string{
	`{"resourceType":"Observation","id":"o1","meta":{"profile":["http://example.org/profiles/vital/pulse"],"source":"urn:oid:1.2.3"},"status":"final",
		"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/pat-000001"},"valueQuantity":{"value":72.0,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`,
	`{"resourceType":"Observation","id":"o2","meta":{"profile":["http://example.org/profiles/vital|2"],"source":"http://example.org/feed#1"},"status":"final",
		"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/pat-000002","identifier":{"system":"http://example.org/ids","value":"42"}},"component":[
		{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
		{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`,
	`{"resourceType":"Observation","id":"o3","status":"preliminary","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}],"text":"Pulse"},
		"subject":{"identifier":{"system":"http://example.org/ids","value":"43"}},"valueQuantity":{"value":60,"comparator":"<","unit":"/min"}}`,
	`{"resourceType":"Observation","id":"o4","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"#p"},
		"contained":[{"resourceType":"Patient","id":"p","name":[{"family":"Ångström"}],"gender":"other"}],"valueQuantity":{"value":7.2e1,"unit":"/min"}}`,
	`{"resourceType":"Observation","id":"o5","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"883-9"}]},
		"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"112144000"}],"text":"Blood group A"}}`,
	`{"resourceType":"Patient","id":"typed","identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"http://example.org/mr","value":"12345"}]}`,
	`{"resourceType":"Subscription","id":"s1","status":"off","reason":"r","criteria":"Patient?active=true","channel":{"type":"rest-hook","endpoint":"https://example.org/hooks/a/b"}}`,
	`{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/pat-000001"},"length":{"value":25,"unit":"min","system":"http://unitsofmeasure.org","code":"min"}}`,
}

// world is what the server holds, by type.
type world map[string][]search.Indexed

func (w world) Of(resourceType string) iter.Seq[search.Indexed] {
	return slices.Values(w[resourceType])
}

// TestSearchByChance sends searches of every kind that is promised through the whole server, and holds members, order and total on all
// pages against the oracle. Many of them find something: their values are drawn from what is stored.
func TestSearchByChance(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	server := startLogging(t, t.TempDir(), func(c *Config) {
		c.Audit = audit.Off // what is asked here would be found there
	}, io.Discard, func(a *App) { a.engine.Now = func() time.Time { return now } })
	if err := server.fillAll(t.Context(), demo.Generate(demo.Options{Patients: 15, Seed: 3, At: now})); err != nil {
		t.Fatal(err)
	}
	for _, text := range curiosities {
		r, err := fhir.ParseResource([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if status := server.send(t, http.MethodPut, conformance.FHIRPath+"/"+r.Key().String(), text); status != http.StatusCreated {
			t.Fatalf("%s: %d", r.Key(), status)
		}
	}
	o := &oracle{server: server, rules: server.engine.Rules, now: now}
	rounds := soak(4_000, 50_000)
	if anystore.IsMongo() {
		rounds = soak(1_000, 10_000)
	}
	o.play(t, 8, rounds)
	if o.found < rounds/4 || o.refused > rounds/10 {
		t.Errorf("of %d searches only %d found something, and %d were refused: that proves little", rounds, o.found, o.refused)
	}
	for _, kind := range []string{
		"date", "string", "token", "reference", "uri", "quantity", "composite", "special", ":missing", ":exact", ":contains", ":text", ":not", ":in", ":not-in", ":of-type",
		":identifier", ":type", ":above", ":below", "chain", "_has", "_filter", "_sort",
	} {
		if o.hits[kind] < 2 && rounds >= 4_000 {
			t.Errorf("only %d searches with %s found something", o.hits[kind], kind)
		}
	}
	o.play(t, uint64(time.Now().UnixNano()), rounds) // others each time
}

// play draws searches, as a seed has them, and compares their answers.
func (o *oracle) play(t *testing.T, seed uint64, rounds int) {
	t.Helper()
	o.Rand, o.hits, o.found, o.refused = rand.New(rand.NewPCG(seed, 0)), make(map[string]int), 0, 0
	o.look(t)
	stored := slices.Sorted(maps.Keys(o.world))
	for range rounds {
		typ := one(o, stored)
		query := o.query(typ)
		n, ok := o.compare(t, typ, query)
		if !ok {
			o.refused++
		}
		if n > 0 {
			o.found++
			for _, kind := range o.kinds {
				o.hits[kind]++
			}
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("seed %d: of %d searches %d found something, %d were refused; %v", seed, rounds, o.found, o.refused, o.hits)
}

// look takes stock of what is stored.
func (o *oracle) look(t *testing.T) {
	t.Helper()
	o.world, o.values, o.links = make(world), make(map[string][]string), nil
	for _, typ := range o.server.Config.Resources {
		page, err := o.server.store.Search(t.Context(), demoPartition, search.Query{Type: typ}, storage.PageRequest{Limit: 100_000})
		if err != nil || page.Next != nil {
			t.Fatal(err, page.Next)
		}
		for _, v := range page.Versions {
			r, err := fhir.ParseResource(v.Body)
			if err != nil {
				t.Fatal(err)
			}
			x := search.Indexed{ID: v.Key.ID, Instant: v.Instant, Entries: o.rules.Extract(r)}
			o.world[typ] = append(o.world[typ], x)
			o.learn(typ, x)
		}
	}
}

// compare asks, and says how many resources there must be, or that the search is one to be refused.
func (o *oracle) compare(t *testing.T, typ string, query url.Values) (matches int, ok bool) {
	t.Helper()
	pairs, err := search.SplitQuery(query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	request, err := o.rules.Parse(typ, pairs, search.Options{Strict: true, Now: fhir.InstantOf(o.now)})
	text, _ := url.QueryUnescape(query.Encode())
	if err != nil {
		if status, bundle := o.ask(t, "/"+typ+"?"+query.Encode()); status != http.StatusBadRequest && status != http.StatusForbidden {
			t.Errorf("%s?%s: %d %v, want it refused: %v", typ, text, status, bundle, err)
		}
		return 0, false
	}
	var want []search.Indexed
	for x := range o.world.Of(typ) {
		if search.MatchIn(o.world, request.Query, x) {
			want = append(want, x)
		}
	}
	search.Sort(request.Query, want)
	o.walk(t, "/"+typ+"?"+query.Encode(), typ+"?"+text, request, want)
	return len(want), true
}

// walk goes through the pages of a search, and holds them against what they have to be.
func (o *oracle) walk(t *testing.T, path, said string, request search.Request, want []search.Indexed) {
	t.Helper()
	const patience = 200 // rows behind which small pages are more of the same
	for read := 0; ; {
		status, page := o.ask(t, path)
		if status != http.StatusOK {
			t.Errorf("%s: %d %+v", said, status, page)
			return
		}
		if page.Total != nil && *page.Total != len(want) || page.Total == nil && request.Total == search.TotalAccurate {
			t.Errorf("%s: total %v, want %d", said, page.Total, len(want))
		}
		for _, e := range page.Entry {
			if read == len(want) || e.Resource.ID != want[read].ID {
				t.Errorf("%s: %s comes as number %d of %d, want %v", said, e.Resource.ID, read, len(want), want[read:min(read+1, len(want))])
				return
			}
			read++
		}
		next := page.next()
		if next == "" && read < len(want) {
			t.Errorf("%s: ends behind %d of %d; %s is missing", said, read, len(want), want[read].ID)
		}
		if next == "" || read > patience && request.Count < 7 {
			return
		}
		path = strings.TrimPrefix(next, "http://portico.example.org"+conformance.FHIRPath)
	}
}

// searchset is what is read of a page.
type searchset struct {
	Total *int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		Resource struct{ ID string }
		Search   struct{ Mode string }
	}
	Issue []struct{ Diagnostics string }
}

// next is the link of the page behind, or "".
func (s searchset) next() string {
	for _, l := range s.Link {
		if l.Relation == "next" {
			return l.URL
		}
	}
	return ""
}

// ask asks the server strictly, without a connection between.
func (o *oracle) ask(t *testing.T, path string) (status int, page searchset) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, conformance.FHIRPath+path, nil)
	r.Header.Set("Authorization", o.server.key)
	r.Host = "localhost"
	r.Header.Set("Prefer", "handling=strict")
	answer := httptest.NewRecorder()
	o.server.server.Handler.ServeHTTP(answer, r)
	if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	return answer.Code, page
}
