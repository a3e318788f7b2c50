package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// base is that of the server.
const base = "https://example.org/fhir"

func TestPatientsOf(t *testing.T) {
	for _, test := range []struct {
		name string
		body string
		want []string
	}{
		{"none", `{"resourceType":"Slot","id":"1"}`, nil},
		{"a reference", `{"subject":{"reference":"Patient/b"}}`, []string{"b"}},
		{"several, one twice", `{"a":[{"reference":"Patient/b"},{"reference":"Patient/a"},{"reference":"Patient/b"}]}`, []string{"a", "b"}},
		{"one version", `{"a":{"reference":"Patient/b/_history/2"}}`, []string{"b"}},
		{"below the base", `{"a":{"reference":"https://example.org/fhir/Patient/b"},"b":{"reference":"https://example.org/fhir/Patient/a/_history/2"}}`, []string{"a", "b"}},
		{"another server", `{"a":{"reference":"https://example.com/fhir/Patient/b"}}`, nil},
		{"beside the base", `{"a":{"reference":"https://example.org/Patient/b"},"b":{"reference":"https://example.org/fhir//Patient/b"}}`, nil},
		{"above the base", `{"a":{"reference":"x https://example.org/fhir/Patient/b"},"b":"https://example.org/fhir/Patient/c"}`, nil},
		{"the base alone", `https://example.org/fhir/Patient/b"`, nil},
		{"another type", `{"a":{"reference":"PatientX/b"},"b":{"reference":"Practitioner/b"}}`, nil},
		{"a text that looks like it", `{"a":{"display":"\"reference\":\"Patient/b\""},"b":"Patient/c"}`, nil},
		{"something below it", `{"a":{"reference":"Patient/b/c"}}`, nil},
		{"a search", `{"a":{"reference":"Patient/?identifier=b"}}`, nil},
		{"no id", `{"a":{"reference":"Patient/"}}`, nil},
		{"a long id", `{"a":{"reference":"Patient/` + strings.Repeat("x", 64) + `"}}`, []string{strings.Repeat("x", 64)}},
		{"too long an id", `{"a":{"reference":"Patient/` + strings.Repeat("x", 65) + `"}}`, nil},
		{"cut off", `{"a":{"reference":"Patient/abc`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := audit.PatientsOf(base, fhir.Version{Key: fhir.Key{Type: "Slot", ID: "1"}, Body: []byte(test.body)})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	deleted := fhir.Version{Key: fhir.Key{Type: "Patient", ID: "z"}, Method: fhir.Deleted}
	referring := fhir.Version{Key: fhir.Key{Type: "Slot", ID: "1"}, Body: []byte(`{"a":{"reference":"Patient/y"}}`)}
	if diff := cmp.Diff([]string{"y", "z"}, audit.PatientsOf(base, deleted, referring, deleted)); diff != "" {
		t.Errorf("of several (-want +got):\n%s", diff)
	}
}

// TestPatientsOfAgainstAParse: whatever a tree has in it, the text tells the same patients.
func TestPatientsOfAgainstAParse(t *testing.T) {
	text := rapid.SampledFrom([]string{
		"Patient/a", "Patient/b", base + "/Patient/d", base + "/Patient/e/_history/3", "https://example.com/fhir/Patient/f", "Patient/c/_history/1", "Patient/", "Patient/a b", `Patient/a"`, "Patient/é", `"reference":"Patient/x"`, "x\\Patient/a", "Slot/a", "P", "\nPatient/a", "",
	})
	name := rapid.SampledFrom([]string{"reference", "display", "Patient/", `"reference`, "extension", "P"})
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		return rapid.Custom(func(t *rapid.T) any {
			switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
			case depth > 4 || kind < 4:
				return text.Draw(t, "text")
			case kind < 6:
				return rapid.SliceOfN(value(depth+1), 0, 3).Draw(t, "items")
			default:
				o := fhir.NewObject()
				for range rapid.IntRange(0, 4).Draw(t, "members") {
					o.Set(name.Draw(t, "name"), value(depth+1).Draw(t, "value"))
				}
				return o
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		tree := value(0).Draw(t, "tree")
		body := fhir.AppendJSON(nil, tree)
		parsed, err := fhir.ParseJSON(body)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		visit(parsed, func(reference string) {
			id, found := strings.CutPrefix(strings.TrimPrefix(reference, base+"/"), "Patient/")
			if id, _, _ = strings.Cut(id, "/_history/"); found && fhir.ValidID(id) {
				want = append(want, id)
			}
		})
		slices.Sort(want)
		want = slices.Compact(want)
		got := audit.PatientsOf(base, fhir.Version{Key: fhir.Key{Type: "Slot", ID: "1"}, Body: body})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("in %s (-want +got):\n%s", body, diff)
		}
	})
}

// visit calls found with every text that is a member reference.
func visit(v any, found func(string)) {
	switch v := v.(type) {
	case fhir.Array:
		for _, item := range v {
			visit(item, found)
		}
	case *fhir.Object:
		for name, item := range v.All() {
			if s, ok := item.(string); ok && name == "reference" {
				found(s)
			}
			visit(item, found)
		}
	}
}

func BenchmarkPatientsOf2KB(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"resourceType":"Appointment","id":"a1","participant":[{"actor":{"reference":"Patient/3kTMd0c7XQpZ4RrX2aLb"}},{"actor":{"reference":"Practitioner/1"}}],"extension":[`)
	for i := 0; text.Len() < 2000; i++ {
		fmt.Fprintf(&text, `{"url":"http://hl7.org/fhir/StructureDefinition/Observation-%d","valueString":"Please Ring The Bell"},`, i)
	}
	text.WriteString(`{}]}`)
	v := fhir.Version{Key: fhir.Key{Type: "Appointment", ID: "a1"}, Body: []byte(text.String())}
	b.SetBytes(int64(len(v.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if len(audit.PatientsOf(base, v)) != 1 {
			b.Fatal("not found")
		}
	}
}
