package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// sent is what a call of the README sends.
var sent = regexp.MustCompile("(?s)--data '({\n.*?})'\n")

// TestReadmeMakesSlots reads the working hours of the README, and counts the slots that it says they make.
func TestReadmeMakesSlots(t *testing.T) {
	_, text, _ := strings.Cut(readme(t), "## Slots by working hours")
	bodies := sent.FindAllStringSubmatch(text, 2)
	if len(bodies) != 2 {
		t.Fatalf("the README sends %d bodies", len(bodies))
	}
	schedule, err := fhir.ParseResource([]byte(bodies[0][1]))
	must(t, err)
	hours, found, err := booking.HoursOf(schedule)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	period, err := fhir.ParseResource([]byte(bodies[1][1]))
	must(t, err)
	bounds := map[string]fhir.Interval{}
	for _, p := range period.Root().Objects("parameter") {
		day, err := fhir.ParseDateTime(p.Text("valueDate"))
		must(t, err)
		bounds[p.Text("name")] = hours.Period(day)
	}
	times := hours.Times(bounds["start"].Low, bounds["end"].High)
	if answer := fmt.Sprintf(`{"name":"created","valueInteger":%d}`, len(times)); !strings.Contains(text, answer) {
		t.Errorf("%d slots are made, and the README says otherwise", len(times))
	}
	if first, last := times[0].Start.Time(), times[len(times)-1].Start.Time(); first.Hour() != 9 || last.Hour() != 10 {
		t.Errorf("the first slot begins at %s, the last at %s", first, last)
	}
}

// shownExtension is a row of the README that shows an extension of a resource, or a part of working hours.
var shownExtension = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([A-Z][A-Za-z]+|0\\.\\.1|1|many)(?:; working hours)? \\| `(\"(?:value[A-Za-z]+|extension)\":[^`…]+)` \\|")

// TestReadmeShowsExtensions writes each extension that the README shows: a server takes it, with working hours of all the parts, and has its definition.
func TestReadmeShowsExtensions(t *testing.T) {
	_, text, _ := strings.Cut(readme(t), "\n### Extensions\n")
	text, _, _ = strings.Cut(text, "\n### ")
	of := map[string]string{}
	var parts []string
	add := func(typ, url, value string) string {
		_, id, _ := strings.Cut(url, fhir.OwnURL+"StructureDefinition/")
		if id != "" {
			of[id] = typ
		}
		return fmt.Sprintf(`{"url":%q,%s}`, url, value)
	}
	written := map[string][]string{}
	for _, row := range shownExtension.FindAllStringSubmatch(text, -1) {
		name, typ, value := row[1], row[2], row[3]
		if _, isType := bodies[typ]; !isType {
			parts = append(parts, add(typ, name, value))
			continue
		}
		x := add(typ, fhir.OwnURL+"StructureDefinition/"+name, value)
		if written[typ] = append(written[typ], x); name == "booking-lead-time" {
			parts = append(parts, x)
		}
	}
	written["Schedule"] = []string{add("Schedule", booking.WorkingHoursURL, `"extension":[`+strings.Join(parts, ",")+`]`)}
	if len(parts) != 6 || len(of) != 6 {
		t.Errorf("the README shows the extensions %v, and working hours of %s", of, parts)
	}
	r := start(t, t.TempDir(), func(c *Config) { c.Dev = true })
	for typ, all := range written {
		body := `{"resourceType":"` + typ + `","extension":[` + strings.Join(all, ",") + `],` + bodies[typ] + `}`
		if typ == "Slot" { // it names who has it
			body = strings.Replace(body, `"free"`, `"busy"`, 1)
		}
		if status, answer := r.post(t, "/fhir/"+typ, body); status != http.StatusCreated {
			t.Errorf("%s is answered %d %s", body, status, answer)
		}
	}
	for id := range of {
		if status, answer := r.get(t, "/fhir/StructureDefinition/"+id); status != http.StatusOK {
			t.Errorf("of %s there is no definition: %s", id, answer)
		}
	}
}
