package validate_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
)

// TestUTC: what is stored and returned of an instant or a dateTime.
func TestUTC(t *testing.T) {
	for _, tt := range []struct{ typeCode, written, stored string }{
		{"instant", "2026-06-01T09:30:00Z", "2026-06-01T09:30:00Z"},
		{"instant", "2026-06-01T09:30:00+01:00", "2026-06-01T08:30:00Z"},
		{"instant", "2026-06-01T09:30:00.120+01:00", "2026-06-01T08:30:00.120Z"},
		{"instant", "2026-06-01T09:30:00.123456789123+01:00", "2026-06-01T08:30:00.123456789123Z"},
		{"instant", "2026-06-01T09:30:00+00:00", "2026-06-01T09:30:00Z"},
		{"instant", "2026-06-01T09:30:00-00:00", "2026-06-01T09:30:00Z"},
		{"instant", "2025-12-31T23:30:00-05:30", "2026-01-01T05:00:00Z"},
		{"instant", "2024-03-01T01:00:00+14:00", "2024-02-29T11:00:00Z"},
		{"dateTime", "2026-06-01T09:30:00+01:00", "2026-06-01T08:30:00Z"},
		{"dateTime", "2017-01-01T00:59:60+01:00", "2016-12-31T23:59:60Z"},
		{"dateTime", "2026-06-01", "2026-06-01"},
		{"dateTime", "2026-06", "2026-06"},
		{"dateTime", "2026", "2026"},
		{"date", "2026-06-01", "2026-06-01"},
		{"time", "09:30:00", "09:30:00"},
		{"string", "2026-06-01T09:30:00+01:00", "2026-06-01T09:30:00+01:00"},
		{"code", "2026-06-01T09:30:00+01:00", "2026-06-01T09:30:00+01:00"},
	} {
		r := parse(t, extension(tt.typeCode, `"`+tt.written+`"`))
		if err := shared.Check(r); err != nil {
			t.Errorf("%s %s: %v", tt.typeCode, tt.written, err)
			continue
		}
		want := parse(t, extension(tt.typeCode, `"`+tt.stored+`"`))
		if !fhir.Equal(r.Root(), want.Root()) {
			t.Errorf("%s %s became %s, want %s", tt.typeCode, tt.written, fhir.AppendJSON(nil, r.Root()), tt.stored)
		}
	}
}

// TestUTCEverywhere: single values, arrays with null, periods, contained resources, extensions of primitives; not below a Signature.
func TestUTCEverywhere(t *testing.T) {
	for name, tt := range map[string]struct{ written, stored string }{
		"array with null": {
			`{"resourceType":"Patient","extension":[{"url":"http://example.org/x","valueTiming":{"event":["2026-01-01T01:00:00+01:00",null],"_event":[null,{"extension":[{"url":"http://example.org/y","valueInstant":"2026-01-01T01:00:00+01:00"}]}]}}]}`,
			`{"resourceType":"Patient","extension":[{"url":"http://example.org/x","valueTiming":{"event":["2026-01-01T00:00:00Z",null],"_event":[null,{"extension":[{"url":"http://example.org/y","valueInstant":"2026-01-01T00:00:00Z"}]}]}}]}`,
		},
		"contained": {
			`{"resourceType":"Appointment","status":"booked","start":"2026-01-01T10:00:00+01:00","end":"2026-01-01T10:30:00+01:00","participant":[{"actor":{"reference":"#p"},"status":"accepted","period":{"start":"2026-01-01T10:00:00+01:00"}}],"contained":[{"resourceType":"Patient","id":"p","deceasedDateTime":"2026-01-01T10:00:00+01:00"}]}`,
			`{"resourceType":"Appointment","status":"booked","start":"2026-01-01T09:00:00Z","end":"2026-01-01T09:30:00Z","participant":[{"actor":{"reference":"#p"},"status":"accepted","period":{"start":"2026-01-01T09:00:00Z"}}],"contained":[{"resourceType":"Patient","id":"p","deceasedDateTime":"2026-01-01T09:00:00Z"}]}`,
		},
		"signature": {
			`{"resourceType":"Provenance","target":[{"reference":"Patient/1"}],"recorded":"2026-01-01T10:00:00+01:00","agent":[{"who":{"display":"x"}}],"signature":[{"type":[{"code":"x"}],"when":"2026-01-01T10:00:00+01:00","who":{"display":"x","identifier":{"value":"x","period":{"start":"2026-01-01T10:00:00+01:00"}}}}]}`,
			`{"resourceType":"Provenance","target":[{"reference":"Patient/1"}],"recorded":"2026-01-01T09:00:00Z","agent":[{"who":{"display":"x"}}],"signature":[{"type":[{"code":"x"}],"when":"2026-01-01T10:00:00+01:00","who":{"display":"x","identifier":{"value":"x","period":{"start":"2026-01-01T10:00:00+01:00"}}}}]}`,
		},
	} {
		r := parse(t, tt.written)
		if err := shared.Check(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tt.stored, string(fhir.AppendJSON(nil, r.Root()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestUTCOverflow: the year 0 and the year 10000 do not exist.
func TestUTCOverflow(t *testing.T) {
	for _, written := range []string{"0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00-01:00"} {
		issues, kind := check(t, extension("dateTime", `"`+written+`"`))
		want := []string{`value Basic.extension[0].value: "` + written + `" lies in UTC outside of the years 0001 to 9999.`}
		if diff := cmp.Diff(want, issues); diff != "" || !errors.Is(kind, fhir.Invalid) {
			t.Errorf("kind %v, issues (-want +got):\n%s", kind, diff)
		}
	}
}
