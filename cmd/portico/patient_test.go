package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// The tests of concurrent and interrupted writes store patients that can be recognised: the given names tell which writes made the patient, the
// identifier which condition finds it, and the rest follows from these, so that nothing half-written passes for whole.

const (
	patientSystem = "https://example.org/fire"
	padding       = 40 // how often a patient's first name is repeated in the address: what is stored has several hundred bytes
)

// patientText is the patient in the form in which it is sent. With an empty id it has none.
func patientText(id, identifier string, names ...string) string {
	member := ""
	if id != "" {
		member = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Sprintf(`{"resourceType":"Patient",%s"identifier":[{"system":%q,"value":%q}],"name":[{"given":["%s"]}],"address":[{"text":%q}]}`,
		member, patientSystem, identifier, strings.Join(names, `","`), strings.Repeat(names[0]+" ", padding)+".")
}

// addName is the JSON Patch that adds a name to a patient.
func addName(id, name string, header map[string]string) request {
	all := map[string]string{"Content-Type": "application/json-patch+json"}
	for k, v := range header {
		all[k] = v
	}
	return request{method: http.MethodPatch, path: "Patient/" + id, body: fmt.Sprintf(`[{"op":"add","path":"/name/0/given/-","value":%q}]`, name), header: all}
}

// byIdentifier is the condition that finds a patient.
func byIdentifier(identifier string) string { return "identifier=" + patientSystem + "|" + identifier }

// patient is one as the server has it.
type patient struct {
	id, identifier string
	version        int64
	names          string // given names with commas between
}

// readPatient reads a patient and says what in it is not as any write made it.
func readPatient(r fhir.Resource) (patient, error) {
	p := patient{id: r.ID(), version: versionOf(r.Root().Object("meta").Text("versionId"))}
	for _, i := range r.Root().Objects("identifier") {
		p.identifier = i.Text("value")
	}
	var names []string
	for _, n := range r.Root().Objects("name") {
		for _, given := range n.Array("given") {
			names = append(names, fmt.Sprint(given))
		}
	}
	if len(names) == 0 {
		return p, fmt.Errorf("%s has no name", r.Key())
	}
	p.names = strings.Join(names, ",")
	r = r.Clone()
	withoutStamp(r)
	if got, want := fhir.AppendJSON(nil, r.Root()), []byte(patientText(p.id, p.identifier, names...)); !bytes.Equal(got, want) {
		return p, fmt.Errorf("%s is not what was sent:\n%s\nbut\n%s", r.Key(), want, got)
	}
	return p, nil
}

// patient reads one by its id.
func (c *client) patient(ctx context.Context, id string) (patient, error) {
	a, err := c.send(ctx, request{method: http.MethodGet, path: "Patient/" + id})
	if err != nil {
		return patient{}, err
	}
	r, err := fhir.ParseResource(a.body)
	if err != nil || a.status != http.StatusOK {
		return patient{}, fmt.Errorf("%s: %s (%w)", id, a, err)
	}
	return readPatient(r)
}
