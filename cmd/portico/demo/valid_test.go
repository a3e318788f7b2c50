package demo_test

import (
	"bytes"
	"testing"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/validate"
)

// Everything is valid R4, and already as the server keeps it: validation changes nothing, neither zones nor text.
func TestDataIsValid(t *testing.T) {
	validator := validate.New()
	for r := range demo.Generate(demo.Options{}) {
		before := fhir.AppendJSON(nil, r.Root())
		parsed, err := fhir.ParseResource(before)
		if err != nil {
			t.Fatal(err)
		}
		if err := validator.Check(parsed); err != nil {
			t.Errorf("%s: %v", r.Key(), err)
		}
		if after := fhir.AppendJSON(nil, parsed.Root()); !bytes.Equal(before, after) {
			t.Errorf("%s is changed from\n%s to\n%s", r.Key(), before, after)
		}
		if t.Failed() {
			return
		}
	}
}
