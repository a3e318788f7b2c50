package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// call carries out a command line in this process, and returns its exit code and what it says.
func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(""), &stdout, &stderr})
	return code, stdout.String(), stderr.String()
}

// sound demands that a check of the store in a folder, beside the server, finds no fault.
func (p *process) sound(t *testing.T, dir string) {
	t.Helper()
	out, err := command(t.Context(), "check", "--store", anystore.Setting(t, dir), "--base-url", p.url).CombinedOutput()
	if err != nil {
		t.Errorf("the store is not sound: %v: %s", err, out)
	}
}

// files are the names in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestCheckBesideServer: a store that a server in another process writes to is sound, and everything of it is looked at.
func TestCheckBesideServer(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	p := serve(t, dir)
	data := filepath.Join(dir, "demo.ndjson")
	out, err := command(t.Context(), "demo", "--patients", "20", "--at", "2026-03-02").Output()
	if err == nil {
		err = os.WriteFile(data, out, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	loaded := make(chan error)
	go func() {
		_, err := p.load(t.Context(), data).Output()
		loaded <- err
	}()
	settings := []string{"--store", "sqlite:portico.db", "--base-url", p.url}
	check := func(args ...string) (summary checkReport) {
		t.Helper()
		code, out, errs := call(t, slices.Concat([]string{"check", "--output", "json"}, settings, args)...)
		if err := json.Unmarshal([]byte(out), &summary); code != exitOK || err != nil || !summary.Sound {
			t.Errorf("exit %d, %v: %s%s", code, err, out, errs)
		}
		return summary
	}
	for done := false; !done; {
		check()
		select {
		case err := <-loaded:
			if done = true; err != nil {
				t.Errorf("load: %v", err)
			}
		default:
		}
	}
	resources := int64(bytes.Count(out, []byte("\n")))
	if s := check(); s.Resources != resources || s.Versions < resources || s.Entries < 10*resources || s.Records == 0 || !s.Compared {
		t.Errorf("looked at %+v, want %d resources", s, resources)
	}
	if s := check("--base-url", "https://fhir.example.org"); s.Compared {
		t.Errorf("compared with what other settings make: %+v", s)
	}
	if code, out, _ := call(t, "check", "--store", "sqlite:portico.db", "--base-url", "https://fhir.example.org"); code != exitOK || !strings.Contains(out, "made by other settings") {
		t.Errorf("exit %d: %s", code, out)
	}
	if !p.put(t.Context(), "later") {
		t.Error("the server takes no writes any more")
	}
}

// TestCheckTellsFaults changes bytes of a stored resource: a check names it, and nothing of what it says.
func TestCheckTellsFaults(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	r := start(t, dir, nil)
	for id, family := range map[string]string{"a": "Canary", "b": "Linnet"} {
		if status := r.send(t, http.MethodPut, "/fhir/Patient/"+id, `{"resourceType":"Patient","id":"`+id+`","name":[{"family":"`+family+`"}]}`); status != http.StatusCreated {
			t.Fatalf("PUT answers %d", status)
		}
	}
	r.end(t)
	path := filepath.Join(dir, "portico.db")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte(`"id":"a","meta":{"versionId":"1"`), []byte(`"id":"a","meta":{"versionId":"7"`), 1)
	text = bytes.Replace(text, []byte(`"family":"Linnet"`), []byte(`"family":"Ouzels"`), 1)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"check", "--store", "sqlite:portico.db", "--base-url", r.Config.BaseURL}
	want := []string{
		"demo/test Patient/a version 1: Its body is another's: meta.versionId in it differ from what the version is.",
		"demo/test Patient/b version 1: Its index entries are not those of its body, by the parameters family, family:sort, name.",
	}
	code, out, _ := call(t, args...)
	lines := strings.Split(out, "\n")
	slices.Sort(lines[:2])
	if code != exitRefused || !slices.Equal(lines[:2], want) || !strings.HasPrefix(lines[2], "portico.db: 2 faults (resources 2, versions 2, index rows ") || len(lines) != 4 {
		t.Errorf("exit %d: %s", code, out)
	}
	code, out, _ = call(t, append(args, "--output", "json")...)
	var told []faultLine
	decoder := json.NewDecoder(strings.NewReader(out))
	for range 2 {
		var f faultLine
		if err := decoder.Decode(&f); err != nil {
			t.Fatal(err)
		}
		told = append(told, f)
	}
	var summary checkReport
	if err := decoder.Decode(&summary); err != nil || code != exitRefused || summary.Sound || summary.Faults != 2 || !summary.Compared {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	if f := told[0]; f.Partition != "demo/test" || f.Type != "Patient" || f.ID == "" || f.Version != 1 || f.Fault == "" {
		t.Errorf("the first fault is told as %+v", f)
	}
	for _, name := range []string{"Canary", "Linnet", "Ouzels"} {
		if strings.Contains(out, name) {
			t.Errorf("the check shows %s: %s", name, out)
		}
	}
}

// TestCheckAndBackupMakeNothing: neither makes a store that is not there, or changes a file that is none.
func TestCheckAndBackupMakeNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"letter.db": "this is a letter, and no database at all", "empty.db": ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := files(t, dir)
	for _, store := range []string{"nobody.db", "no/folder.db", "letter.db", "empty.db", "."} {
		for _, args := range [][]string{{"check"}, {"backup", "copy.db"}} {
			code, out, errs := call(t, append(args, "--store", "sqlite:"+store)...)
			if code != exitUsage || out != "" || !strings.Contains(errs, store+" cannot be") || strings.Contains(errs, "later") || strings.Count(errs, "\n") != 1 {
				t.Errorf("%v on %s: exit %d: %s%s", args, store, code, out, errs)
			}
		}
	}
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("the folder has %v, want %v", after, before)
	}
}

