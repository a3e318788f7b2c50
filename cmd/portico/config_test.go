package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/portico-health/portico/fhir/audit"
)

// settings are the flags of serve after a command line.
func settings(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	defineSettings(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

func none() []string { return nil }

func TestDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := loadConfig(settings(t), none)
	if err != nil || c.Listen != "127.0.0.1:8080" || c.Store != defaultStore || c.BaseURL != "http://127.0.0.1:8080" || c.Dev {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = loadConfig(settings(t, "--dev"), none)
	if err != nil || c.Store != devStore {
		t.Errorf("--dev has a store of its own: %+v, %v", c, err)
	}
}

// TestPrecedence: a flag goes before the environment, that before the file, that before the default.
func TestPrecedence(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(defaultFile, []byte("listen: 127.0.0.1:1111\nlog-level: warn\nlog-format: json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func() []string {
		return []string{"PORTICO_LISTEN=127.0.0.1:2222", "PORTICO_LOG_LEVEL=error", "PORTICO_RESOURCES=Patient,Slot", "PORTICO_TEST_EXAMPLES=ignored"}
	}
	c, err := loadConfig(settings(t, "--listen", "127.0.0.1:3333"), env)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join([]string{c.Listen, c.LogLevel, c.LogFormat, strings.Join(c.Resources, "+")}, " ")
	if want := "127.0.0.1:3333 error json Patient+Slot"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(defaultFile, []byte("taste: sweet\nlisten: {a: b}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func() []string { return []string{"PORTICO_COLOUR=red", "PORTICO_DEV=maybe", "PORTICO_STORE="} }
	_, err := loadConfig(settings(t, "--listen", "0.0.0.0:80", "--store", "postgres://u:secret@h/db", "--base-url", "https://me:secret@example.org", "--log-level", "loud", "--log-format", "xml", "--grace", "-1s", "--resources", "Pateint", "--hold-time", "0s", "--search-budget", "0", "--search-includes", "-1", "--audit", "some", "--audit-keep", "1h"), env)
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, word := range []string{"PORTICO_COLOUR", `PORTICO_DEV: "maybe" is no true or false`, "taste in portico.yaml", "listen in portico.yaml", "listen:", "store:", "base-url:", "log-level:", "log-format:", "grace:", "hold-time: 0s is not between 1s and 24h", "search-budget: 0", "search-includes: -1", `audit: "some" is not all, writes or off`, "audit-keep: ", "resources:", "Pateint"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not tell of %s: %v", word, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows a password: %v", err)
	}
}

// TestUnreadableFlags are told in words, each of them, and beside whatever else is wrong.
func TestUnreadableFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	env := func() []string { return []string{"PORTICO_SEARCH_BUDGET=2"} }
	_, err := loadConfig(settings(t, "--search-budget", "1e3", "--search-includes=99999999999999999999", "--grace", "soon", "--dev=maybe", "--log-level", "loud", "--audit-keep", "4e9d"), env)
	if err == nil {
		t.Fatal("no fault was found")
	}
	want := []string{`--audit-keep: "4e9d" is no length of time; write it as 400d or 9600h`, `--dev: "maybe" is no true or false`, `--grace: "soon" is no length of time; write it as 10s or 2m`, `--search-budget: "1e3" is no whole number of at most 9`,
		`--search-includes: "99999999999999999999" is no whole number of at most 9`, `log-level: "loud"`}
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		if len(lines) != len(want) || !strings.HasPrefix(line, want[i]) {
			t.Fatalf("the faults are\n%v\nwant\n%s", err, strings.Join(want, "\n"))
		}
	}
}

// TestValuesOfOneSetting holds single settings against what is said of them.
func TestValuesOfOneSetting(t *testing.T) {
	for _, c := range []struct {
		file, env string
		words     string // of the only fault; "" for none
	}{
		{file: "resources: Patient, Slot"},
		{file: "resources: [Patient, Slot]"},
		{env: "PORTICO_RESOURCES=Patient,Slot"},
		{env: "PORTICO_TEXT_SEARCH=all"},
		{env: "PORTICO_TEXT_SEARCH=Slot,Pateint", words: `text-search: "Pateint" is no resource type that is served; it is all, or some of Appointment,`},
		{env: "PORTICO_GRACE=2m"},
		{env: "PORTICO_SEARCH_BUDGET=1000"},
		{file: "search-includes: many", words: `search-includes in portico.yaml: "many" is no whole number`},
		{env: "PORTICO_LISTEN="},
		{file: "listen:"},
		{file: "grace: 5", words: `grace in portico.yaml: "5" is no length of time`},
		{env: "PORTICO_GRACE=abc", words: `PORTICO_GRACE: "abc" is no length of time`},
		{env: "PORTICO_BASE_URL=http://localhost:8080/fhir", words: "ends in /fhir"},
		{env: "PORTICO_BASE_URL=http://u:secret@example.org", words: "user or password"},
		{env: "PORTICO_BASE_URL=http://example.org/?a=b", words: "query"},
		{env: "PORTICO_LISTEN=127.0.0.1:99999", words: "1 to 65535"},
		{env: "PORTICO_LISTEN=127.0.0.1:0", words: "1 to 65535"},
		{file: "a: [", words: "cannot be read"},
	} {
		t.Run(c.file+c.env, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile(defaultFile, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			config, err := loadConfig(settings(t), func() []string { return []string{c.env} })
			if c.words == "" && (err != nil || (strings.Contains(c.file+c.env, "Slot") && strings.Join(config.Resources, "+") != "Patient+Slot")) {
				t.Errorf("%+v, %v", config, err)
			}
			if c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret")) {
				t.Errorf("error %v, want one fault with %q", err, c.words)
			}
		})
	}
}

func TestTextSearchTypes(t *testing.T) {
	t.Chdir(t.TempDir())
	for said, want := range map[string]string{"": "", "Slot,Patient,Slot": "Patient Slot", "all": "Location Patient Slot", "Slot,all": "Location Patient Slot"} {
		c, err := loadConfig(settings(t, "--resources", "Slot,Patient,Location", "--text-search", said), none)
		if got := strings.Join(c.TextSearch, " "); err != nil || got != want {
			t.Errorf("text-search %s: %s, %v, want %s", said, got, err, want)
		}
	}
}

func TestNamedFileMustExist(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := loadConfig(settings(t, "--config", "missing.yaml"), none); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("error %v", err)
	}
	if _, err := loadConfig(settings(t), func() []string { return []string{"PORTICO_CONFIG=gone.yaml"} }); err == nil || !strings.Contains(err.Error(), "gone.yaml") {
		t.Errorf("error %v", err)
	}
}

