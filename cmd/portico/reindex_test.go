package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestMove: a server that comes back under another base URL finds by references what they mean there.
func TestMove(t *testing.T) {
	dir := t.TempDir()
	const anew = "indexed anew"
	r := start(t, dir, nil)
	appointment := `{"resourceType":"Appointment","id":"a","status":"proposed","participant":[{"status":"accepted","actor":{"reference":"https://new.example.org/fhir/Patient/1"}}]}`
	if status := r.send(t, http.MethodPut, "/fhir/Appointment/a", appointment); status != http.StatusCreated {
		t.Fatalf("PUT answers %d", status)
	}
	r.end(t)
	for i, base := range []string{"https://new.example.org", "https://new.example.org", "http://portico.example.org"} {
		r := start(t, dir, func(c *Config) { c.BaseURL = base })
		if logged := strings.Contains(r.log.String(), anew); logged != (i != 1) {
			t.Errorf("start %d logs that it indexes: %t", i, logged)
		}
		_, found := r.get(t, "/fhir/Appointment?actor=Patient/1")
		if is := strings.Contains(found, `"fullUrl"`); is != (i != 2) {
			t.Errorf("start %d finds the appointment: %t", i, is)
		}
		r.end(t)
	}
}
