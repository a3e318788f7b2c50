package load_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/portico-health/portico/cmd/portico/load"
	"github.com/portico-health/portico/fhir"
)

// An appointment takes slots that are there, and obeys the rules of services that are there. So it may not overtake them, be they before it in one file or in
// another file of the directory; other resources may.
func TestAppointmentsDoNotOvertakeTheirSlots(t *testing.T) {
	var slots, services, appointments, all strings.Builder
	for i := range 60 {
		slot := fmt.Sprintf(`{"resourceType":"Slot","id":"s%d"}`+"\n", i)
		service := fmt.Sprintf(`{"resourceType":"HealthcareService","id":"h%d"}`+"\n", i)
		appointment := fmt.Sprintf(`{"resourceType":"Appointment","id":"a%d","slot":[{"reference":"Slot/s%d"}],"participant":[{"status":"accepted"},{"actor":{"reference":"BASE/HealthcareService/h%d"}}]}`+"\n", i, i, i)
		slots.WriteString(slot)
		services.WriteString(service)
		appointments.WriteString(appointment)
		all.WriteString(slot + service + appointment)
	}
	for name, files := range map[string]map[string]string{
		"one file":        {"all.ndjson": all.String()},
		"a file per type": {"Appointment.ndjson": appointments.String(), "HealthcareService.ndjson": services.String(), "Slot.ndjson": slots.String()},
		"numbered files":  {"Appointment.000.ndjson": appointments.String(), "HealthcareService.000.ndjson": services.String(), "Slot.000.ndjson": slots.String()},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			var mu sync.Mutex
			answered := map[string]bool{}
			s.answer = func(w http.ResponseWriter, r *http.Request, body string) bool {
				key := strings.TrimPrefix(r.URL.Path, "/fhir/")
				defer func() {
					mu.Lock()
					defer mu.Unlock()
					answered[key] = true
				}()
				if !strings.HasPrefix(key, "Appointment/") {
					return false
				}
				number := strings.TrimPrefix(key, "Appointment/a")
				mu.Lock()
				defer mu.Unlock()
				if !answered["Slot/s"+number] || !answered["HealthcareService/h"+number] {
					w.WriteHeader(http.StatusUnprocessableEntity)
					return true
				}
				return false
			}
			for name, text := range files {
				files[name] = strings.ReplaceAll(text, "BASE", s.base())
			}
			summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{folder(t, files)}})
			if err != nil || summary.Created != 180 || len(summary.Refusals) > 0 {
				t.Errorf("%d of 180 were stored, %v: %v", summary.Created, err, summary.Refusals)
			}
		})
	}
}

// A slot that comes behind the appointment in a stream is not waited for, and neither is one that the server refuses.
func TestAppointmentsWaitForNobodyElse(t *testing.T) {
	s := newServer(t)
	s.answer = func(w http.ResponseWriter, r *http.Request, body string) bool {
		refused := strings.HasPrefix(r.URL.Path, "/fhir/Slot/refused")
		if refused {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		return refused
	}
	in := strings.NewReader(`{"resourceType":"Slot","id":"refused"}
{"resourceType":"Appointment","id":"1","slot":[{"reference":"Slot/refused"},{"reference":"Slot/later"},{"reference":"Slot/never"},{}]}
{"resourceType":"Slot","id":"later"}
`)
	summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{"-"}, Stdin: io.Reader(in)})
	if err != nil || summary.Created != 2 || len(summary.Refusals) != 1 || summary.Refusals[0].Resource != (fhir.Key{Type: "Slot", ID: "refused"}).String() {
		t.Errorf("%d were stored, %v: %v", summary.Created, err, summary.Refusals)
	}
}
