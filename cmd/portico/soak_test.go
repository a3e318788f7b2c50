package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// TestResidentMemoryUnderMix lets 16 clients read, search and write for a while, ten minutes in the soak, and looks at the resident
// memory of the server meanwhile: it is promised to stay below 150 MB, but not for a program that carries the race detector. Every request must
// succeed.
func TestResidentMemoryUnderMix(t *testing.T) {
	patients, during, step := 200, 3*time.Second, time.Second
	if os.Getenv("PORTICO_TEST_SOAK") != "" {
		patients, during, step = 10_000, 10*time.Minute, 10*time.Second
		if anystore.IsMongo() {
			patients = 1_000 // what is loaded one by one over a wire takes ten times as long, and lies in the memory of another process
		}
	}
	dir, day := t.TempDir(), "2026-06-01"
	if out, err := command(t.Context(), "demo", "--patients", strconv.Itoa(patients), "--at", day, "--out", filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		t.Fatalf("demo: %v: %s", err, out)
	}
	p := serve(t, dir)
	if out, err := p.load(t.Context(), filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		t.Fatalf("load: %v: %s", err, out)
	}
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string][]fhir.Resource{}
	for r := range demo.Generate(demo.Options{Patients: patients, Seed: demo.DefaultSeed, At: at}) {
		kinds[r.Type()] = append(kinds[r.Type()], r)
	}
	both := slices.Concat(kinds["Patient"], kinds["Appointment"])
	anew := slices.Concat(kinds["Patient"], timeless(kinds["Appointment"]))
	mix := mixed(anyOf(each(both, "GET", readPath)), anyOf(each(kinds["Patient"], "GET", identifierPath)),
		anyOf(each(both, "PUT", readPath)), anyOf(each(anew, "POST", typePath)))
	clients := connect(t, strings.TrimPrefix(p.url, "http://"), 16)
	most, count := 0, 0
	for begun := time.Now(); time.Since(begun) < during; {
		done, err := clients.press(step, mix)
		if err != nil {
			t.Fatalf("%v\n%s", err, p.errs)
		}
		count += len(done.latencies)
		now := p.residentMB(t)
		t.Logf("%5.0f s: %d requests, %d MB", time.Since(begun).Seconds(), count, now)
		most = max(most, now)
	}
	t.Logf("%d requests in %s, %d MB resident at most", count, during, most)
	if most >= 150 && !raceDetector {
		t.Errorf("%d MB are resident, 150 are promised", most)
	}
}

// timeless are the appointments that take no slot, and of which there can be any number therefore.
func timeless(appointments []fhir.Resource) []fhir.Resource {
	return slices.DeleteFunc(slices.Clone(appointments), func(r fhir.Resource) bool { return booking.AppointmentOf("", r).IsLive() })
}
