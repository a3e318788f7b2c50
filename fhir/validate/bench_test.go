package validate_test

import (
	_ "embed"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/validate"
)

//go:embed testdata/patient-2kb.json
var patientFile []byte

// compactPatient is the patient as a client sends it, in about 2 KB.
func compactPatient(tb testing.TB) []byte {
	tb.Helper()
	v, err := fhir.ParseJSON(patientFile)
	if err != nil {
		tb.Fatal(err)
	}
	text := fhir.AppendJSON(nil, v)
	if len(text) < 1900 || len(text) > 2200 {
		tb.Fatalf("the patient has %d bytes, not about 2 KB", len(text))
	}
	return text
}

// BenchmarkDecodeAndCheckPatient2KB is the budget of the design: decode and validation in 150 µs of CPU.
func BenchmarkDecodeAndCheckPatient2KB(b *testing.B) {
	text, v := compactPatient(b), validate.New()
	b.ReportAllocs()
	for b.Loop() {
		r, err := fhir.ParseResource(text)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Check(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodePatient2KB is the floor below it.
func BenchmarkDecodePatient2KB(b *testing.B) {
	text := compactPatient(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fhir.ParseResource(text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstPatient2KB is what the first patient of a new program costs: all schemas and rules that it needs are worked out.
func BenchmarkFirstPatient2KB(b *testing.B) {
	text := compactPatient(b)
	b.ReportAllocs()
	for b.Loop() {
		r, err := fhir.ParseResource(text)
		if err != nil {
			b.Fatal(err)
		}
		if err := validate.New().Check(r); err != nil {
			b.Fatal(err)
		}
	}
}
