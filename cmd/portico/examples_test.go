package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/cmd/portico/transfer"
	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// exampleExceptions are the official examples of the served types that a client cannot store, each with the reason.
var exampleExceptions = map[string]struct {
	status int
	reason string
}{
	"Observation/clinical-gender": {http.StatusUnprocessableEntity, "its performer is of a type that the element does not allow"},
	"Subscription/example-error":  {http.StatusUnprocessableEntity, "a client may submit only the status requested or off"},
	"AuditEvent/":                 {http.StatusMethodNotAllowed, "audit events are the server's; they validate"},
}

// TestOfficialExamplesComeBackEqual stores the official examples of every served type and reads them again: element for
// element, in order, decimals digit by digit, instants by value.
func TestOfficialExamplesComeBackEqual(t *testing.T) {
	dir := os.Getenv("PORTICO_TEST_EXAMPLES")
	if dir == "" {
		t.Skip("PORTICO_TEST_EXAMPLES does not name a directory with the official examples (make definitions fetches them)")
	}
	r := start(t, t.TempDir(), nil)
	types, err := conformance.ServedTypes(nil)
	if err != nil {
		t.Fatal(err)
	}
	stored := 0
	for _, example := range officialExamples(t, dir, types) {
		key := example.Key()
		body := fhir.AppendJSON(nil, example.Root())
		status := r.send(t, http.MethodPut, "/fhir/"+key.String(), string(body))
		exception, known := exampleExceptions[key.String()]
		if !known {
			exception, known = exampleExceptions[key.Type+"/"]
		}
		if known {
			if status != exception.status {
				t.Errorf("%s answered %d, want %d: %s", key, status, exception.status, exception.reason)
			}
			continue
		}
		if status != http.StatusCreated && status != http.StatusOK {
			_, outcome := r.post(t, "/fhir/"+key.Type+"/$validate", string(body))
			t.Errorf("%s answered %d: %s", key, status, outcome)
			continue
		}
		_, text := r.get(t, "/fhir/"+key.String())
		back, err := fhir.ParseResource([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		stored++
		withoutStamp(example)
		withoutStamp(back)
		spelt := func(tree any) any { return tree }
		if anystore.IsMongo() { // it keeps digits and exponent of a number, not its spelling
			spelt = transfer.Plain
		}
		if place := difference(key.Type, spelt(example.Root()), spelt(back.Root())); place != "" {
			t.Errorf("%s came back with another %s", key, place)
		}
	}
	if stored < 140 {
		t.Errorf("only %d examples were stored", stored)
	}
	t.Logf("%d official examples stored and read back", stored)
}

// officialExamples reads the examples of the types, those of profiles and the like left out by name.
func officialExamples(t *testing.T, dir string, types []string) []fhir.Resource {
	t.Helper()
	var examples []fhir.Resource
	for _, typ := range types {
		files, err := filepath.Glob(filepath.Join(dir, typ+"-*.json"))
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := fhir.ParseResource(text)
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
				continue
			}
			if r.Type() == typ {
				examples = append(examples, r)
			}
		}
	}
	return examples
}

// withoutStamp takes out what is the server's.
func withoutStamp(r fhir.Resource) {
	meta := r.Root().Object("meta")
	if meta == nil {
		return
	}
	meta.Delete("versionId")
	meta.Delete("lastUpdated")
	if meta.Len() == 0 {
		r.Root().Delete("meta")
	}
}

// difference finds the first place where two trees differ, or "".
func difference(place string, a, b any) string {
	switch a := a.(type) {
	case *fhir.Object:
		b, ok := b.(*fhir.Object)
		if !ok || a.Len() != b.Len() {
			return place
		}
		var names []string
		for name := range b.All() {
			names = append(names, name)
		}
		i := 0
		for name, value := range a.All() {
			other, _ := b.Get(name)
			if names[i] != name {
				return place + ": order of " + name
			}
			if d := difference(place+"."+name, value, other); d != "" {
				return d
			}
			i++
		}
	case fhir.Array:
		b, ok := b.(fhir.Array)
		if !ok || len(a) != len(b) {
			return place
		}
		for i := range a {
			if d := difference(place+"[]", a[i], b[i]); d != "" {
				return d
			}
		}
	case string:
		if b, ok := b.(string); !ok || (a != b && !sameInstant(a, b)) {
			return place
		}
	default:
		if a != b {
			return place
		}
	}
	return ""
}

// sameInstant says whether two texts are one instant, with the same digits of a second, in two zones.
func sameInstant(a, b string) bool {
	x, errX := fhir.ParseDateTime(a)
	y, errY := fhir.ParseDateTime(b)
	if errX != nil || errY != nil || !x.HasZone || !y.HasZone || !strings.HasSuffix(b, "Z") {
		return false
	}
	return x.Interval() == y.Interval() && x.Precision == y.Precision
}

// post sends a body and returns status and answer.
func (r *running) post(tb testing.TB, path, body string) (int, string) {
	tb.Helper()
	response, err := http.Post(r.url+path, "application/fhir+json", strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(response.Body)
	return response.StatusCode, b.String()
}
