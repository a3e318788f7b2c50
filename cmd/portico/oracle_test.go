package main

import (
	"encoding/json"
	"fmt"
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
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// oracle asks a running server what it draws by lot, and knows the answer from the resources themselves, by search.MatchIn and
// search.Compare.
type oracle struct {
	*rand.Rand
	server *running
	rules  *search.Rules
	now    time.Time
	world  world
	values map[string][]string // by "Type.param": texts that a search of it may ask for
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
	server := startLogging(t, t.TempDir(), nil, io.Discard, func(a *App) { a.engine.Now = func() time.Time { return now } })
	if err := server.fillAll(t.Context(), demo.Generate(demo.Options{Patients: 15, Seed: 3, At: now})); err != nil {
		t.Fatal(err)
	}
	o := &oracle{Rand: rand.New(rand.NewPCG(7, 0)), server: server, rules: server.engine.Rules, now: now}
	o.look(t)
	stored := slices.Sorted(maps.Keys(o.world))
	found, refused := 0, 0
	rounds := soak(4_000, 100_000)
	for range rounds {
		typ := one(o, stored)
		query := o.query(typ)
		n, ok := o.compare(t, typ, query)
		if !ok {
			refused++
		}
		found += min(n, 1)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d searches found something, %d were refused", found, refused)
	if found < rounds/4 || refused > rounds/5 {
		t.Errorf("of %d searches only %d found something, and %d were refused: that proves little", rounds, found, refused)
	}
}

// look takes stock of what is stored.
func (o *oracle) look(t *testing.T) {
	t.Helper()
	o.world, o.values = make(world), make(map[string][]string)
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

// learn notes what a search could ask for to find a resource.
func (o *oracle) learn(typ string, x search.Indexed) {
	note := func(param, value string) {
		key := typ + "." + search.Owner(param)
		o.values[key] = append(o.values[key], value)
	}
	note(search.ID, x.ID)
	note(search.LastUpdated, x.Instant.String())
	for _, e := range x.Entries.Terms {
		note(e.Param, strings.NewReplacer(",", `\,`, "$", `\$`).Replace(e.Value))
	}
	for _, e := range x.Entries.Texts {
		note(e.Param, asValue(e.Folded))
		note(e.Param, asValue(e.Exact))
	}
	for _, e := range x.Entries.Ranges {
		for _, end := range []fhir.Instant{e.Low, e.High} {
			if end != fhir.Beginning && end != fhir.End {
				note(e.Param, end.String())
			}
		}
	}
	for _, e := range x.Entries.Places {
		note(e.Param, fmt.Sprintf("%.3f|%.3f|%d|km", e.Latitude, e.Longitude, 1+o.IntN(40)))
	}
}

// asValue writes a text as the value of a parameter.
func asValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, "$", `\$`, "|", `\|`).Replace(s)
}

func one[T any](o *oracle, all []T) T { return all[o.IntN(len(all))] }

// query draws the parameters of a search.
func (o *oracle) query(typ string) url.Values {
	q := make(url.Values)
	for range one(o, []int{0, 1, 1, 1, 1, 1, 1, 1, 2, 3}) {
		name, value := o.criterion(typ, 2)
		q.Add(name, value)
	}
	if o.IntN(8) == 0 {
		q.Set("_filter", o.filter(typ, 2))
	}
	if o.IntN(2) == 0 {
		q.Set("_sort", o.order(typ))
	}
	q.Set("_count", fmt.Sprint(one(o, []int{1, 3, 7, 50, 1000})))
	if o.IntN(3) == 0 {
		q.Set("_total", one(o, []string{"none", "estimate", "accurate"}))
	}
	return q
}

// criterion draws a parameter that selects.
func (o *oracle) criterion(typ string, depth int) (name, value string) {
	params := o.rules.Params(typ)
	p := one(o, params)
	switch {
	case p.Type == "reference" && depth > 0 && o.IntN(2) == 0:
		if target := o.target(p); target != "" {
			inner, value := o.criterion(target, depth-1)
			if !strings.HasPrefix(inner, "_has") {
				return p.Name + ":" + target + "." + inner, value
			}
		}
	case depth > 0 && o.IntN(8) == 0:
		from := one(o, o.server.Config.Resources)
		if link, ok := o.link(from, typ); ok {
			inner, value := o.criterion(from, depth-1)
			return "_has:" + from + ":" + link + ":" + inner, value
		}
	}
	name = p.Name
	if o.IntN(4) == 0 {
		modifier := one(o, p.Modifiers)
		switch modifier {
		case "missing":
			return name + ":missing", one(o, []string{"true", "false"})
		case "type":
			if modifier = o.target(p); modifier == "" {
				return name, o.value(typ, p)
			}
		case "in", "not-in":
			return name + ":" + modifier, "http://hl7.org/fhir/ValueSet/" + one(o, []string{"administrative-gender", "appointmentstatus", "task-status"})
		}
		name += ":" + modifier
	}
	values := []string{o.value(typ, p)}
	for o.IntN(4) == 0 {
		values = append(values, o.value(typ, p))
	}
	return name, strings.Join(values, ",")
}

// target is a served type that a parameter may point at, or "".
func (o *oracle) target(p search.Param) string {
	served := slices.DeleteFunc(slices.Clone(o.server.Config.Resources), func(typ string) bool { return p.Targets != nil && !slices.Contains(p.Targets, typ) })
	if len(served) == 0 {
		return ""
	}
	return one(o, served)
}

// link is a parameter of a type that may point at another one.
func (o *oracle) link(from, to string) (string, bool) {
	var links []string
	for _, p := range o.rules.Params(from) {
		if p.Type == "reference" && (p.Targets == nil || slices.Contains(p.Targets, to)) {
			links = append(links, p.Name)
		}
	}
	if links == nil {
		return "", false
	}
	return one(o, links), true
}

// value draws a value, mostly one that something has, or one near it.
func (o *oracle) value(typ string, p search.Param) string {
	known := o.values[typ+"."+p.Name]
	switch {
	case p.Type == "number":
		return one(o, prefixes) + fmt.Sprint(o.IntN(200))
	case p.Type == "quantity":
		return one(o, prefixes) + fmt.Sprint(o.IntN(200)) + one(o, []string{"", "||mmHg", "|http://unitsofmeasure.org|mm[Hg]", "|http://unitsofmeasure.org|min", "||kg"})
	case p.Type == "composite":
		return "http://loinc.org|8480-6$" + one(o, []string{"gt100", "lt130", "120", "http://example.org|x"})
	case p.Type == "special":
		return one(o, append(known, "51.5|-0.1|10|km"))
	case len(known) == 0 && p.Type == "date":
		return one(o, prefixes) + "2026-06-01"
	case len(known) == 0:
		return "x"
	}
	v := one(o, known)
	switch p.Type {
	case "date":
		return o.date(v)
	case "string":
		letters := []rune(v)
		return string(letters[:min(len(letters), 1+o.IntN(6))])
	case "reference":
		if _, id, ok := strings.Cut(v, "/"); ok && o.IntN(3) == 0 && fhir.ValidID(id) {
			return id
		}
	}
	return v
}

var prefixes = []string{"", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}

// date writes an instant with less precision, behind a prefix.
func (o *oracle) date(instant string) string {
	text, _, _ := strings.Cut(instant, ".")
	text = strings.TrimSuffix(text, "Z")
	for _, length := range []int{4, 7, 10, 16, 19} {
		if len(text) >= length && o.IntN(4) == 0 {
			text = text[:length]
			break
		}
	}
	if len(text) > len("2026-01-01") {
		text += "Z"
	}
	return one(o, prefixes) + text
}

// filter draws an expression of _filter.
func (o *oracle) filter(typ string, depth int) string {
	switch {
	case depth > 0 && o.IntN(3) == 0:
		return "(" + o.filter(typ, depth-1) + ") " + one(o, []string{"and", "or"}) + " (" + o.filter(typ, depth-1) + ")"
	case depth > 0 && o.IntN(4) == 0:
		return "not (" + o.filter(typ, depth-1) + ")"
	}
	p := one(o, o.rules.Params(typ))
	for p.Type == "composite" || p.Type == "special" {
		p = one(o, o.rules.Params(typ))
	}
	v := strings.TrimLeft(o.value(typ, p), "abcdefghijklmnopqrstuvwxyz")
	switch p.Type {
	case "string":
		return p.Name + " " + one(o, []string{"eq", "ne", "co", "sw", "ew"}) + " " + fmt.Sprintf("%q", o.value(typ, p))
	case "date":
		return p.Name + " " + one(o, prefixes[2:]) + " " + v
	case "number", "quantity":
		number, _, _ := strings.Cut(v, "|")
		return p.Name + " " + one(o, prefixes[2:]) + " " + number
	case "token":
		return p.Name + " " + one(o, []string{"eq", "ne"}) + " " + fmt.Sprintf("%q", o.value(typ, p))
	default:
		return p.Name + " pr " + one(o, []string{"true", "false"})
	}
}

// order draws a _sort.
func (o *oracle) order(typ string) string {
	var keys []string
	for range one(o, []int{1, 1, 2, 3}) {
		name := one(o, o.rules.Params(typ)).Name
		if o.IntN(2) == 0 {
			name = one(o, o.rules.SortKeys(typ))
		}
		if !slices.Contains(keys, name) && !slices.Contains(keys, "-"+name) {
			keys = append(keys, one(o, []string{"", "-"})+name)
		}
	}
	return strings.Join(keys, ",")
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
	path := "/" + typ + "?" + query.Encode()
	for read := 0; ; {
		status, page := o.ask(t, path)
		if status != http.StatusOK {
			t.Errorf("%s?%s: %d %+v", typ, text, status, page)
			return len(want), true
		}
		if page.Total != nil && *page.Total != len(want) || page.Total == nil && request.Total == search.TotalAccurate {
			t.Errorf("%s?%s: total %v, want %d", typ, text, page.Total, len(want))
		}
		for _, e := range page.Entry {
			if read < len(want) && e.Resource.ID == want[read].ID {
				read++
				continue
			}
			t.Errorf("%s?%s: %s comes as number %d of %d, want %v", typ, text, e.Resource.ID, read, len(want), want[min(read, len(want)):min(read+1, len(want))])
			return len(want), true
		}
		next := page.next()
		if next == "" {
			if read < len(want) {
				t.Errorf("%s?%s: ends behind %d of %d; %s is missing", typ, text, read, len(want), want[read].ID)
			}
			return len(want), true
		}
		path = strings.TrimPrefix(next, "http://portico.example.org"+conformance.FHIRPath)
		if read > 200 && request.Count < 7 { // the rest is more of the same
			return len(want), true
		}
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
	r.Host = "localhost"
	r.Header.Set("Prefer", "handling=strict")
	answer := httptest.NewRecorder()
	o.server.server.Handler.ServeHTTP(answer, r)
	if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	return answer.Code, page
}
