package main

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/portico-health/portico/fhir"
)

// record is everything that a server has of patients, by register, newest first.
type record map[string]lineage

// lineage is all versions of a register's resources.
type lineage []written

// written is a version, and how it came to be.
type written struct {
	edition
	at     time.Time
	method string
}

// editions are the versions as the model has them.
func (l lineage) editions() []edition {
	var all []edition
	for _, w := range l {
		all = append(all, w.edition)
	}
	return all
}

// given are the names that any version has.
func (l lineage) given() map[string]bool {
	all := make(map[string]bool)
	for _, w := range l {
		for name := range strings.SplitSeq(w.names, ",") {
			all[name] = true
		}
	}
	return all
}

// settle tells by the names that are there which of the operations without an answer were carried out; they ended at some time before the
// given one. Those that have left nothing are left out, but for deletions, of which nobody knows.
func (l lineage) settle(history []porcupine.Operation, end int64) (settled []porcupine.Operation) {
	left := l.given()
	for _, o := range history {
		in, out := o.Input.(input), o.Output.(output)
		if out.lost {
			deletes := in.deed == remove || in.deed == removeWhere
			if !left[in.name] && !deletes {
				continue
			}
			o.Return, o.Output = end, output{lost: deletes, left: !deletes}
		}
		settled = append(settled, o)
	}
	return settled
}

// current is the newest version, unless that is a deletion.
func (l lineage) current() (edition, bool) {
	if len(l) == 0 || l[0].names == "" {
		return edition{}, false
	}
	return l[0].edition, true
}

