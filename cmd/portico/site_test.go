package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// TestSiteCommands: a site from its making to its end, as an operator sees it, beside a server that runs on the store.
func TestSiteCommands(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	start(t, dir, nil)
	store := anystore.Setting(t, dir)
	list := func(t *testing.T) string {
		t.Helper()
		code, out, errs := call(t, "site", "list", "--store", store)
		if code != exitOK {
			t.Fatalf("exit %d: %s", code, errs)
		}
		return out
	}
	for _, step := range []struct {
		args []string
		code int
		says string // on stdout, or where it was refused on stderr
		then string // what the list says of the site
	}{
		{[]string{"create", "Elm-Street"}, exitOK, "Elm-Street is there.", "test"},
		{[]string{"create", "elm-street"}, exitRefused, "There is a site of this name already", "test"},
		{[]string{"create", "a"}, exitRefused, "cannot be the name of a site", "test"},
		{[]string{"activate", "elm-STREET"}, exitOK, "Elm-Street is active", "test, live"},
		{[]string{"suspend", "elm-street"}, exitOK, "Elm-Street is suspended", "suspended"},
		{[]string{"activate", "elm-street"}, exitOK, "Elm-Street is active", "test, live"},
		{[]string{"activate", "nobody"}, exitRefused, "There is no site", "test, live"},
		{[]string{"create"}, exitUsage, "accepts 1 arg", "test, live"},
		{[]string{"list", "--output", "xml"}, exitUsage, "is not text or json", "test, live"},
	} {
		code, out, errs := call(t, append(append([]string{"site"}, step.args...), "--store", store)...)
		said, silent := out, errs
		if step.code != exitOK {
			said, silent = errs, out
		}
		if code != step.code || !strings.Contains(said, step.says) || silent != "" {
			t.Errorf("%v: exit %d: %s%s", step.args, code, out, errs)
		}
		lines := strings.Split(list(t), "\n")
		if len(lines) != 4 || strings.Fields(lines[0])[0] != "SITE" || !strings.HasPrefix(lines[2], "Elm-Street  "+step.then+"  ") {
			t.Errorf("after %v the list is\n%s", step.args, strings.Join(lines, "\n"))
		}
	}
	_, out, _ := call(t, "site", "list", "--output", "json", "--store", store)
	decoder := json.NewDecoder(strings.NewReader(out))
	var names []string
	for decoder.More() {
		var s access.Site
		if err := decoder.Decode(&s); err != nil || s.Created.IsZero() {
			t.Errorf("%+v, %v", s, err)
		}
		names = append(names, s.Name)
	}
	if strings.Join(names, " ") != "demo Elm-Street" {
		t.Errorf("the sites are %s", out)
	}
}

// TestNoStoreForCommands: a store that cannot be had is told in a line, with exit code 2 and without what is secret.
func TestNoStoreForCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "letter.db", "this is a letter, and no database at all")
	for _, store := range []string{"sqlite:letter.db", "mongodb://u:secret@" + freeAddress(t) + "/db?timeoutMS=300", "elsewhere"} {
		for _, args := range [][]string{{"site", "list"}, {"site", "create", "elm"}, {"key", "list"}, {"key", "revoke", "x"}} {
			code, out, errs := call(t, append(args, "--store", store)...)
			if code != exitUsage || out != "" || !strings.Contains(errs, "store: ") || strings.Contains(errs, "secret") {
				t.Errorf("%v on %s: exit %d: %s%s", args, store, code, out, errs)
			}
		}
	}
}
