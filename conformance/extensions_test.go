package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/validate"
)

// The extensions of booking are defined under their URLs, validly, where the server has slots for them to say something about, and where no others are stored.
func TestExtensionsAreDefined(t *testing.T) {
	const structures = "StructureDefinition"
	all := []string{booking.LeadTimeURL, booking.NoticeURL, booking.GeneratedURL, booking.HoldUntilURL, booking.HolderURL, booking.WorkingHoursURL}
	for _, tt := range []struct {
		types string
		want  []string
	}{
		{"Appointment Schedule Slot", all},
		{"Schedule Slot", []string{booking.LeadTimeURL, booking.GeneratedURL, booking.WorkingHoursURL}},
		{"Appointment Schedule", nil},
		{"Appointment Schedule Slot StructureDefinition", nil},
	} {
		typ, _ := table(strings.Fields(tt.types)...).Type(structures)
		var got []string
		for _, r := range typ.Definitions {
			got = append(got, r.Root().Text("url"))
			if want := fhir.OwnURL + structures + "/" + r.ID(); got[len(got)-1] != want {
				t.Errorf("%s is called %s", want, got[len(got)-1])
			}
			for _, issue := range validate.New().Report(r) {
				if issue.Severity != fhir.Warning {
					t.Errorf("%s: %v", r.ID(), issue)
				}
			}
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(tt.want)), slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("%s: %s", tt.types, diff)
		}
	}
}

// Extensions that are as they are defined are read, and others are refused: the definitions say what the rules of booking do.
func TestExtensionsAreReadAsDefined(t *testing.T) {
	types := table("Appointment", "Schedule", "Slot")
	minutes := func(n int) string {
		return fmt.Sprintf(`"valueDuration":{"value":%d,"unit":"min","system":"http://unitsofmeasure.org","code":"min"}`, n)
	}
	part := func(url, value string) string { return `{"url":"` + url + `",` + value + `}` }
	within := func(url string, parts ...string) string {
		return part(url, `"extension":[`+strings.Join(parts, ",")+`]`)
	}
	var (
		zone, length, gap  = part("time-zone", `"valueCode":"Europe/Paris"`), part("slot-length", minutes(30)), part("gap", minutes(5))
		lead, from, to     = part(booking.LeadTimeURL, minutes(60)), part("from", `"valueTime":"09:00:00"`), part("to", `"valueTime":"12:00:00"`)
		monday, date       = part("day", `"valueCode":"mon"`), part("date", `"valueDate":"2026-12-24"`)
		period             = part("period", `"valuePeriod":{"start":"2026-12-25","end":"2026-12-26"}`)
		weekly, exceptions = within("weekly", monday, from, to), []string{within("exception", date, within("hours", from, to)), within("exception", period)}
	)
	hours := func(r fhir.Resource) error { _, _, err := booking.HoursOf(r); return err }
	policy := func(r fhir.Resource) error { _, err := booking.PolicyOf(r); return err }
	for name, tt := range map[string]struct {
		of        string
		read      func(fhir.Resource) error
		extension string
		wrong     bool
	}{
		"all parts":           {"Schedule", hours, within(booking.WorkingHoursURL, append(exceptions, zone, length, gap, lead, weekly)...), false},
		"few parts":           {"Schedule", hours, within(booking.WorkingHoursURL, length, weekly), false},
		"no length":           {"Schedule", hours, within(booking.WorkingHoursURL, weekly), true},
		"two lengths":         {"Schedule", hours, within(booking.WorkingHoursURL, length, length, weekly), true},
		"another part":        {"Schedule", hours, within(booking.WorkingHoursURL, length, weekly, part("colour", `"valueCode":"red"`)), true},
		"another value":       {"Schedule", hours, within(booking.WorkingHoursURL, length, weekly, part("gap", `"valueInteger":5`)), true},
		"no day":              {"Schedule", hours, within(booking.WorkingHoursURL, length, within("weekly", from, to)), true},
		"no end":              {"Schedule", hours, within(booking.WorkingHoursURL, length, within("weekly", monday, from)), true},
		"hours without a day": {"Schedule", hours, within(booking.WorkingHoursURL, length, weekly, within("exception", date, within("hours", monday, from, to))), true},
		"two dates":           {"Schedule", hours, within(booking.WorkingHoursURL, length, within("exception", date, date)), true},
		"lead time":           {"HealthcareService", policy, lead, false},
		"notice":              {"HealthcareService", policy, part(booking.NoticeURL, minutes(5)), false},
		"notice in words":     {"HealthcareService", policy, part(booking.NoticeURL, `"valueString":"a day"`), true},
		"hold":                {"Appointment", booking.CheckHoldUntil, part(booking.HoldUntilURL, `"valueInstant":"2026-12-24T09:00:00Z"`), false},
		"hold for a day":      {"Appointment", booking.CheckHoldUntil, part(booking.HoldUntilURL, `"valueDate":"2026-12-24"`), true},
	} {
		r, err := fhir.ParseResource([]byte(`{"resourceType":"` + tt.of + `","extension":[` + tt.extension + `]}`))
		if err != nil {
			t.Fatal(name, err)
		}
		x, _ := r.Root().Array("extension")[0].(*fhir.Object)
		_, id, _ := strings.Cut(x.Text("url"), fhir.OwnURL+"StructureDefinition/")
		typ, _ := types.Type("StructureDefinition")
		i := slices.IndexFunc(typ.Definitions, func(d fhir.Resource) bool { return d.ID() == id })
		fault := against(typ.Definitions[i], "Extension", x)
		if err := tt.read(r); (err != nil) != tt.wrong || (fault != "") != tt.wrong {
			t.Errorf("%s: by the rules the fault is %v, by the definition %q", name, err, fault)
		}
	}
}

// against says what is wrong with an extension by the elements of its definition below one of their ids; "" for nothing.
func against(definition fhir.Resource, id string, x *fhir.Object) string {
	elements := map[string]*fhir.Object{}
	for _, e := range definition.Root().Object("differential").Objects("element") {
		elements[e.Text("id")] = e
	}
	if want := elements[id+".url"].Text("fixedUri"); x.Text("url") != want {
		return x.Text("url") + " is not " + want
	}
	value := ""
	for name := range x.All() {
		if kind, is := strings.CutPrefix(name, "value"); is {
			value = kind
		}
	}
	typ := elements[id+".value[x]"].Array("type")
	if typ == nil {
		if value != "" {
			return id + " has a value"
		}
	} else if code, _ := typ[0].(*fhir.Object); !strings.EqualFold(code.Text("code"), value) {
		return fmt.Sprintf("%s has a %q, not a %s", id, value, code.Text("code"))
	}
	seen := map[string]int{}
	for _, part := range x.Objects("extension") {
		name := strings.TrimPrefix(part.Text("url"), fhir.OwnURL+"StructureDefinition/")
		slice := id + ".extension:" + name
		e := elements[slice]
		if e == nil {
			return slice + " is not defined"
		}
		if seen[slice]++; e.Array("type") != nil {
			continue // it has a definition of its own
		}
		if fault := against(definition, slice, part); fault != "" {
			return fault
		}
	}
	for slice, e := range elements {
		if name, is := strings.CutPrefix(slice, id+".extension:"); is && !strings.Contains(name, ".") {
			least, _ := e.Get("min")
			if n := seen[slice]; n == 0 && least != fhir.Number("0") || n > 1 && e.Text("max") == "1" {
				return fmt.Sprintf("%s stands there %d times", slice, n)
			}
		}
	}
	return ""
}