// TestReadmeListsEverySetting holds the README's table against the settings that there are.
func TestReadmeListsEverySetting(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Configuration")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| `") {
			rows++
		}
	}
	flags := settings(t)
	for _, name := range knownSettings(flags) {
		env := envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		row := "| `" + name + "` | `" + env + "` |"
		if !strings.Contains(table, row) {
			t.Errorf("the README lacks the row %s", row)
		}
		if d := flags.Lookup(name).DefValue; d != "" && d != "[]" && !strings.Contains(table, row+" `"+d+"` |") {
			t.Errorf("the README does not say that the default of %s is %s", name, d)
		}
	}
	if rows != len(knownSettings(flags)) {
		t.Errorf("the README has %d rows for %d settings", rows, len(knownSettings(flags)))
	}
}

// TestReadmeGivesReasonsForDependencies holds the README's table against go.mod.
func TestReadmeGivesReasonsForDependencies(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if strings.Contains(line, "// indirect") || !strings.HasPrefix(line, "\t") || len(fields) < 2 {
			continue
		}
		if !bytes.Contains(readme, []byte("`"+fields[0]+"`")) {
			t.Errorf("the README gives no reason for %s", fields[0])
		}
	}
}

func TestConfigPrintMasksAndRoundTrips(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"config", "print", "--log-level", "debug", "--search-budget", "7", "--audit-keep", "48h", "--audit", "writes"}, streams{strings.NewReader(""), &out, &errs}); code != exitOK {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	if err := os.WriteFile(defaultFile, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig(settings(t), none)
	if err != nil || c.LogLevel != "debug" || c.SearchBudget != 7 || c.AuditKeep != 2*day || c.Audit != audit.Writes || !strings.Contains(out.String(), "audit-keep: 2d\n") {
		t.Errorf("what config print wrote is no configuration file: %+v, %v\n%s", c, err, out.String())
	}
	if got := redact("mongodb://user:secret@db.example.org/portico"); strings.Contains(got, "secret") {
		t.Errorf("redacted: %s", got)
	}
}

func TestUsageExitsWithTwo(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{
		{"sing"}, {"serve", "--colour"}, {"serve", "--listen", "example.org:80"}, {"demo", "--at", "soon"}, {"demo", "--patients", "0"}, {"load"}, {"load", "--output", "xml", "x"},
	} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), args, streams{strings.NewReader(""), &out, &errs}); code != exitUsage || errs.Len() == 0 {
			t.Errorf("%v: exit %d, %s", args, code, &errs)
		}
	}
}
