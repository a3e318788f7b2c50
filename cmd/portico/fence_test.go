package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/storage/storagetest"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// The fence between partitions. Four parties share a server: the test and the live partition of two sites. Whatever each has is full of canaries, words that
// nobody can guess and that tell whose they are (9 is nobody): names, narratives, identifiers and ids. One party asks for anything that it can think of; no answer may have a
// canary of another's, but for one that the request itself named, or that the party once wrote into what is its own.

// canary finds the canaries in a text, and says whose they are.
var canary = regexp.MustCompile(`(?i)kanarie([0-9])([0-9a-f]{16})`)

// party is one partition, and a client that works on it.
type party struct {
	number int
	site   string
	mode   access.Mode
	key    string
	fenced *fenced

	ids      map[string][]string // of its resources, by type
	words    map[string][]string // of its resources, by type; those of narratives are told to nobody
	followed []string            // paths with cursors that it was given
	past     string              // its whole history, as it was before the others asked
}

// fenced is a server with parties, of which the first one asks.
type fenced struct {
	url     string
	random  *rand.Rand
	parties []*party
	about   []*party        // whose data are asked for
	wrote   map[string]bool // canaries of others that the asking party wrote into resources of its own
	named   map[string]bool // and those that it ever named

	transacts bool // the store has transactions
}

// word makes a canary of a party.
func (p *party) word() string {
	return fmt.Sprintf("Kanarie%d%016x", p.number, p.fenced.random.Uint64())
}

// asked is a request, and asking it again with other canaries in the place of those of others must come to the same.
type asked struct {
	method, path, body string
	header             map[string]string
	keeps              bool // it may leave a resource of the party's own that names what others have
	grows              bool // it shows what it may have made itself, so that there is more each time
	record             bool // it is about the record of what the party did, which names all that it asked for
}

// text is all of a request in which a canary can be named.
func (a asked) text() string {
	plain, err := url.QueryUnescape(a.path)
	if err != nil {
		plain = a.path
	}
	return fmt.Sprint(a.method, " ", plain, " ", a.header, " ", a.body)
}

