package engine_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/fhir/validate"
)

const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

func TestSubset(t *testing.T) {
	const patient = `{"resourceType":"Patient","id":"p","meta":{"versionId":"3","tag":[{"code":"x"}]},"implicitRules":"https://example.org/rules","language":"en",` +
		`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Ann</div>"},"contained":[{"resourceType":"Organization","id":"o","name":"A"}],` +
		`"extension":[{"url":"https://example.org/e","valueDecimal":1.10}],"modifierExtension":[{"url":"https://example.org/m","valueBoolean":true}],` +
		`"active":true,"name":[{"id":"n","extension":[{"url":"https://example.org/e","valueDecimal":1.10}],"family":"Ash","_family":{"id":"f"},"given":[null,"Ann"],"_given":[{"id":"g"},null]}],` +
		`"birthDate":"1980-01-31","_birthDate":{"extension":[{"url":"https://example.org/t","valueDateTime":"1980-01-31T09:30:00Z"}]},` +
		`"photo":[{"contentType":"image/png","data":"aGk="}],"contact":[{"gender":"female"}],"managingOrganization":{"reference":"#o"}}`
	const head = `{"resourceType":"Patient","id":"p","meta":{"versionId":"3","tag":[{"code":"x"},` + subsetted + `]},"implicitRules":"https://example.org/rules",`
	const modifier = `"modifierExtension":[{"url":"https://example.org/m","valueBoolean":true}]`
	const names = `"name":[{"id":"n","extension":[{"url":"https://example.org/e","valueDecimal":1.10}],"family":"Ash","_family":{"id":"f"},"given":[null,"Ann"],"_given":[{"id":"g"},null]}]`
	const born = `"birthDate":"1980-01-31","_birthDate":{"extension":[{"url":"https://example.org/t","valueDateTime":"1980-01-31T09:30:00Z"}]}`
	const document = `{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"data":"aGk="}}],"context":{"related":[{"reference":"Patient/1"}]}}`
	tests := []struct {
		name   string
		subset engine.Subset
		in     string
		want   string // "" for the whole resource
	}{
		{"all", engine.Subset{}, patient, ""},
		{"true", engine.Subset{Summary: search.SummaryTrue}, patient, head + modifier + `,"active":true,` + names + `,` + born + `,"managingOrganization":{"reference":"#o"}}`},
		{"text", engine.Subset{Summary: search.SummaryText}, patient,
			head + `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Ann</div>"},` + modifier + `}`},
		{"data", engine.Subset{Summary: search.SummaryData}, patient,
			strings.Replace(strings.Replace(patient, `"tag":[{"code":"x"}]`, `"tag":[{"code":"x"},`+subsetted+`]`, 1),
				`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Ann</div>"},`, "", 1)},
		{"elements", engine.Subset{Elements: []string{"birthDate", "contact"}}, patient, head + modifier + `,` + born + `,"contact":[{"gender":"female"}]}`},
		{"no elements", engine.Subset{Elements: []string{}}, patient, head + modifier + `}`},
		{"parts of data types", engine.Subset{Summary: search.SummaryTrue}, `{"resourceType":"Practitioner","meta":{},"photo":[{"contentType":"image/png","data":"aGk="}],"communication":[{"text":"en"}]}`,
			`{"resourceType":"Practitioner","meta":{"tag":[` + subsetted + `]}}`},
		{"nothing of a mandatory element", engine.Subset{Summary: search.SummaryTrue}, document,
			`{"resourceType":"DocumentReference","meta":{"tag":[` + subsetted + `]},"status":"current","content":[{"attachment":{"data":"aGk="}}]}`},
		{"mandatory elements", engine.Subset{Elements: []string{"docStatus"}}, document,
			`{"resourceType":"DocumentReference","meta":{"tag":[` + subsetted + `]},"status":"current","content":[{"attachment":{"data":"aGk="}}]}`},
		{"a choice", engine.Subset{Elements: []string{"deceased"}}, `{"resourceType":"Patient","meta":{},"deceasedBoolean":false,"active":true}`,
			`{"resourceType":"Patient","meta":{"tag":[` + subsetted + `]},"deceasedBoolean":false}`},
		{"tagged before", engine.Subset{Elements: []string{"active"}}, `{"resourceType":"Patient","meta":{"tag":[` + subsetted + `]},"gender":"male"}`,
			`{"resourceType":"Patient","meta":{"tag":[` + subsetted + `]}}`},
		{"a resource in a resource", engine.Subset{Summary: search.SummaryTrue}, `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","contact":[{"gender":"male"}]}}]}`,
			`{"resourceType":"Bundle","meta":{"tag":[` + subsetted + `]},"type":"collection","entry":[{"resource":{"resourceType":"Patient","contact":[{"gender":"male"}]}}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := resource(t, "%s", tt.in)
			got := string(fhir.AppendJSON(nil, tt.subset.Of(r).Root()))
			want := tt.want
			if want == "" {
				want = tt.in
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if after := string(fhir.AppendJSON(nil, r.Root())); after != tt.in {
				t.Errorf("the resource was changed: %s", after)
			}
		})
	}
}

// Every part of every official example is a part of it, is valid, and the summary is what the definitions mark.
func TestSubsetsOfOfficialExamples(t *testing.T) {
	dir := os.Getenv("PORTICO_TEST_EXAMPLES")
	if dir == "" {
		t.Skip("PORTICO_TEST_EXAMPLES does not name a directory of the official examples")
	}
	files, err := filepath.Glob(filepath.Join(dir, "[A-Z]*-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples in %s: %v", dir, err)
	}
	v := validate.New()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > 64<<10 {
			continue
		}
		r, err := fhir.ParseResource(content)
		if err != nil || v.Check(r) != nil {
			continue
		}
		name := filepath.Base(file)
		for _, s := range subsetsOf(r) {
			part := s.Of(r)
			checkPart(t, name+" "+string(s.Summary)+strings.Join(s.Elements, ","), r, part)
			checkValidity(t, name, s, v.Report(part))
		}
		checkSummary(t, name, r, engine.Subset{Summary: search.SummaryTrue}.Of(r))
	}
}

// subsetsOf are the parts of a resource that are tried: each summary, and each element alone; of types that are not served by default two of these.
func subsetsOf(r fhir.Resource) []engine.Subset {
	all := []engine.Subset{{Summary: search.SummaryTrue}, {Summary: search.SummaryText}, {Summary: search.SummaryData}}
	var single []engine.Subset
	for name := range r.Root().All() {
		if e, _ := r4.Lookup(r.Type()).Root.Child(name); e != nil {
			single = append(single, engine.Subset{Elements: []string{e.Name}})
		}
	}
	if !slices.Contains(conformance.DefaultTypes(), r.Type()) && len(single) > 2 {
		single = single[len(single)-2:]
	}
	return append(all, single...)
}

// checkPart looks that everything in a part is in the whole, in its order, but for the tag.
func checkPart(t *testing.T, name string, whole, part fhir.Resource) {
	t.Helper()
	rest := leaves("", whole.Root())
	for _, leaf := range leaves("", part.Root()) {
		if isTag(leaf) {
			continue
		}
		for len(rest) > 0 && rest[0] != leaf {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			t.Errorf("%s: %s is not in the resource, or not in this order", name, leaf)
			return
		}
	}
}

func leaves(path string, v any) []string {
	var all []string
	switch v := v.(type) {
	case *fhir.Object:
		for name, value := range v.All() {
			all = append(all, leaves(path+"."+name, value)...)
		}
	case fhir.Array:
		for _, item := range v {
			all = append(all, leaves(path, item)...)
		}
	default:
		all = append(all, path+"="+string(fhir.AppendJSON(nil, v)))
	}
	return all
}

// checkValidity looks that nothing is wrong with a part but what R4 leaves to the client: invariants over elements that it did not ask for. A summary
// refers to contained resources that are not in it (ref-1); what lacks the narrative alone is valid.
func checkValidity(t *testing.T, name string, s engine.Subset, issues []fhir.Issue) {
	t.Helper()
	for _, issue := range issues {
		broken := issue.Severity != fhir.Warning
		switch s.Summary {
		case search.SummaryTrue:
			broken = broken && !strings.Contains(issue.Detail, "(ref-1)")
		case search.SummaryData:
		default:
			broken = broken && issue.Code != fhir.CodeInvariant
		}
		if broken {
			t.Errorf("%s, %v: %v", name, s, issue)
		}
	}
}

// checkSummary compares a summary with the leaves of the resource on whose way every element is marked as summary or as modifier, or is mandatory.
func checkSummary(t *testing.T, name string, whole, part fhir.Resource) {
	t.Helper()
	var want []string
	for name, value := range whole.Root().All() {
		if name == "resourceType" {
			want = append(want, leaves(".resourceType", value)...)
		} else if name != "extension" {
			want = append(want, marked("", name, value, r4.Lookup(whole.Type()).Root)...)
		}
	}
	if diff := cmp.Diff(want, slices.DeleteFunc(leaves("", part.Root()), isTag)); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

// marked are the leaves of a member that are in the summary of an element.
func marked(path, name string, value any, of *r4.Element) []string {
	element, ref := of.Child(strings.TrimPrefix(name, "_"))
	if element == nil {
		return nil
	}
	path += "." + name
	below := element.Descend(ref)
	switch {
	case strings.HasPrefix(name, "_") || below == nil || ref.Code == "Extension":
		if element.Summary || element.Modifier || element.Min > 0 || element.Name == "extension" {
			return leaves(path, value)
		}
		return nil
	case !element.Summary && !element.Modifier && element.Min == 0:
		return nil
	}
	items, repeats := value.(fhir.Array)
	if !repeats {
		items = fhir.Array{value}
	}
	var all []string
	for _, item := range items {
		for name, value := range item.(*fhir.Object).All() {
			if name == "id" {
				all = append(all, leaves(path+".id", value)...)
			} else {
				all = append(all, marked(path, name, value, below)...)
			}
		}
	}
	if len(all) == 0 && element.Min > 0 {
		return leaves(path, value)
	}
	return all
}

func isTag(leaf string) bool {
	return leaf == `.meta.tag.system="http://terminology.hl7.org/CodeSystem/v3-ObservationValue"` || leaf == `.meta.tag.code="SUBSETTED"`
}