// settle waits until histories of a type have everything that is there: a store that a killed server worked on shows them up to what that one may
// still have been writing, until it is known to be gone.
func (c *client) settle(t *testing.T) {
	t.Helper()
	mark := c.must(t, request{method: http.MethodPost, path: "Location", body: `{"resourceType":"Location"}`})
	for range 240 {
		for _, entry := range c.read(t, "Location/_history?_count=1").Root().Objects("entry") {
			if entry.Object("resource").Text("id") == mark.id() {
				return
			}
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Fatal("the history comes to no end")
}

// record reads the history of all patients, and checks that it is whole: instants descend, the versions of each
// resource count down to 1, and every body is as it was sent.
func (c *client) record(t *testing.T) record {
	t.Helper()
	c.settle(t)
	all := make(record)
	registers := make(map[string]string) // by id
	var whole []written
	for entry := range c.entries(t, "Patient/_history?_count=1000") {
		w, identifier := readEntry(t, entry)
		if n := len(whole); n > 0 && !w.at.Before(whole[n-1].at) {
			t.Errorf("%s version %d is of %s, no earlier than what came after it", w.id, w.number, w.at)
		}
		whole = append(whole, w)
		if identifier != "" {
			registers[w.id] = identifier
		}
	}
	numbers := make(map[string]int64) // of the version seen last, by id
	for _, w := range whole {
		if last, seen := numbers[w.id]; seen && last != w.number+1 {
			t.Errorf("%s: before version %d there is version %d", w.id, last, w.number)
		}
		numbers[w.id] = w.number
		register, ok := registers[w.id]
		if !ok {
			t.Errorf("%s has deletions alone", w.id)
		}
		all[register] = append(all[register], w)
	}
	for id, first := range numbers {
		if first != 1 {
			t.Errorf("%s: the history begins with version %d", id, first)
		}
	}
	return all
}

// readEntry reads an entry of a history.
func readEntry(t *testing.T, entry *fhir.Object) (w written, identifier string) {
	t.Helper()
	response := entry.Object("response")
	at, err := time.Parse(time.RFC3339Nano, response.Text("lastModified"))
	if err != nil {
		t.Fatal(err)
	}
	w = written{at: at, method: entry.Object("request").Text("method")}
	w.number = versionOf(response.Text("etag"))
	w.id = path.Base(entry.Text("fullUrl"))
	deleted := w.method == http.MethodDelete
	body := entry.Object("resource")
	if deleted != (body == nil) {
		t.Errorf("%s version %d was made by %s; that it has a body is %t", w.id, w.number, w.method, body != nil)
	}
	if body == nil {
		return w, ""
	}
	p, err := readPatient(fhir.NewResource(body))
	if err != nil || p.id != w.id || p.version != w.number {
		t.Errorf("%s version %d has the body of %+v (%v)", w.id, w.number, p, err)
	}
	w.names = p.names
	return w, p.identifier
}

// methods is what a history tells of a version, by what made it (https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request).
var methods = map[deed]string{
	put: http.MethodPut, add: http.MethodPut, putWhere: http.MethodPut, remove: http.MethodDelete, removeWhere: http.MethodDelete,
	create: http.MethodPost, createIfNone: http.MethodPost,
}

// checkAcknowledged looks for every version that was acknowledged. The check of registers would miss it too, but could not say
// which it is.
func (all record) checkAcknowledged(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	for _, o := range history {
		in, out := o.Input.(input), o.Output.(output)
		method := methods[in.deed]
		if in.deed == putWhere && out.status == http.StatusCreated { // under an id of the server's: played again, it would be a create
			method = http.MethodPost
		}
		changed := out.status == http.StatusCreated || out.status == http.StatusOK && in.deed != createIfNone && out.number > 0
		if method == "" || !changed {
			continue
		}
		found := slices.ContainsFunc(all[in.register], func(w written) bool {
			same := w.edition.is(out.edition)
			if same && w.method != method {
				t.Errorf("%s version %d was made by %s, but the history says %s", in.register, w.number, method, w.method)
			}
			return same
		})
		if !found {
			t.Errorf("acknowledged but not there: %+v -> %+v", in, out)
		}
	}
}

// checkTransactions looks that of each transaction without an answer everything is there, or nothing. What would show in any case are the
// names that it puts or adds.
func (all record) checkTransactions(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	given := make(map[string]map[string]bool) // names by register
	for register, versions := range all {
		given[register] = versions.given()
	}
	left := make(map[string]bool) // by transaction
	for _, o := range history {
		in, out := o.Input.(input), o.Output.(output)
		shows := in.deed == put || in.deed == add || in.deed == create || in.deed == putWhere
		if !shows || !out.lost || !strings.HasPrefix(in.bundle, "transaction") {
			continue
		}
		there := given[in.register][in.name]
		if others, seen := left[in.bundle]; seen && others != there {
			t.Errorf("the %s was carried out in part: that %s is in %s is %t", in.bundle, in.name, in.register, there)
		}
		left[in.bundle] = there
	}
}

// checkSearches holds searches against the record: all patients, and of each register its identifier, and the newest and the
// first of its names.
func (c *client) checkSearches(t *testing.T, all record) {
	t.Helper()
	want := make(map[edition]bool)
	for register, versions := range all {
		current, exists := versions.current()
		if exists {
			want[current] = true
		}
		if found := c.found(t, "Patient?"+escaped(byIdentifier(register))); exists != (len(found) == 1) || exists && found[0] != current {
			t.Errorf("of %s there is %+v, but a search finds %+v", register, current, found)
		}
	}
	found := c.found(t, "Patient?_count=1000")
	for _, v := range found {
		if !want[v] {
			t.Errorf("a search finds %+v, which is not current", v)
		}
	}
	if len(found) != len(want) {
		t.Errorf("a search finds %d patients, %d are there", len(found), len(want))
	}
}

// found is what a search finds.
func (c *client) found(t *testing.T, path string) (all []edition) {
	t.Helper()
	for entry := range c.entries(t, path) {
		p, err := readPatient(fhir.NewResource(entry.Object("resource")))
		if err != nil {
			t.Error(err)
		}
		all = append(all, edition{p.id, p.version, p.names})
	}
	return all
}
