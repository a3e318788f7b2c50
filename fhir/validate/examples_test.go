package validate_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
)

// knownFaults are those of the official examples themselves: the file and what is wrong with it, without the sentence. Everything else in
// the package, of all types, has to be valid.
var knownFaults = map[string][]string{
	// The performer is an Encounter, which the element does not allow.
	"Observation-clinical-gender.json": {"business-rule Observation.performer[0].reference"},
	// Here, too, the targets are of types that the elements do not allow.
	"DeviceMetric-example.json":        {"business-rule DeviceMetric.parent.reference"},
	"DeviceUseStatement-example.json":  {"business-rule DeviceUseStatement.reasonReference[0].reference"},
	"MedicationRequest-medrx0301.json": {"business-rule MedicationRequest.dispenseRequest.performer.reference"},
	// Their narratives have whitespace alone.
	"ActivityDefinition-blood-tubes-supply.json":        {"invariant ActivityDefinition.text.`div`"},
	"ActivityDefinition-heart-valve-replacement.json":   {"invariant ActivityDefinition.text.`div`"},
	"EventDefinition-example.json":                      {"invariant EventDefinition.text.`div`"},
	"Questionnaire-zika-virus-exposure-assessment.json": {"invariant Questionnaire.text.`div`"},
	// Several data elements have one fullUrl and no version.
	"Bundle-dataelements.json": {"invariant Bundle"},
	// Its inner items have no linkId.
	"Questionnaire-qs1.json": {"required Questionnaire.item[0].item"},
	// The manifest of the specification itself lacks the name and the status; one id in it is longer than 64 characters.
	"ImplementationGuide-fhir.json": {"required ImplementationGuide.name", "required ImplementationGuide.status", "value ImplementationGuide.manifest.resource"},
	"SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json": {"value SearchParameter.id"},
}

// known says whether an issue is one of the file's own faults.
func known(file, issue string) bool {
	if strings.HasPrefix(file, "SearchParameter-") && strings.Contains(file, "-extensions-") && strings.HasPrefix(issue, "required SearchParameter.base:") {
		return true // search parameters on extensions, without the base that is required
	}
	return slices.ContainsFunc(knownFaults[file], func(prefix string) bool { return strings.HasPrefix(issue, prefix) })
}

// definitionSize is from where on, in bytes, a file holds definitions of R4 itself: Bundle-resources.json has 35 MB. The 156
// files that are larger have 82 % of all bytes, and no example of a served type is among them.
const definitionSize = 1 << 17

// TestOfficialExamples: every resource of the official package of definitions and examples is valid, but for its own faults; and is
// valid again as it is stored. The types run beside each other, on one validator.
//
// Under the race detector, which makes the walk six times slower, the large files are left out: they go the ways that the small ones go, only
// more often. Nor is what is stored checked again there, but for the types that are served.
func TestOfficialExamples(t *testing.T) {
	byType := officialExamples(t)
	ofServed := 0
	for _, typ := range served {
		ofServed += len(byType[typ])
	}
	if ofServed < 190 {
		t.Errorf("%d examples of served types, want 190 at least", ofServed)
	}
	for typ, files := range byType {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			for _, path := range files {
				checkExample(t, path, !raceDetector || slices.Contains(served, typ))
			}
		})
	}
}

// officialExamples lists the files to check by the type that their names begin with.
func officialExamples(t *testing.T) map[string][]string {
	t.Helper()
	dir := os.Getenv("PORTICO_TEST_EXAMPLES")
	if dir == "" {
		t.Skip("PORTICO_TEST_EXAMPLES does not name a directory of the official examples")
	}
	files, err := filepath.Glob(filepath.Join(dir, "[A-Z]*-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples in %s: %v", dir, err)
	}
	byType := map[string][]string{}
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if raceDetector && info.Size() >= definitionSize {
			continue
		}
		typ, _, _ := strings.Cut(filepath.Base(path), "-")
		byType[typ] = append(byType[typ], path)
	}
	return byType
}

func checkExample(t *testing.T, path string, twice bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Base(path)
	r := parse(t, string(text))
	issues, _ := checkResource(t, r)
	for _, issue := range issues {
		if !known(file, issue) {
			t.Errorf("%s: %s", file, issue)
		}
	}
	if issues != nil {
		return
	}
	if _, known := knownFaults[file]; known {
		t.Errorf("%s is valid; its fault is known no more", file)
	}
	if twice && len(text) < definitionSize {
		again(t, r)
	}
}

// again checks what an accepted resource has become: as it is stored it is accepted, too, and does not change any more.
func again(t *testing.T, r fhir.Resource) {
	t.Helper()
	stored := fhir.AppendJSON(nil, r.Root())
	second := parse(t, string(stored))
	if err := shared.Check(second); err != nil {
		t.Errorf("what was stored is refused: %v in %.500s", err, stored)
	}
	if read := fhir.AppendJSON(nil, second.Root()); string(read) != string(stored) {
		t.Errorf("what was stored changes once more, from %.500s to %.500s", stored, read)
	}
}
