package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// readme is the text of the README.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The forms in which the README shows what a call is answered with: the answer whole, or of a search in a row of a table the number of matches
// or, where it is refused, the status and the code of the issue.
var (
	shownCall  = regexp.MustCompile("(?s)```sh\ncurl 'http://127\\.0\\.0\\.1:8080([^']+)'\n```\n\n```json\n(.*?)```")
	shownCount = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|.*\\| ([0-9]+) \\|$")
	shownError = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|.*\\| ([0-9]{3}) `([a-z-]+)` \\|$")
	instant    = regexp.MustCompile(`"lastUpdated": "[^"]*"`)
)

// TestReadmeAnswersTruly asks what the README asks, of the data that it asks for, and compares with the answers that it shows.
func TestReadmeAnswersTruly(t *testing.T) {
	text := readme(t)
	r := start(t, t.TempDir(), func(c *Config) { c.Dev, c.BaseURL = true, "http://127.0.0.1:8080" })
	calls, counts, refusals := shownCall.FindAllStringSubmatch(text, -1), shownCount.FindAllStringSubmatch(text, -1), shownError.FindAllStringSubmatch(text, -1)
	if len(calls) < 3 || len(counts) < 20 || len(refusals) < 5 {
		t.Errorf("the README shows %d calls, %d searches and %d refusals", len(calls), len(counts), len(refusals))
	}
	for _, call := range calls {
		_, answer := r.get(t, call[1])
		if got, want := instant.ReplaceAllString(answer, ""), instant.ReplaceAllString(call[2], ""); got != want {
			t.Errorf("GET %s answers\n%s\nbut the README shows\n%s", call[1], got, want)
		}
	}
	for _, row := range counts {
		status, body := r.get(t, "/fhir/"+inTable(row[1]))
		var bundle struct{ Total *int }
		if err := json.Unmarshal([]byte(body), &bundle); err != nil || status != http.StatusOK || bundle.Total == nil || fmt.Sprint(*bundle.Total) != row[2] || strings.Contains(body, "This was ignored") {
			t.Errorf("%s finds not %s: %d %.400s", row[1], row[2], status, body)
		}
	}
	for _, row := range refusals {
		status, body := r.get(t, "/fhir/"+inTable(row[1]))
		if fmt.Sprint(status) != row[2] || !strings.Contains(body, `"code":"`+row[3]+`"`) {
			t.Errorf("%s is not refused with %s %s: %d %.400s", row[1], row[2], row[3], status, body)
		}
	}
}

// TestReadmeTellsLimits holds the README's table of limits against the limits that there are.
func TestReadmeTellsLimits(t *testing.T) {
	text := readme(t)
	for what, most := range map[string]int{
		"parameters of any kind": search.MaxPairs, "parameters that select": search.MaxClauses, "values of them, with commas between": search.MaxValues,
		"comparisons that they come to": search.MaxTests, "bytes of names and values, counted for each type that they are read for": search.MaxRead, "significant digits of a number": fhir.MaxDigits, "references along a chain, `_has` included": search.MaxLinks, "bytes of a `_filter`": search.MaxFilter,
		"parentheses within each other in it": search.MaxFilterDepth, "names in `_sort`": search.MaxSort, "`_include` and `_revinclude`": search.MaxIncludeParams,
		"characters of a string that are compared": search.MaxFolded, "different words of a resource for `_text` and `_content`": search.MaxWords,
		"matches on a page": search.MaxCount, "bytes of resources on a page": storage.MaxPageBytes, "matches in an order that no index has": engine.MaxGathered,
		"resources and index entries looked at in vain for a page": engine.DefaultSearchBudget, "resources that come with a page": engine.DefaultMaxIncludes,
	} {
		if row := fmt.Sprintf("\n| %s | %d", what, most); !strings.Contains(text, row+" ") && !strings.Contains(text, row+";") && !strings.Contains(text, row+":") && !strings.Contains(text, row+",") {
			t.Errorf("the README has no row %s", row)
		}
	}
}