// got is an answer.
type got struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with the party's key.
func (p *party) ask(t testing.TB, a asked) got {
	t.Helper()
	var body io.Reader
	if a.body != "" {
		body = strings.NewReader(a.body)
	}
	r, err := http.NewRequestWithContext(context.Background(), a.method, p.fenced.url+"/fhir"+a.path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", p.key)
	r.Header.Set("Content-Type", "application/fhir+json")
	for name, value := range a.header {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got{answer.StatusCode, answer.Header, string(text)}
}

// must is ask for what has to succeed.
func (p *party) must(t testing.TB, a asked) got {
	t.Helper()
	answer := p.ask(t, a)
	if answer.status >= 300 {
		t.Fatalf("%s of party %d: %d %s", a.text(), p.number, answer.status, answer.body)
	}
	return answer
}

// openFenced starts a server of four parties.
func openFenced(t *testing.T, seed uint64) *fenced {
	t.Helper()
	r := start(t, t.TempDir(), nil)
	f := &fenced{url: r.url, random: rand.New(rand.NewPCG(seed, 0)), wrote: map[string]bool{}, named: map[string]bool{}, transacts: r.store.Transactions()}
	for _, site := range []string{"alder", "birch"} {
		if _, err := r.access.CreateSite(t.Context(), site); err != nil {
			t.Fatal(err)
		}
		if _, err := r.access.ActivateSite(t.Context(), site); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []access.Mode{access.Test, access.Live} {
			_, key, err := r.access.CreateCredential(t.Context(), access.NewCredential{Mode: mode, Sites: []string{site}})
			if err != nil {
				t.Fatal(err)
			}
			p := &party{number: len(f.parties), site: site, mode: mode, key: key, fenced: f, ids: map[string][]string{}, words: map[string][]string{}}
			f.parties = append(f.parties, p)
			p.settle(t)
		}
	}
	f.about = f.parties[1:]
	for _, p := range f.about {
		p.past = p.history(t)
	}
	return f
}

// settle fills the partition, changes and deletes some of it, and collects cursors.
func (p *party) settle(t *testing.T) {
	t.Helper()
	const each = 4
	for _, typ := range slices.Sorted(maps.Keys(templates)) {
		for range each {
			p.ids[typ] = append(p.ids[typ], p.word())
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(templates)) {
		for i, id := range p.ids[typ] {
			for range 1 + i%2 {
				p.must(t, asked{method: "PUT", path: "/" + typ + "/" + id, body: p.resource(typ, id, i, p)})
			}
		}
	}
	gone := p.word()
	p.must(t, asked{method: "PUT", path: "/Patient/" + gone, body: p.resource("Patient", gone, 0, p)})
	p.must(t, asked{method: "DELETE", path: "/Patient/" + gone})
	p.ids["Patient"] = append(p.ids["Patient"], gone)

	long := "name=" + strings.Join(p.words["Patient"], ",") // its cursor does not fit into a URL
	for range 200 {
		var chance [24]byte
		for i := range chance {
			chance[i] = byte(p.fenced.random.Uint32())
		}
		long += "," + base64.RawURLEncoding.EncodeToString(chance[:])
	}
	for _, path := range []string{"/Patient?_count=2", "/Patient?_count=1&_sort=name", "/Patient?_count=1&_sort=birthdate&" + long, "?_count=3", "/Observation/_history?_count=2", "/_history?_count=2",
		"/Patient/" + p.ids["Patient"][0] + "/Observation?_count=1", "/Observation?_count=1&_include=Observation:subject&_revinclude=Encounter:subject"} {
		var page struct {
			Link []struct{ Relation, URL string }
		}
		answer := p.must(t, asked{method: "GET", path: path})
		if err := json.Unmarshal([]byte(answer.body), &page); err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Link {
			if _, next, found := strings.Cut(l.URL, "/fhir"); found && l.Relation == "next" {
				p.followed = append(p.followed, next)
			}
		}
	}
	if len(p.followed) < 6 || !slices.ContainsFunc(p.followed, func(path string) bool { return strings.Contains(path, "=~") }) {
		t.Fatalf("party %d was given %q", p.number, p.followed)
	}
	p.follow(t)
}

// follow goes on with the party's own cursors: it gets more of what it has.
func (p *party) follow(t *testing.T) {
	t.Helper()
	for _, path := range p.followed {
		a := asked{method: "GET", path: path}
		answer := p.must(t, a)
		if !p.shows(answer) {
			t.Errorf("%s of party %d has nothing of its own: %s", path, p.number, answer.body)
		}
	}
}

// shows says whether an answer has something of the party's.
func (p *party) shows(answer got) bool {
	return slices.ContainsFunc(canary.FindAllStringSubmatch(answer.body, -1), func(c []string) bool { return c[1] == strconv.Itoa(p.number) })
}

// history is all that the party has and had, as it sees it.
func (p *party) history(t testing.TB) string {
	t.Helper()
	answer := p.must(t, asked{method: "GET", path: "/_history?_count=1000"})
	if strings.Contains(answer.body, `"relation":"next"`) {
		t.Fatal("the history goes on")
	}
	return answer.body
}

// templates are the resources of a party: their members behind resourceType, id and text. %[1]s is a new canary each time that it is asked for; the rest are
// references to resources of the same place in the list of their type.
var templates = map[string]string{
	"Organization":      `"name":"{word}","identifier":[{"system":"http://example.org/o","value":"{word}"}]`,
	"Practitioner":      `"name":[{"family":"{word}"}],"identifier":[{"value":"{word}"}]`,
	"Location":          `"name":"{word}","managingOrganization":{"reference":"{Organization}"}`,
	"Patient":           `"name":[{"family":"{word}","given":["{word}"]}],"identifier":[{"system":"http://example.org/mrn","value":"{word}"}],"birthDate":"1970-01-31","generalPractitioner":[{"reference":"{Practitioner}","display":"{word}"}],"managingOrganization":{"reference":"{Organization}"}`,
	"RelatedPerson":     `"patient":{"reference":"{Patient}"},"name":[{"family":"{word}"}]`,
	"Encounter":         `"status":"planned","class":{"code":"HH","display":"{word}"},"subject":{"reference":"{Patient}"},"location":[{"location":{"reference":"{Location}"}}]`,
	"Observation":       `"status":"final","code":{"text":"{word}"},"subject":{"reference":"{Patient}"},"encounter":{"reference":"{Encounter}"},"performer":[{"reference":"{Practitioner}"}],"note":[{"text":"{word}"}]`,
	"Appointment":       `"status":"proposed","start":"2099-03-02T09:00:00Z","end":"2099-03-02T09:30:00Z","description":"{word}","participant":[{"actor":{"reference":"{Patient}"},"status":"accepted"},{"actor":{"reference":"{Location}","display":"{word}"},"status":"accepted"}]`,
	"DocumentReference": `"status":"current","subject":{"reference":"{Patient}"},"description":"{word}","content":[{"attachment":{"contentType":"text/plain","title":"{word}"}}]`,
	"Schedule":          `"extension":[` + alwaysOpen + `],"serviceType":[{"text":"{word}"}],"actor":[{"reference":"{Practitioner}","display":"{word}"}],"comment":"{word}"`,
	"Slot":              `"schedule":{"reference":"{Schedule}"},"status":"free","start":"2099-03-02T09:00:00Z","end":"2099-03-02T09:30:00Z","comment":"{word}"`,
	"Task":              `"status":"requested","intent":"order","description":"{word}","for":{"reference":"{Patient}"},"owner":{"reference":"{Practitioner}"},"focus":{"reference":"{Appointment}"}`,
}

var slot = regexp.MustCompile(`{(\w+)}`)

// resource makes one of the party's own, whose references lead to what of has.
func (p *party) resource(typ, id string, i int, of *party) string {
	members := slot.ReplaceAllStringFunc(templates[typ], func(s string) string {
		if s = strings.Trim(s, "{}"); s != "word" {
			return s + "/" + of.ids[s][i%len(of.ids[s])]
		}
		word := p.word()
		p.words[typ] = append(p.words[typ], word)
		return word
	})
	div := fmt.Sprintf(`<div xmlns=\"http://www.w3.org/1999/xhtml\">%s</div>`, p.word())
	named := ""
	if id != "" {
		named = `"id":"` + id + `",`
	}
	return fmt.Sprintf(`{"resourceType":%q,%s"text":{"status":"generated","div":"%s"},%s}`, typ, named, div, members)
}

// twin is the same request about what nobody has.
func (f *fenced) twin(a asked) (_ asked, named bool) {
	names := map[string]string{}
	swap := func(s string) string {
		return canary.ReplaceAllStringFunc(s, func(c string) string {
			if c[7] == '0' || f.wrote[strings.ToLower(c)] {
				return c
			}
			if names[c] == "" {
				names[c] = fmt.Sprintf("Kanarie9%016x", f.random.Uint64())
			}
			return names[c]
		})
	}
	a.path, a.body = swap(a.path), swap(a.body)
	return a, len(names) > 0
}

// mayChangeOwn says whether a request names what the party has made its own, so that asking once more may find it changed.
func (f *fenced) mayChangeOwn(a asked) bool {
	return a.method != "GET" && slices.ContainsFunc(canary.FindAllString(a.text(), -1), func(c string) bool { return f.wrote[strings.ToLower(c)] })
}

// telling is what differs between answers that mean the same: ids that are new, times and how often something was said.
var telling = []*regexp.Regexp{
	canary, regexp.MustCompile(`"(id|lastModified|lastUpdated|location|etag)":"[^"]*"`), regexp.MustCompile(`"fullUrl":"[^"]*"`), regexp.MustCompile(`_cursor=[^"&]*`), regexp.MustCompile(`\b[0-9A-Za-z]{20}\b`),
}

// plain is an answer without that.
func plain(answer got) string {
	text := answer.body
	for _, r := range telling {
		text = r.ReplaceAllString(text, "…")
	}
	return strconv.Itoa(answer.status) + " " + answer.header.Get("ETag") + " " + text
}

// TestNothingCrossesTheFence asks at random, each time something else. PORTICO_TEST_SOAK asks for minutes.
func TestNothingCrossesTheFence(t *testing.T) {
	seed, rounds, until := storagetest.Seed(t), 640, time.Now().Add(time.Hour)
	if os.Getenv("PORTICO_TEST_SOAK") != "" {
		rounds, until = 1_000_000, time.Now().Add(5*time.Minute)
	} else if anystore.IsMongo() {
		rounds = 160
	}
	f := openFenced(t, seed)
	me, kinds, done := f.parties[0], map[string]int{}, 0
	for ; done < rounds && time.Now().Before(until); done++ {
		kind, a := f.request(done)
		other, named := f.twin(a)
		answer := me.ask(t, a)
		f.check(t, a, answer)
		kinds[fmt.Sprint(kind, " ", answer.status)]++
		if !named || a.keeps || a.grows || a.record || f.mayChangeOwn(a) {
			continue
		}
		if same := me.ask(t, other); plain(same) != plain(answer) {
			t.Fatalf("%s\nis answered otherwise than\n%s\nthough nobody has that:\n%s\n%s", a.text(), other.text(), plain(answer), plain(same))
		}
	}
	t.Logf("%d requests: %v", done, kinds)
	f.settled(t, kinds)
	f.controls(t)
}

// controls asks for what the party has in all the ways in which it asked for what others have, and is answered: so what was refused was refused for whose it is.
func (f *fenced) controls(t *testing.T) {
	t.Helper()
	me := f.parties[0]
	f.about = []*party{me}
	const tries = 100
	for _, kind := range slices.Sorted(maps.Keys(generators)) {
		answers, well := map[int]int{}, false
		for n := 0; n < tries && !well; n++ {
			a := generators[kind](f)
			answer := me.ask(t, a)
			f.check(t, a, answer)
			answers[answer.status]++
			well = answer.status < 300 && (a.method != http.MethodGet || me.shows(answer))
		}
		if refused := kind == "transaction" && !f.transacts; !well && !refused {
			t.Errorf("of what is the party's own, %q gives nothing: %v", kind, answers)
		}
	}
}

// settled looks at what is there in the end: the others have what they had, and nothing of who asked.
func (f *fenced) settled(t *testing.T, kinds map[string]int) {
	t.Helper()
	for _, p := range f.parties[1:] {
		p.follow(t)
		if now := p.history(t); now != p.past {
			t.Errorf("what party %d has was changed:\n%s\n%s", p.number, p.past, now)
		}
		for _, path := range []string{"?_count=1000", "/_history?_count=1000", "/AuditEvent?_count=1000"} {
			body := p.must(t, asked{method: "GET", path: path}).body
			for _, c := range canary.FindAllStringSubmatch(body+queriesIn(t, body), -1) {
				if c[1] != strconv.Itoa(p.number) {
					t.Errorf("party %d finds at %s what party %s has: %s", p.number, path, c[1], c[0])
				}
			}
		}
	}
	for name := range generators {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(kinds)), func(kind string) bool { return strings.HasPrefix(kind, name+" ") }) {
			t.Errorf("%q was never asked", name)
		}
	}
	f.count(t)
}

// count compares what is counted with what is there: a count tells of others, too.
func (f *fenced) count(t *testing.T) {
	t.Helper()
	for typ := range templates {
		var totals [2]int
		for i, query := range []string{"_summary=count", "_count=1000&_total=accurate"} {
			var page struct {
				Total int
				Entry []any
			}
			if err := json.Unmarshal([]byte(f.parties[0].must(t, asked{method: "GET", path: "/" + typ + "?" + query}).body), &page); err != nil {
				t.Fatal(err)
			}
			if totals[i] = page.Total; i == 1 && page.Total != len(page.Entry) && page.Total <= 1000 {
				t.Errorf("of %s are counted %d, and shown %d", typ, page.Total, len(page.Entry))
			}
		}
		if totals[0] != totals[1] {
			t.Errorf("of %s are counted %d and %d", typ, totals[0], totals[1])
		}
	}
}
