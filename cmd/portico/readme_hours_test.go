package main

import (
	"fmt"
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
