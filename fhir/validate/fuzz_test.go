package validate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
)

// FuzzCheck: whatever comes in, Check answers; what it accepts it accepts again as stored, unchanged; what it refuses has a place and a
// sentence of our own.
func FuzzCheck(f *testing.F) {
	f.Add(patientFile)
	for _, seed := range []string{
		`{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"x","valueDateTime":"2026-01-01T10:00:00.5+01:00"}]}]}]}`,
		`{"resourceType":"Appointment","status":"booked","start":"2026-01-01T10:00:00+01:00","end":"2026-01-01T10:30:00+01:00","participant":[{"actor":{"reference":"#p"},"status":"accepted"}],"contained":[{"resourceType":"Patient","id":"p"}]}`,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Task","status":"draft","intent":"order","input":[{"type":{"text":"x"},"valueReference":{"reference":"Patient?a=b"}}]},"request":{"method":"POST","url":"Task"}}]}`,
		`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueRange":{"low":{"value":1e10},"high":{"value":0.5E+11}},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p style='x'>A&amp;</p></div>"}}`,
		`{"resourceType":"Patient","birthDate":null,"_id":[],"contained":[[],{}],"gender":{"a":[null]},"x y":1}`,
		`{"resourceType":"Provenance","signature":[{"when":"2026-01-01T10:00:00+01:00"}],"target":{},"recorded":"9999-12-31T23:59:60-14:00"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := fhir.ParseResource(text)
		if err != nil {
			return
		}
		err = shared.Check(r)
		if err == nil {
			again(t, r)
			return
		}
		var e *fhir.Error
		if !errors.As(err, &e) {
			t.Fatalf("%v is no *fhir.Error", err)
		}
		for _, i := range e.Issues {
			if i.Detail == "" || (i.Path == "" && i.Severity == fhir.Severe) || strings.Contains(i.Detail, "Expected:") {
				t.Errorf("issue %v", i)
			}
		}
	})
}
