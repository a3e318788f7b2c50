package r4_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/r4"
)

// TestOfficialExamples walks through every official example by the tables: each member is known, is an array exactly
// when the element repeats, all that is required is there, and codes are those of the required bindings.
func TestOfficialExamples(t *testing.T) {
	dir := os.Getenv("PORTICO_TEST_EXAMPLES")
	if dir == "" {
		t.Skip("PORTICO_TEST_EXAMPLES does not name a directory of the official examples")
	}
	files, err := filepath.Glob(filepath.Join(dir, "[A-Z]*-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples in %s: %v", dir, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var resource map[string]any
		if err := json.Unmarshal(content, &resource); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		var w walker
		w.resource(resource)
		for _, fault := range w.faults {
			if known, _ := filepath.Match(knownFaults[fault], filepath.Base(file)); !known {
				t.Errorf("%s: %s", filepath.Base(file), fault)
			}
		}
	}
}

// knownFaults are those of the official files themselves, with the files that have them.
var knownFaults = map[string]string{
	"Questionnaire.item.linkId is missing":  "Questionnaire-qs1.json",
	"SearchParameter.base is missing":       "SearchParameter-*-extensions-*.json",
	"ImplementationGuide.name is missing":   "ImplementationGuide-fhir.json",
	"ImplementationGuide.status is missing": "ImplementationGuide-fhir.json",
}

type walker struct{ faults []string }

func (w *walker) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

func (w *walker) resource(members map[string]any) {
	name, _ := members["resourceType"].(string)
	typ := r4.Lookup(name)
	if typ == nil || typ.Kind != r4.Resource {
		w.fault("resourceType %q", name)
		return
	}
	delete(members, "resourceType")
	w.object(typ.Root, members)
}

func (w *walker) object(e *r4.Element, members map[string]any) {
	present := map[*r4.Element]bool{}
	for name, value := range members {
		plain, isUnderscore := strings.CutPrefix(name, "_")
		child, typ := e.Child(plain)
		if child == nil {
			w.fault("%s has no %s", e.Path, name)
			continue
		}
		present[child] = true
		values, isArray := value.([]any)
		if isArray != child.Repeats() {
			w.fault("%s: array %v", child.Path, isArray)
		}
		if !isArray {
			values = []any{value}
		}
		below := child.Descend(typ)
		if isUnderscore {
			below = r4.Lookup(typ.Code).Root
		}
		for _, v := range values {
			w.value(child, typ, below, v)
		}
	}
	for _, child := range e.Children {
		if child.Min > 0 && !present[child] {
			w.fault("%s is missing", child.Path)
		}
	}
}

func (w *walker) value(e *r4.Element, typ *r4.TypeRef, below *r4.Element, value any) {
	switch v := value.(type) {
	case map[string]any:
		switch {
		case typ.Code == "Resource":
			w.resource(v)
		case below == nil:
			w.fault("%s is an object", e.Path)
		default:
			w.object(below, v)
		}
	case string:
		if codes, complete := r4.Codes(e.Required); complete && !slices.Contains(codes, v) {
			w.fault("%s: %q is no code of %s", e.Path, v, e.Required)
		}
	}
	if _, isObject := value.(map[string]any); value != nil && !isObject && below != nil {
		w.fault("%s is no object", e.Path)
	}
}
