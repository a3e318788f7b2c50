package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/cmd/portico/transfer"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/storage/mongo/mongotest"
)

// filled is a store setting of a new file, in which a server has kept some resources, with versions and deletions.
func filled(t *testing.T, base string) (setting string) {
	t.Helper()
	dir := t.TempDir()
	setting = "sqlite:" + filepath.Join(dir, "portico.db")
	r := start(t, dir, func(c *Config) { c.BaseURL, c.Store = base, setting })
	for i := range 60 {
		id := fmt.Sprintf("p%d", i%40)
		body := fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"family":"Canary%d"}],"multipleBirthInteger":%d}`, id, i, i)
		if status := r.send(t, http.MethodPut, "/fhir/Patient/"+id, body); status >= 300 {
			t.Fatalf("PUT answers %d", status)
		}
	}
	if status := r.send(t, http.MethodDelete, "/fhir/Patient/p3", ""); status != http.StatusOK {
		t.Fatalf("DELETE answers %d", status)
	}
	if status, body := r.get(t, access.JWKSPath); status != http.StatusOK || !strings.Contains(body, `"kid"`) { // from now on it has keys that sign tokens
		t.Fatalf("the keys are %d %s", status, body)
	}
	r.end(t)
	return setting
}

// copying carries out portico copy, and returns its exit code, what it says line by line, and the summary.
func copying(t *testing.T, from, to string, args ...string) (code int, lines []string, summary copyReport) {
	t.Helper()
	code, out, errs := call(t, slices.Concat([]string{"copy", "--from", from, "--to", to, "--output", "json"}, args)...)
	lines = strings.Split(strings.TrimSpace(out), "\n")
	if code != exitUsage {
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil {
			t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
		}
	}
	return code, lines, summary
}

// TestCopyCommand copies from one kind of store into another and back, and serves what came of it.
func TestCopyCommand(t *testing.T) {
	const base = "http://portico.example.org"
	t.Chdir(t.TempDir())
	for name, targets := range map[string]func(t *testing.T) []string{
		"files": func(t *testing.T) []string { return []string{"sqlite:" + filepath.Join(t.TempDir(), "to.db")} },
		"MongoDB": func(t *testing.T) []string {
			return []string{mongotest.URI(t), mongotest.URI(t), "sqlite:" + filepath.Join(t.TempDir(), "to.db")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := filled(t, base)
			from := first
			for _, to := range targets(t) {
				code, lines, s := copying(t, from, to, "--base-url", base)
				if code != exitOK || len(lines) != 1 || !s.Same || s.Copied != 61 || s.Versions != 61 || s.Resources != 39 || s.Records < 1 {
					t.Fatalf("exit %d: %s", code, lines)
				}
				if code, out, errs := call(t, "check", "--store", to, "--base-url", base); code != exitOK || !strings.Contains(out, "sound (resources 39, versions 61") || strings.Contains(out, "other settings") {
					t.Errorf("check: exit %d: %s%s", code, out, errs)
				}
				_, before, _ := call(t, "key", "list", "--output", "json", "--store", from)
				if _, after, _ := call(t, "key", "list", "--output", "json", "--store", to); before == "" || before != after {
					t.Errorf("the keys are %s, and in the copy %s", before, after)
				}
				from = to
			}
			answers, signing := map[string]string{}, map[string]bool{}
			for _, store := range []string{first, from} {
				r := start(t, t.TempDir(), func(c *Config) { c.BaseURL, c.Store = base, store })
				for _, path := range []string{"/fhir/Patient/p7", "/fhir/Patient/p7/_history/1", "/fhir/Patient/p3/_history", "/fhir/Patient?name=canary5&_sort=family", "/fhir/_history?_count=100", "/fhir/AuditEvent?subtype=update&_summary=count"} {
					status, body := r.get(t, path)
					if before, seen := answers[path]; status != http.StatusOK || seen && before != body {
						t.Errorf("%s answers %d: %s, want %s", path, status, body, before)
					}
					answers[path] = body
				}
				_, body := r.get(t, access.JWKSPath)
				signing[body] = true
				r.end(t)
			}
			if len(signing) != 2 {
				t.Error("the copy signs tokens by the keys of its source")
			}
			if code, lines, s := copying(t, first, from, "--base-url", base); code != exitOK || s.Copied != 0 {
				t.Errorf("again: exit %d: %s", code, lines)
			}
		})
	}
}

// TestCopyTellsOfDifferences changes a byte in the copy.
func TestCopyTellsOfDifferences(t *testing.T) {
	const base = "http://portico.example.org"
	dir := t.TempDir()
	t.Chdir(dir)
	from := filled(t, base)
	copying(t, from, "sqlite:to.db", "--base-url", base)
	text, err := os.ReadFile("to.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("to.db", bytes.ReplaceAll(text, []byte(`"family":"Canary39"`), []byte(`"family":"Linnet39"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := call(t, "copy", "--from", from, "--to", "sqlite:to.db", "--base-url", base)
	if code != exitRefused || !strings.HasPrefix(out, "demo/test Patient/p39 version 1: It is not the same in the target: the bodies differ.\n") ||
		!strings.Contains(out, "DIFFERENT") || !strings.Contains(out, "-> to.db: one difference (copied 0; resources 39, versions 61, records ") || strings.Contains(out, "Canary") {
		t.Errorf("exit %d: %s", code, out)
	}
	code, lines, s := copying(t, from, "sqlite:to.db", "--base-url", base)
	var told differenceLine
	if err := json.Unmarshal([]byte(lines[0]), &told); err != nil || code != exitRefused || s.Same || s.Differences != 1 || told != (differenceLine{"demo/test", "Patient", "p39", 1, told.Difference}) {
		t.Errorf("exit %d, %v: %s", code, err, lines)
	}
	same := func(c transfer.Comparison) bool { return c.From == c.To }
	if len(s.Types) != 1 || same(s.Types[0]) || s.Types[0].From.Versions != 61 || s.Types[0].From.Hash == "" {
		t.Errorf("the types are %+v", s.Types)
	}
}

