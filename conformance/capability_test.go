package conformance_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

var update = flag.Bool("update", false, "write the golden files anew")

func capability(t *testing.T, p conformance.Promises, number string) []byte {
	t.Helper()
	v, known := p.Version(number)
	if !known {
		t.Fatalf("no version %s", number)
	}
	text, err := conformance.Capability(p, v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCapabilityGolden(t *testing.T) {
	p := table("AuditEvent", "Patient")
	for _, number := range p.VersionNumbers() {
		var got bytes.Buffer
		if err := json.Indent(&got, capability(t, p, number), "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		file := filepath.Join("testdata", "capability-"+number+".json")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("version %s (-update writes it anew):\n%s", number, diff)
		}
	}
}

// Every promise is in the statement, and nothing else: they are compared as sets of words.
func TestCapabilityHasWhatIsPromised(t *testing.T) {
	p := table(conformance.DefaultTypes()...)
	for _, number := range p.VersionNumbers() {
		statement, err := models.UnmarshalCapabilityStatement(capability(t, p, number))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, r := range statement.Rest[0].Resource {
			for _, i := range r.Interaction {
				got[r.Type.Code()+" "+i.Code.Code()] = true
			}
			got[r.Type.Code()+" conditional create"] = *r.ConditionalCreate
			got[r.Type.Code()+" conditional update"] = *r.ConditionalUpdate
			got[r.Type.Code()+" conditional delete"] = *r.ConditionalDelete == models.ConditionalDeleteStatusSingle
			for _, s := range r.SearchParam {
				got[r.Type.Code()+" ?"+s.Name+" "+s.Type.Code()] = true
			}
			for _, i := range r.SearchInclude {
				got[r.Type.Code()+" _include "+i] = true
			}
			for _, i := range r.SearchRevInclude {
				got[r.Type.Code()+" _revinclude "+i] = true
			}
			for _, o := range r.Operation {
				got[r.Type.Code()+" $"+o.Name] = true
			}
		}
		want := map[string]bool{}
		for _, typ := range p.Types {
			for _, i := range typ.Interactions {
				want[typ.Name+" "+string(i)] = true
			}
			for _, i := range []conformance.Interaction{conformance.Create, conformance.Update, conformance.Delete} {
				want[typ.Name+" conditional "+string(i)] = typ.Name != "AuditEvent" && typ.Definitions == nil
			}
			for _, s := range typ.Params {
				want[typ.Name+" ?"+s.Name+" "+s.Type] = true
			}
			for _, i := range typ.Includes {
				want[typ.Name+" _include "+i] = true
			}
			for _, i := range typ.RevIncludes {
				want[typ.Name+" _revinclude "+i] = true
			}
			for _, o := range typ.Operations {
				want[typ.Name+" $"+o.Name] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// The format of patches is advertised where something can be patched.
func TestCapabilityPatchFormat(t *testing.T) {
	for types, want := range map[string][]string{"AuditEvent": nil, "Patient": {conformance.JSONPatch}} {
		statement, err := models.UnmarshalCapabilityStatement(capability(t, table(types), "1"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, statement.PatchFormat); diff != "" {
			t.Errorf("%s: %s", types, diff)
		}
	}
}

func TestCapabilityCompartments(t *testing.T) {
	p := table("Patient")
	p.Compartments = []string{"Patient", "RelatedPerson"}
	statement, err := models.UnmarshalCapabilityStatement(capability(t, p, "1"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"http://hl7.org/fhir/CompartmentDefinition/patient", "http://hl7.org/fhir/CompartmentDefinition/relatedPerson"}, statement.Rest[0].Compartment); diff != "" {
		t.Error(diff)
	}
}

// All types of R4 can be advertised: the models know each name.
func TestCapabilityOfAllTypes(t *testing.T) {
	types, err := conformance.ServedTypes([]string{"all"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.ParseResource(capability(t, table(types...), "1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rest := range r.Root().Objects("rest") {
		if got := len(rest.Array("resource")); got != len(types) {
			t.Errorf("%d of %d types", got, len(types))
		}
	}
}

// A Subscription that is stored and never delivered would be a trap, were it not said.
func TestCapabilityTellsWhatATypeDoesNotDo(t *testing.T) {
	const limit = "nothing is delivered"
	if text := capability(t, table("Subscription"), "1"); !bytes.Contains(text, []byte(limit)) {
		t.Errorf("the statement does not say of Subscription that %s: %s", limit, text)
	}
	if text := capability(t, table("Patient"), "1"); bytes.Contains(text, []byte(limit)) {
		t.Errorf("the statement says of Patient that %s", limit)
	}
}

func TestCapabilityTellsTheEndOfAVersion(t *testing.T) {
	p := table("Patient")
	p.Versions[0].Deprecated = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	p.Versions[0].Sunset = time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)
	text := string(capability(t, p, "1"))
	for _, part := range []string{"deprecated since 2026-06-01", "served until 2027-06-01"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in %s", part, text)
		}
	}
}

func TestCapabilityRefusesWhatR4DoesNotKnow(t *testing.T) {
	p := table("Patient")
	tests := map[string]func(*conformance.Type){
		"type":        func(t *conformance.Type) { t.Name = "Visit" },
		"interaction": func(t *conformance.Type) { t.Interactions = []conformance.Interaction{"browse"} },
		"parameter":   func(t *conformance.Type) { t.Params = []conformance.Param{{Name: "x", Type: "text"}} },
	}
	for name, spoil := range tests {
		spoiled := p
		spoiled.Types = append([]conformance.Type{}, p.Types...)
		spoil(&spoiled.Types[0])
		if _, err := conformance.Capability(spoiled, p.Versions[0]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
