package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/cmd/portico/load"
	"github.com/portico-health/portico/cmd/portico/transfer"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// TestDemoIsBooked gets the demo data into a server in each of the ways that there are, twice, long after its day and long before: nothing is refused, every
// slot names the appointment that has it, and every appointment has one Task, as they are written.
func TestDemoIsBooked(t *testing.T) {
	for name, at := range map[string]time.Time{"past": time.Date(2020, 6, 1, 0, 0, 0, 0, time.UTC), "to come": time.Date(2120, 6, 3, 0, 0, 0, 0, time.UTC)} {
		data := demo.Generate(demo.Options{Patients: 20, Seed: 1, At: at})
		for way, bring := range map[string]func(*running){
			"a stream":        func(r *running) { r.loadAll(t, streamOf(t, data)) },
			"a file per type": func(r *running) { r.loadAll(t, filesOf(t, data)) },
			"filled": func(r *running) {
				if err := r.fillAll(t.Context(), data); err != nil {
					t.Fatal(err)
				}
			},
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				r := start(t, t.TempDir(), nil)
				bring(r)
				bring(r)
				tasks := 0
				for want := range data {
					if want.Type() == "Slot" || want.Type() == "Appointment" || want.Type() == "Task" {
						r.isAsWritten(t, want)
					}
					if want.Type() == "Task" {
						tasks++
					}
				}
				if _, body := r.get(t, "/fhir/Task?_summary=count"); !strings.Contains(body, fmt.Sprintf(`"total":%d`, tasks)) {
					t.Errorf("there are other than %d Tasks: %s", tasks, body)
				}
			})
		}
	}
}

type resources = func(yield func(fhir.Resource) bool)

func streamOf(t *testing.T, data resources) string {
	t.Helper()
	var text bytes.Buffer
	if err := demo.WriteNDJSON(&text, data); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "demo.ndjson")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func filesOf(t *testing.T, data resources) string {
	t.Helper()
	dir := t.TempDir()
	if err := demo.WriteFiles(dir, data); err != nil {
		t.Fatal(err)
	}
	return dir
}

// loadAll loads files, and expects no refusal.
func (r *running) loadAll(t *testing.T, path string) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections() // the server does not wait for them
	summary, err := load.Run(t.Context(), load.Options{URL: r.url + "/fhir", Key: r.key, Files: []string{path}, Client: &http.Client{Transport: transport}})
	if err != nil || len(summary.Refusals) > 0 {
		t.Fatalf("%v %.2000v", err, summary.Refusals)
	}
}

// isAsWritten compares what the server has, but for what it tells of itself: its stamp, and by which attempt a slot was taken.
func (r *running) isAsWritten(t *testing.T, want fhir.Resource) {
	t.Helper()
	status, text := r.get(t, "/fhir/"+want.Key().String())
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", want.Key(), status, text)
	}
	got, err := fhir.ParseResource([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	withoutStamp(got)
	if s := booking.SlotOf("", got); s.Attempt != "" {
		got = booking.Take(got, s.Status, s.Holder, "")
	}
	if place := difference(want.Type(), transfer.Plain(want.Root()), transfer.Plain(got.Root())); place != "" {
		t.Errorf("%s has another %s: %s", want.Key(), place, text)
	}
}
