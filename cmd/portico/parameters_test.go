package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parameter is a SearchParameter as JSON.
func parameter(code, base, expression string) string {
	return `{"resourceType":"SearchParameter","url":"https://example.org/SearchParameter/` + code + `","name":"` + code + `","status":"active","description":"x","code":"` +
		code + `","base":["` + base + `"],"type":"string","expression":"` + expression + `"}`
}

func bundle(entries ...string) string {
	return `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + strings.Join(entries, `},{"resource":`) + `}]}`
}

// writeParameters writes files below the working directory.
func writeParameters(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSearchParametersAreRead(t *testing.T) {
	one, two := parameter("comment", "Appointment", "Appointment.comment"), parameter("remark", "Slot", "Slot.comment")
	for _, c := range []struct {
		name, path string
		files      map[string]string
		codes      string
	}{
		{"none", "", nil, ""},
		{"one resource", "p.json", map[string]string{"p.json": one}, "comment"},
		{"a Bundle", "p.bundle", map[string]string{"p.bundle": bundle(one, two)}, "comment remark"},
		{"a directory", "own", map[string]string{"own/b.json": one, "own/a.json": bundle(two), "own/README.md": "not read", "own/old/c.json": "not read"}, "remark comment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeParameters(t, c.files)
			config, err := loadConfig(settings(t, "--search-parameters", c.path), none)
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, d := range config.Custom {
				codes = append(codes, d.Code)
			}
			if got := strings.Join(codes, " "); got != c.codes {
				t.Errorf("the parameters are %s, want %s", got, c.codes)
			}
			rules, err := indexRules(config)
			if err != nil || (c.codes != "" && rules.Stamps()["Appointment"]["comment"] == "") {
				t.Errorf("they are not served: %v", err)
			}
		})
	}
}

// TestSearchParameterFaults: those of all files are told at once, each with its file.
func TestSearchParameterFaults(t *testing.T) {
	t.Chdir(t.TempDir())
	writeParameters(t, map[string]string{
		"own/a.json": "{", "own/b.json": `{"resourceType":"Bundle"}`, "own/c.json": `{"resourceType":"Patient"}`,
		"own/d.json": bundle(parameter("status", "Slot", "Slot.comment"), `{}`, parameter("a.b", "Account", "Account.name")),
		"own/e.json": parameter("sound", "Slot", "Slot.comment"), "own/f.json": `{"id":"x"}`, "empty/x.txt": "",
	})
	_, err := loadConfig(settings(t, "--search-parameters", "own"), none)
	if err == nil {
		t.Fatal("no fault was found")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		got = append(got, strings.Join(strings.SplitN(strings.TrimSpace(line), ": ", 5)[:3], ": "))
	}
	want := []string{
		"search-parameters: own/a.json: The name of a member should begin here, in quotation marks, but there is the end of the text (line 1, column 2).", "search-parameters: own/b.json: the Bundle has no entries",
		`search-parameters: own/c.json: a SearchParameter is wanted, not a resource of type "Patient"`,
		`search-parameters: own/d.json: Bundle.entry[1]`,
		`search-parameters: own/f.json: The resource does not say what it is`,
		`search-parameters: own/d.json: Bundle.entry[0]`, `search-parameters: own/d.json: Bundle.entry[2]`, `search-parameters: own/d.json: Bundle.entry[2]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
	for path, word := range map[string]string{"empty": "empty: there is no file in it that ends in .json", "gone.json": "gone.json: no such file"} {
		if _, err := loadConfig(settings(t, "--search-parameters", path), none); err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
