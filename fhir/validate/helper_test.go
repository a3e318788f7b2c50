package validate_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/validate"
)

// served are the resource types that the program serves by default.
var served = []string{
	"Appointment", "AppointmentResponse", "AuditEvent", "DocumentReference", "Encounter", "HealthcareService", "Location",
	"Observation", "Organization", "Patient", "Practitioner", "PractitionerRole", "Provenance", "RelatedPerson",
	"Schedule", "ServiceRequest", "Slot", "Subscription", "Task",
}

// shared is one validator for all tests, as a program has one for all requests.
var shared = validate.New()

func parse(t *testing.T, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.ParseResource([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return r
}

// check returns the issues of a refusal as "code path: detail", and its kind; nil for none.
func check(t *testing.T, text string) (issues []string, kind error) {
	t.Helper()
	return checkResource(t, parse(t, text))
}

func checkResource(t *testing.T, r fhir.Resource) (issues []string, kind error) {
	t.Helper()
	err := shared.Check(r)
	if err == nil {
		return nil, nil
	}
	var e *fhir.Error
	if !errors.As(err, &e) || len(e.Issues) == 0 {
		t.Fatalf("Check returned %v, no *fhir.Error with issues", err)
	}
	for _, i := range e.Issues {
		if i.Severity != fhir.Severe {
			t.Errorf("severity %s of %s", i.Severity, i.Detail)
		}
		issues = append(issues, string(i.Code)+" "+i.Path+": "+i.Detail)
	}
	return issues, e.Kind
}

// refusal is a resource and the issues that it is refused with, all of them.
type refusal struct {
	name     string
	resource string
	issues   []string
}

func testRefusals(t *testing.T, kind fhir.Kind, refusals []refusal) {
	t.Helper()
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			issues, got := check(t, tt.resource)
			if !errors.Is(got, kind) {
				t.Errorf("kind %v, want %v", got, kind)
			}
			if diff := cmp.Diff(tt.issues, issues); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
		})
	}
}

// testAccepted checks that resources are valid.
func testAccepted(t *testing.T, resources map[string]string) {
	t.Helper()
	for name, resource := range resources {
		t.Run(name, func(t *testing.T) {
			if issues, _ := check(t, resource); issues != nil {
				t.Errorf("refused: %q", issues)
			}
		})
	}
}
