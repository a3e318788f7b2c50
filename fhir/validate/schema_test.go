package validate

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/xeipuuv/gojsonschema"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// everyStructure visits the structures of all resource types and of their data types once.
func everyStructure(v *Validator, visit func(*structure)) {
	seen := map[*structure]bool{}
	var look func(s *structure)
	look = func(s *structure) {
		if seen[s] {
			return
		}
		seen[s] = true
		visit(s)
		for _, m := range s.ordered {
			if m.below != nil {
				look(m.below())
			}
		}
	}
	for _, name := range r4.ResourceTypes() {
		look(v.structure(r4.Lookup(name).Root))
	}
}

// TestSchemasAreSchemas: every schema is valid by the meta-schema of draft 7, and compiles.
func TestSchemasAreSchemas(t *testing.T) {
	count := 0
	everyStructure(New(), func(s *structure) {
		count++
		loader := gojsonschema.NewSchemaLoader()
		loader.Validate = true
		if _, err := loader.Compile(gojsonschema.NewGoLoader(schemaOf(s))); err != nil {
			t.Errorf("%s: %v", s.title, err)
		}
	})
	if count < 700 {
		t.Errorf("%d structures, want all of R4", count)
	}
}

// TestTablesFitTheShape: an array is shown to the schema by one item of each JSON type. That is enough as long as R4 asks for no other
// number of items than at least one and for no choice that repeats.
func TestTablesFitTheShape(t *testing.T) {
	everyStructure(New(), func(s *structure) {
		for _, m := range s.ordered {
			if e := m.element; e.Min > 1 || (e.Max != 1 && e.Max != -1) || (e.Choice && e.Repeats()) {
				t.Errorf("%s occurs %d to %d times, choice %v", e.Path, e.Min, e.Max, e.Choice)
			}
			if m.format == nil && !m.anyType && m.below == nil {
				t.Errorf("%s of type %s: no format and no structure", m.element.Path, m.typ.Code)
			}
		}
	})
}

// TestExplain: whatever is put into a member, the schema refuses it exactly when the walk has a sentence for it.
func TestExplain(t *testing.T) {
	values := []any{
		nil, true, "", "a", fhir.Number("1"), fhir.Array{}, fhir.NewObject(), fhir.NewObject(fhir.Member{Name: "id", Value: "a"}),
		fhir.Array{nil}, fhir.Array{true}, fhir.Array{"a"}, fhir.Array{fhir.Number("1")}, fhir.Array{fhir.Array{}},
		fhir.Array{fhir.NewObject()}, fhir.Array{"a", fhir.NewObject(), nil},
	}
	v := New()
	for _, typ := range []string{"Patient", "HumanName", "Extension", "Observation", "Timing"} {
		s := v.structure(r4.Lookup(typ).Root)
		for name := range schemaOf(s)["properties"].(map[string]any) {
			if name == "resourceType" {
				continue
			}
			for _, value := range values {
				w := walk{validator: v}
				w.enter(typ)
				o := fhir.NewObject(fhir.Member{Name: name, Value: value})
				verdict := w.judge(s, o)
				if verdict == nil || verdict.refused[name] == "" {
					continue
				}
				w.explain(s, s.member(name), name, value, verdict.refused[name])
				if len(w.report.faults) == 0 || strings.Contains(w.report.faults[0].Detail, "Expected") {
					t.Errorf("%s.%s with %s: %v, in the library's words %q", typ, name, fhir.Describe(value), w.report.faults, verdict.refused[name])
				}
			}
		}
	}
}

// TestConcurrency: a fresh validator serves many at once.
func TestConcurrency(t *testing.T) {
	v := New()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, typ := range []string{"Patient", "Slot", "Task", "Appointment"} {
				if v.Check(fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: typ}))) == nil && typ != "Patient" {
					t.Errorf("an empty %s is accepted", typ)
				}
			}
		})
	}
	group.Wait()
}

// BenchmarkSchemasPatient2KB is the share of the schemas: each object of the patient of BenchmarkDecodeAndCheckPatient2KB held against
// its own.
func BenchmarkSchemasPatient2KB(b *testing.B) {
	text, err := os.ReadFile("testdata/patient-2kb.json")
	if err != nil {
		b.Fatal(err)
	}
	r, err := fhir.ParseResource(text)
	if err != nil {
		b.Fatal(err)
	}
	w := walk{validator: New()}
	b.ReportAllocs()
	for b.Loop() {
		if n := judgeAll(&w, w.validator.structure(r4.Lookup("Patient").Root), r.Root()); n != 27 {
			b.Fatalf("%d valid objects, want 27", n)
		}
	}
}

// judgeAll counts the objects that their schemas accept.
func judgeAll(w *walk, s *structure, o *fhir.Object) int {
	valid := 0
	if w.judge(s, o) == nil {
		valid++
	}
	for name, value := range o.All() {
		m := s.member(name)
		if m == nil || m.format != nil {
			continue
		}
		items, isArray := value.(fhir.Array)
		if !isArray {
			items = fhir.Array{value}
		}
		for _, item := range items {
			valid += judgeAll(w, m.below(), item.(*fhir.Object))
		}
	}
	return valid
}