// TestCopyRefusals: what cannot be copied is told in a line, with exit code 2, and nothing secret in it.
func TestCopyRefusals(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	from, other := filled(t, "http://portico.example.org"), filled(t, "http://portico.example.org")
	nobody := "mongodb://user:secret@" + freeAddress(t) + "/db?serverSelectionTimeoutMS=300&connectTimeoutMS=300"
	for _, c := range []struct {
		args  []string
		words string
	}{
		{[]string{"copy"}, "--from: it names a store"},
		{[]string{"copy", "--from", from}, "--to: it names a store"},
		{[]string{"copy", "--from", from, "--to", from}, "it is the store that is copied"},
		{[]string{"copy", "--from", "mongodb://u:secret@h", "--to", "x"}, "names no host or no database"},
		{[]string{"copy", "--from", from, "--to", other}, "cannot be copied to"},
		{[]string{"copy", "--from", "sqlite:nobody.db", "--to", "sqlite:to.db"}, "nobody.db cannot be opened"},
		{[]string{"copy", "--from", from, "--to", "sqlite:to.db", "--output", "xml"}, "is not text or json"},
		{[]string{"copy", "--from", from, "--to", nobody}, "cannot be opened"},
		{[]string{"copy", "--from", nobody, "--to", "sqlite:to.db"}, "cannot be opened"},
	} {
		began := time.Now()
		code, out, errs := call(t, c.args...)
		if code != exitUsage || out != "" || !strings.Contains(errs, c.words) || strings.Contains(errs, "secret") || time.Since(began) > 10*time.Second {
			t.Errorf("%v: exit %d within %s: %s%s", c.args, code, time.Since(began), out, errs)
		}
	}
	if there := files(t, dir); there != nil {
		t.Errorf("there are %v", there)
	}
}

// TestKilledCopyGoesOn kills copies in their middle, and lets the last one come to its end.
func TestKilledCopyGoesOn(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	source := start(t, dir, func(c *Config) { c.Store = "sqlite:" + filepath.Join(dir, "portico.db") })
	from, base := source.Config.Store, source.Config.BaseURL
	if err := source.fillAll(t.Context(), demo.Generate(demo.Options{Patients: 150, Seed: 1, At: time.Now()})); err != nil {
		t.Fatal(err)
	}
	source.end(t)
	targets := map[string]func(t *testing.T) string{
		"file":    func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "to.db") },
		"MongoDB": func(t *testing.T) string { return mongotest.URI(t) },
	}
	for name, target := range targets {
		t.Run(name, func(t *testing.T) {
			to := target(t)
			killed := 0
			for pause := 100 * time.Millisecond; killed < 3; pause = pause * 3 / 2 {
				cmd := command(t.Context(), "copy", "--from", from, "--to", to, "--base-url", base)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(pause) // any moment will do
				_ = cmd.Process.Kill()
				if err := cmd.Wait(); err == nil {
					break
				}
				killed++
			}
			code, lines, s := copying(t, from, to, "--base-url", base)
			if code != exitOK || !s.Same || s.Versions < 1000 {
				t.Errorf("behind %d that were killed: exit %d: %s", killed, code, lines)
			}
			t.Logf("%d copies were killed; the last copied %d of %d versions", killed, s.Copied, s.Versions)
			if code, out, errs := call(t, "check", "--store", to, "--base-url", base); code != exitOK {
				t.Errorf("check: exit %d: %s%s", code, out, errs)
			}
		})
	}
}