// TestBackupCommand: the store is found as serve finds it, what is copied is told, and nothing is overwritten.
func TestBackupCommand(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	r := start(t, dir, nil)
	if status := r.send(t, http.MethodPut, "/fhir/Patient/a", `{"resourceType":"Patient","id":"a"}`); status != http.StatusCreated {
		t.Fatalf("PUT answers %d", status)
	}
	if err := os.WriteFile(defaultFile, []byte("store: sqlite:portico.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "backup", "by-file.db")
	info, err := os.Stat("by-file.db")
	if code != exitOK || err != nil || !strings.HasPrefix(out, "by-file.db: "+sizeOf(info)+" bytes in ") {
		t.Errorf("exit %d, %v: %s%s", code, err, out, errs)
	}
	if code, _, errs := call(t, "backup", "by-file.db"); code != exitUsage || !strings.Contains(errs, "by-file.db is there already") {
		t.Errorf("a second time: exit %d: %s", code, errs)
	}
	t.Setenv("PORTICO_STORE", "sqlite:by-file.db")
	if code, _, errs := call(t, "backup", "by-environment.db"); code != exitOK {
		t.Errorf("by the environment: exit %d: %s", code, errs)
	}
	if code, out, errs := call(t, "check", "--store", "sqlite:by-environment.db", "--base-url", r.Config.BaseURL); code != exitOK || !strings.Contains(out, "sound (resources 1, ") {
		t.Errorf("check of the copy: exit %d: %s%s", code, out, errs)
	}
	code, _, errs = call(t, "backup", "copy.db", "--store", "mongodb://user:secret@db.example.org/portico")
	if code != exitUsage || !strings.Contains(errs, "mongodump") || strings.Contains(errs, "secret") {
		t.Errorf("MongoDB: exit %d: %s", code, errs)
	}
	for _, args := range [][]string{{"backup"}, {"backup", "a", "b"}, {"check", "x"}, {"check", "--output", "xml"}, {"backup", "x", "--log-level", "loud"}} {
		if code, _, errs := call(t, args...); code != exitUsage || errs == "" {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
	t.Setenv("PORTICO_OUTPUT", "json")
	if code, _, errs := call(t, "check"); code != exitUsage || !strings.Contains(errs, "PORTICO_OUTPUT") {
		t.Errorf("a flag that is no setting came from the environment: exit %d: %s", code, errs)
	}
}

func sizeOf(info os.FileInfo) string {
	if info == nil {
		return ""
	}
	text, _ := json.Marshal(info.Size())
	return string(text)
}
