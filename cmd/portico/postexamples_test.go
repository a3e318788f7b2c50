package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/portico-health/portico/cmd/portico/load"
	"github.com/portico-health/portico/fhir"
)

// bundleExceptions are the official examples of transactions and batches that cannot be carried out as they are, each with the status and the
// reason.
var bundleExceptions = map[string]struct {
	status int
	reason string
}{
	"bundle-transaction": {http.StatusNotFound, "it asks for ValueSet/$lookup, which is not offered"},
}

// TestOfficialTransactionsPostWhole loads the official examples of transactions and batches whole into a server of all types.
func TestOfficialTransactionsPostWhole(t *testing.T) {
	dir := os.Getenv("PORTICO_TEST_EXAMPLES")
	if dir == "" {
		t.Skip("PORTICO_TEST_EXAMPLES does not name a directory with the official examples (make definitions fetches them)")
	}
	p := serveAs(t, t.TempDir(), func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--resources", "all") })
	if out, err := p.load(t.Context(), filepath.Join(dir, "Patient-example.json")).CombinedOutput(); err != nil {
		t.Fatalf("the patient whom the batches ask for: %v: %s", err, out)
	}
	posted := 0
	for _, example := range officialExamples(t, dir, []string{"Bundle"}) {
		if kind := example.Root().Text("type"); kind != "transaction" && kind != "batch" {
			continue
		}
		posted++
		p.postWhole(t, filepath.Join(dir, "Bundle-"+example.ID()+".json"), example)
	}
	if posted < 6 {
		t.Errorf("only %d examples were posted", posted)
	}
}

// postWhole loads a Bundle, and holds what became of it against the exceptions.
func (p *process) postWhole(t *testing.T, file string, bundle fhir.Resource) {
	t.Helper()
	cmd := p.load(t.Context(), "--transaction", "--output", "json", file)
	out, _ := cmd.Output() // the exit code is looked at
	var summary load.Summary
	if err := json.Unmarshal(out, &summary); err != nil {
		t.Fatalf("%s: %v: %s", file, err, out)
	}
	exception, known := bundleExceptions[bundle.ID()]
	if known {
		refused := func(r load.Refusal) bool { return r.Resource == "Bundle" && r.Status == exception.status }
		if !slices.ContainsFunc(summary.Refusals, refused) || cmd.ProcessState.ExitCode() != exitRefused {
			t.Errorf("%s should be refused with %d, for %s: %s", bundle.ID(), exception.status, exception.reason, out)
		}
		return
	}
	done := summary.Created + summary.Updated + summary.Other
	if entries := len(bundle.Root().Array("entry")); done != entries || cmd.ProcessState.ExitCode() != exitOK {
		t.Errorf("%s: %d of %d entries were carried out: %s", bundle.ID(), done, entries, out)
	}
}
