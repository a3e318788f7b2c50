package demo_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/fhir"
)

func ndjson(t *testing.T, opts demo.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := demo.WriteNDJSON(&b, demo.Generate(opts)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSameOptionsMakeSameBytes(t *testing.T) {
	june := time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)
	small := demo.Options{Patients: 20, Seed: 7, At: june}
	want := ndjson(t, small)

	seq := demo.Generate(small)
	for range seq {
		break // a reader that stops early leaves nothing behind
	}
	var again bytes.Buffer
	if err := demo.WriteNDJSON(&again, seq); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), want) {
		t.Error("the second pass over the sequence differs from the first")
	}

	if night := time.Date(2026, time.June, 1, 23, 59, 0, 0, time.FixedZone("", -8*3600)); !bytes.Equal(ndjson(t, demo.Options{Patients: 20, Seed: 7, At: night}), want) {
		t.Error("the time of the day makes a difference")
	}
	if bytes.Equal(ndjson(t, demo.Options{Patients: 20, Seed: 8, At: june}), want) {
		t.Error("the seed makes no difference")
	}
	if bytes.Equal(ndjson(t, demo.Options{Patients: 20, Seed: 7, At: june.AddDate(0, 0, 1)}), want) {
		t.Error("the day makes no difference")
	}
}

// The bytes are the same on every machine and for every version of Go. Who changes the data on purpose changes this sum.
func TestBytesAreKnown(t *testing.T) {
	sum := sha256.Sum256(ndjson(t, demo.Options{Patients: 100, Seed: 1, At: time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)}))
	const want = "4e11d067168a3a69d93124006a492c25fc30f470ee4feb07f94a8a478ace29d9"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("the data of 100 patients has the sum\n%s, not\n%s", got, want)
	}
}

func TestDefaults(t *testing.T) {
	want := ndjson(t, demo.Options{Patients: demo.DefaultPatients, Seed: demo.DefaultSeed, At: time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)})
	for _, opts := range []demo.Options{{}, {Patients: -1}, {At: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		if !bytes.Equal(ndjson(t, opts), want) {
			t.Errorf("%+v is not the default", opts)
		}
	}
}

func TestCounts(t *testing.T) {
	tests := []struct{ patients, slots, appointments int }{
		{1, 4, 1}, {2, 8, 3}, {7, 28, 11}, {25, 100, 40}, {33, 132, 52}, {299, 1196, 478}, {500, 2000, 800}, {777, 3108, 1243}, {2600, 10400, 4160},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.patients), func(t *testing.T) {
			got := map[string]int{}
			for r := range demo.Generate(demo.Options{Patients: test.patients}) {
				got[r.Type()]++
			}
			if got["Patient"] != test.patients || got["Slot"] != test.slots || got["Appointment"] != test.appointments || got["Task"] != test.appointments {
				t.Errorf("%d patients, %d slots, %d appointments, %d tasks; want %d, %d, %d and a task for each", got["Patient"], got["Slot"], got["Appointment"], got["Task"], test.patients, test.slots, test.appointments)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name string
		opts demo.Options
		want []string // paths of the issues
	}{
		{"defaults", demo.Options{}, nil},
		{"least", demo.Options{Patients: 1, Seed: -5, At: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)}, nil},
		{"most", demo.Options{Patients: demo.MaxPatients, At: time.Date(2200, 12, 31, 0, 0, 0, 0, time.UTC)}, nil},
		{"all wrong", demo.Options{Patients: -1, At: time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC)}, []string{"patients", "at"}},
		{"too many", demo.Options{Patients: demo.MaxPatients + 1}, []string{"patients"}},
		{"too late", demo.Options{At: time.Date(2201, 1, 1, 0, 0, 0, 0, time.UTC)}, []string{"at"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.opts.Check()
			if test.want == nil {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var e *fhir.Error
			if !errors.As(err, &e) || e.Kind != fhir.Invalid {
				t.Fatalf("error %v, want one of kind Invalid", err)
			}
			var got []string
			for _, i := range e.Issues {
				got = append(got, i.Path)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWriteFiles(t *testing.T) {
	opts := demo.Options{Patients: 12}
	dir := filepath.Join(t.TempDir(), "new", "data")
	if err := demo.WriteFiles(dir, demo.Generate(opts)); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{}
	for r := range demo.Generate(opts) {
		want[r.Type()+".ndjson"] = append(fhir.AppendJSON(want[r.Type()+".ndjson"], r.Root()), '\n')
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want[e.Name()]) {
			t.Errorf("%s is not what was generated", e.Name())
		}
		delete(want, e.Name())
	}
	if len(want) > 0 {
		t.Errorf("no file for %d types", len(want))
	}
}

// fullDisk fails behind some bytes.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	for _, room := range []int{0, 100_000} {
		if err := demo.WriteNDJSON(&fullDisk{room}, demo.Generate(demo.Options{})); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("with room for %d bytes: error %v", room, err)
		}
	}
	if err := demo.WriteNDJSON(&fullDisk{0}, slices.Values([]fhir.Resource{fhir.NewResource(fhir.NewObject())})); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("error %v of the last flush", err)
	}
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := demo.WriteFiles(taken, demo.Generate(demo.Options{Patients: 1})); err == nil {
		t.Error("no error where the directory is a file")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "Patient.ndjson"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := demo.WriteFiles(dir, demo.Generate(demo.Options{Patients: 1})); err == nil {
		t.Error("no error where a file is a directory")
	}
}

func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		if err := demo.WriteNDJSON(io.Discard, demo.Generate(demo.Options{Patients: 10_000})); err != nil {
			b.Fatal(err)
		}
	}
}
