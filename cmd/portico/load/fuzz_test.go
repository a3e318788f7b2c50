package load

import (
	"bytes"
	"testing"

	"github.com/portico-health/portico/fhir"
)

// FuzzRead reads anything. It must come to an end, and what is one resource must come out as it is, both as a line and
// over several lines.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "{}", "[", "{\n", "\x1f\x8b", "\ufeff{}\n{}",
		`{"resourceType":"Patient","id":"a","name":[{"family":"\"}"}]}`,
		"{\n\"resourceType\":\"Bundle\",\n\"entry\":[{\"resource\":{\"resourceType\":\"Patient\"}},\n{}]}",
		`{"resourceType":"Bundle","type":"history","entry":[]}`,
		"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		units := readAll(text)
		resource, err := fhir.ParseResource(text)
		if err != nil || resource.Type() == "Bundle" || !isTypeName(resource.Type()) {
			return
		}
		if _, hasID := resource.Root().Get("id"); hasID && !fhir.ValidID(resource.ID()) {
			return
		}
		over := append([]byte("{\n"), bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), " \t\r\n")[1:]...)
		for _, got := range [][]unit{units, readAll(over)} {
			if len(got) != 1 || got[0].fault != "" || !fhir.Equal(got[0].resource.Root(), resource.Root()) {
				t.Fatalf("%q is read as %+v", text, got)
			}
		}
	})
}

func readAll(text []byte) []unit {
	var units []unit
	r := reader{stdin: bytes.NewReader(text), send: func(u unit) bool {
		units = append(units, u)
		return true
	}}
	r.source(stdinName)
	return units
}
