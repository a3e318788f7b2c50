package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// servers is a client of a server; on a MongoDB, of two that work on the same database.
func servers(t *testing.T) *client {
	t.Helper()
	dir := t.TempDir()
	p := serve(t, dir)
	c := p.client(t)
	if anystore.IsMongo() {
		twin := serveAs(t, dir, func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--base-url", p.url) })
		c.twin = twin.url + conformance.FHIRPath
	}
	return c
}

// contenders is how many equal requests come at once.
const contenders = 64

// TestEqualConditionalWritesMakeOneResource sends equal conditional writes at once: one creates, whatever the others come to
// (https://hl7.org/fhir/R4/http.html#ccreate, #cond-update).
func TestEqualConditionalWritesMakeOneResource(t *testing.T) {
	c := servers(t)
	variants := []struct {
		name    string
		request func(identifier, name string) request
		updates bool // those that come too late write versions
	}{
		{"create", func(identifier, name string) request {
			return request{method: http.MethodPost, path: "Patient", body: patientText("", identifier, name), header: map[string]string{"If-None-Exist": byIdentifier(identifier)}}
		}, false},
		{"update without id", func(identifier, name string) request {
			return request{method: http.MethodPut, path: "Patient?" + escaped(byIdentifier(identifier)), body: patientText("", identifier, name)}
		}, true},
		{"update with id", func(identifier, name string) request {
			return request{method: http.MethodPut, path: "Patient?" + escaped(byIdentifier(identifier)), body: patientText("id-"+identifier, identifier, name)}
		}, true},
	}
	for i, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			for round := range turns(20, 1000) {
				identifier := fmt.Sprintf("v%dr%d", i, round)
				answers := c.atOnce(t, contenders, func(i int) request { return v.request(identifier, fmt.Sprintf("n%d", i)) })
				c.checkOneCreated(t, identifier, answers, v.updates)
			}
		})
	}
}

// checkOneCreated holds the answers to equal conditional writes against each other and against what is there.
func (c *client) checkOneCreated(t *testing.T, identifier string, answers []answer, updates bool) {
	t.Helper()
	found := slices.Collect(c.entries(t, "Patient?"+escaped(byIdentifier(identifier))))
	if len(found) != 1 {
		t.Fatalf("%s: %d resources, want one", identifier, len(found))
	}
	id := found[0].Object("resource").Text("id")
	created := 0
	wrote := make(map[int64]string) // name by version
	for i, a := range answers {
		switch {
		case a.status == http.StatusConflict && updates: // others came between again and again
			continue
		case a.status == http.StatusCreated:
			created++
		case a.status != http.StatusOK:
			t.Fatalf("%s: request %d: %s", identifier, i, a)
		}
		if got := a.id(); a.status == http.StatusCreated && got != id || got != "" && got != id {
			t.Errorf("%s: request %d was answered with %s, but %s is there", identifier, i, got, id)
		}
		if a.status == http.StatusCreated || updates {
			if other, twice := wrote[a.version()]; twice {
				t.Errorf("%s: version %d was acknowledged to request %d and to %s", identifier, a.version(), i, other)
			}
			wrote[a.version()] = fmt.Sprintf("n%d", i)
		}
	}
	if created != 1 {
		t.Errorf("%s: %d requests were told that they created", identifier, created)
	}
	c.checkVersions(t, id, wrote)
}

// checkVersions looks that a patient's history is just the versions that were acknowledged, numbered without a gap, with the names that
// were sent.
func (c *client) checkVersions(t *testing.T, id string, names map[int64]string) {
	t.Helper()
	number := int64(len(names))
	for entry := range c.entries(t, "Patient/"+id+"/_history?_count=1000") {
		if got := versionOf(entry.Object("response").Text("etag")); got != number {
			t.Fatalf("%s: the history has version %d where %d should be", id, got, number)
		}
		r := c.read(t, fmt.Sprintf("Patient/%s/_history/%d", id, number))
		if p, err := readPatient(r); err != nil || p.names != names[number] || p.id != id || p.version != number {
			t.Errorf("version %d should have the names %q, but is %+v (%v)", number, names[number], p, err)
		}
		number--
	}
	if number != 0 {
		t.Errorf("%s: %d acknowledged versions are not in the history", id, number)
	}
}

// escaped makes a condition fit for a URL.
func escaped(condition string) string {
	name, value, _ := strings.Cut(condition, "=")
	return name + "=" + url.QueryEscape(value)
}

// TestConcurrentUpdatesLoseNothing lets 64 clients change one patient at once.
func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	c := servers(t)
	for round := range turns(5, 200) {
		id := fmt.Sprintf("p%d", round)
		first := c.must(t, request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, id, "first")})
		names := map[int64]string{first.version(): "first"}

		free := c.atOnce(t, contenders, func(i int) request {
			return request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, id, fmt.Sprintf("free%d", i))}
		})
		if won := keep(t, names, free, "free"); won != contenders {
			t.Errorf("%s: %d of %d updates without If-Match were carried out", id, won, contenders)
		}

		current := fmt.Sprintf(`W/"%d"`, len(names))
		bound := c.atOnce(t, contenders, func(i int) request {
			return request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, id, fmt.Sprintf("bound%d", i)), header: map[string]string{"If-Match": current}}
		})
		if won := keep(t, names, bound, "bound", http.StatusPreconditionFailed, http.StatusConflict); won != 1 {
			t.Errorf("%s: %d of %d updates of version %s were carried out", id, won, contenders, current)
		}
		c.checkVersions(t, id, names)
	}
}

// keep notes which version each of the answers acknowledged, and counts them. Other answers must have one of the statuses of those who
// lost a race.
func keep(t *testing.T, names map[int64]string, answers []answer, prefix string, lost ...int) (won int) {
	t.Helper()
	for i, a := range answers {
		switch {
		case a.status == http.StatusOK:
			won++
			if other, twice := names[a.version()]; twice {
				t.Errorf("version %d was acknowledged to %s%d and to %s", a.version(), prefix, i, other)
			}
			names[a.version()] = fmt.Sprintf("%s%d", prefix, i)
		case !slices.Contains(lost, a.status):
			t.Errorf("%s%d: %s", prefix, i, a)
		}
	}
	return won
}

// TestConcurrentPatchesAllCount lets 64 clients add a name each to one patient. One that is told that others came between too often tries
// again.
func TestConcurrentPatchesAllCount(t *testing.T) {
	c := servers(t)
	for round := range turns(3, 200) {
		id := fmt.Sprintf("p%d", round)
		c.must(t, request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, id, "first")})
		waiting := make([]string, contenders)
		for i := range waiting {
			waiting[i] = fmt.Sprintf("n%d", i)
		}
		want := append([]string{"first"}, waiting...)
		carried := 0
		for len(waiting) > 0 {
			answers := c.atOnce(t, len(waiting), func(i int) request { return addName(id, waiting[i], nil) })
			var again []string
			for i, a := range answers {
				switch a.status {
				case http.StatusOK:
					carried++
				case http.StatusConflict:
					again = append(again, waiting[i])
				default:
					t.Fatalf("%s: %s", waiting[i], a)
				}
			}
			if len(again) == len(waiting) {
				t.Fatalf("of %d patches none was carried out", len(waiting))
			}
			waiting = again
		}
		p, err := readPatient(c.read(t, "Patient/"+id))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(p.names, ",")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || p.version != int64(carried+1) {
			t.Errorf("version %d after %d patches has the names %q", p.version, carried, got)
		}
	}
}
