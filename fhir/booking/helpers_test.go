package booking_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/validate"
)

const base = "https://example.org/fhir"

var validator = validate.New()

// tester is what testing.TB and rapid.T have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// parsed is a resource of JSON text with holes for args.
func parsed(t tester, format string, args ...any) fhir.Resource {
	t.Helper()
	r, err := fhir.ParseResource(fmt.Appendf(nil, format, args...))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return r
}

func text(r fhir.Resource) string { return string(fhir.AppendJSON(nil, r.Root())) }

// wantValid sees to it that a resource is valid FHIR.
func wantValid(t tester, r fhir.Resource) {
	t.Helper()
	if err := validator.Check(r.Clone()); err != nil {
		t.Fatalf("%s is no valid FHIR: %v", text(r), err)
	}
}

// at is the instant that a text tells.
func at(written string) fhir.Instant {
	d, err := fhir.ParseDateTime(written)
	if err != nil {
		panic(err)
	}
	return d.Interval().Low
}

// wantFaults compares an error with lines of "path: sentence"; none ask for no error.
func wantFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	var got []string
	if err != nil {
		fault := fhir.AsError(err)
		if !errors.Is(err, fhir.Unprocessable) {
			t.Errorf("the error is %v, and should be unprocessable", err)
		}
		for _, i := range fault.Issues {
			if i.Severity != fhir.Severe || i.Code != fhir.CodeBusinessRule {
				t.Errorf("%v should be an error of a business rule", i)
			}
			got = append(got, i.Path+": "+i.Detail)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("other faults (-want +got):\n%s", diff)
	}
}