// TestReadmeGetsIn carries out what the README says of getting in, as it stands there, in one shell: in each of the styles the patient comes, it is on record who asked
// for it, and the operator sees to sites and keys.
func TestReadmeGetsIn(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no curl, and so nobody carries out what the README says")
		}
		t.Skip("there is no curl to carry out what the README says")
	}
	_, section, _ := strings.Cut(readme(t), "\n## Getting in\n")
	section, _, _ = strings.Cut(section, "\n## ")
	d := newDrill(t)
	var script strings.Builder
	blocks := 0
	for _, block := range strings.Split(section, "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.Lines(block) {
			script.WriteString(line)
			if strings.HasPrefix(line, "portico serve") {
				script.WriteString("trap 'kill $!; wait' EXIT; curl --silent --retry 50 --retry-delay 1 --retry-connrefused http://127.0.0.1:8080/readyz\n")
			}
		}
		script.WriteString("echo; echo --- the next block\n")
		blocks++
	}
	cmd := d.shell(t.Context(), strings.ReplaceAll(script.String(), "127.0.0.1:8080", d.address))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, &errs)
	}
	answers := strings.Split(string(out), "--- the next block\n")
	if len(answers) != blocks+1 || blocks < 7 {
		t.Fatalf("%d blocks have %d answers: %s%s", blocks, len(answers), out, &errs)
	}
	for i, answer := range answers[1 : blocks-2] { // but those of the beginning, the record and the operator
		if !strings.Contains(answer, `"resourceType":"Patient","id":"pat-1"`) {
			t.Errorf("style %d is answered %s%s", i+1, answer, &errs)
		}
	}
	record, operator := answers[blocks-2], strings.Join(strings.Fields(answers[blocks-1]), "") // which is not compact
	if got := strings.Count(record, `"code":"read"`); got != 3 || strings.Count(record, `"code":"update"`) != 1 {
		t.Errorf("of three reads %d are on record: %s", got, record)
	}
	for _, told := range []string{`"name":"elm-street"`, `"scopes":["system/Slot.rs"]`, `"key":"test_`, `"type":"searchset"`} {
		if !strings.Contains(operator, told) {
			t.Errorf("the operator is not told %s: %s%s", told, operator, &errs)
		}
	}
}

// TestReadmeBooks carries out what the README says of booking, as it stands there, with the server that it says: what is proposed is held, booked and cancelled.
func TestReadmeBooks(t *testing.T) {
	for _, needed := range []string{"sh", "curl", "sed"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("there is no %s to carry out what the README says", needed)
		}
	}
	_, section, _ := strings.Cut(readme(t), "\n## Booking\n")
	_, block, _ := strings.Cut(section, "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	r := start(t, t.TempDir(), func(c *Config) { c.Dev = true })
	script := strings.NewReplacer("http://127.0.0.1:8080", r.url, "\nask '$", "\necho; ask '$", "\ncurl", "\necho; curl").Replace(block)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(answers) != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	for i, status := range []string{"pending", "booked", "cancelled"} {
		if !strings.Contains(answers[i], `"status":"`+status+`"`) || strings.Contains(answers[i], "OperationOutcome") {
			t.Errorf("instead of %s: %s", status, answers[i])
		}
	}
}

// aTaker is who took a slot, by an id that is another each time.
var aTaker = regexp.MustCompile(`by Appointment/[0-9A-Za-z]+`)

// TestReadmeBooksPlainly carries out how the README books by plain requests: the slot is made, found and booked, and the second who wants it is told what stands there.
func TestReadmeBooksPlainly(t *testing.T) {
	for _, needed := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("there is no %s to carry out what the README says", needed)
		}
	}
	_, section, _ := strings.Cut(readme(t), "\n### By plain requests\n")
	_, rest, _ := strings.Cut(section, "```sh\n")
	block, rest, _ := strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "```json\n")
	shown, _, _ := strings.Cut(rest, "```")
	r := start(t, t.TempDir(), func(c *Config) { c.Dev = true })
	script := strings.NewReplacer("http://127.0.0.1:8080", r.url, "\ncurl ", "\necho; curl --silent ", "  curl ", "  echo; curl --silent ").Replace(block)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(answers) != 4 {
		t.Fatalf("%v: %s", err, out)
	}
	for i, told := range []string{`"id":"early"`, `"total":1,`, `"status":"booked"`} {
		if !strings.Contains(answers[i], told) {
			t.Errorf("answer %d has no %s: %s", i+1, told, answers[i])
		}
	}
	for _, with := range []string{`"resourceType":"Schedule"`, `"resourceType":"Practitioner"`, `"resourceType":"Location"`} {
		if !strings.Contains(answers[1], with) {
			t.Errorf("the slot comes without a %s: %s", with, answers[1])
		}
	}
	if got, want := aTaker.ReplaceAllString(answers[3], ""), aTaker.ReplaceAllString(strings.TrimSpace(shown), ""); got != want {
		t.Errorf("the second booking is answered\n%s\nbut the README shows\n%s", got, want)
	}
}

// inTable undoes how a vertical bar is written in a table.
func inTable(call string) string { return strings.ReplaceAll(call, `\|`, "%7C") }

// TestReadmeListsEveryCommand holds the README's table of commands against the commands that there are.
func TestReadmeListsEveryCommand(t *testing.T) {
	text := readme(t)
	for command := range commandsBelow(newRoot(streams{})) {
		if !strings.Contains(text, "\n| `"+command) {
			t.Errorf("the README has no row for %s", command)
		}
	}
}

// commandsBelow are the commands that do something, as they are called.
func commandsBelow(c *cobra.Command) map[string]bool {
	all := make(map[string]bool)
	for _, below := range c.Commands() {
		for name := range commandsBelow(below) {
			all[name] = true
		}
		if below.Runnable() {
			all[below.CommandPath()] = true
		}
	}
	return all
}
