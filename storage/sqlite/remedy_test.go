package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portico-health/portico/storage/sqlite"
)

// Whoever cannot open a store is told what is wrong and what would help.
func TestOpenSaysWhatWouldHelp(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.db")
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: good})
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	const header = 100 // bytes: https://www.sqlite.org/fileformat.html#the_database_header
	for name, c := range map[string]struct {
		content []byte // nil: a folder stands in the place of the file
		says    []string
	}{
		"no database":     {[]byte(strings.Repeat("x", 4096)), []string{"file is not a database", "Name another file"}},
		"a broken schema": {append(whole[:header:header], []byte(strings.Repeat("\xff", len(whole)-header))...), []string{"malformed", "restore it from a backup"}},
		"a folder":        {nil, []string{"unable to open", "writable for the user"}},
	} {
		path := filepath.Join(t.TempDir(), "x.db")
		if c.content == nil {
			err = os.Mkdir(path, 0o700)
		} else {
			err = os.WriteFile(path, c.content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		if err == nil {
			_ = store.Close()
			t.Errorf("%s is opened", name)
			continue
		}
		for _, said := range c.says {
			if !strings.Contains(err.Error(), said) {
				t.Errorf("%s: %q lacks %q", name, err, said)
			}
		}
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(good, "x.db")}); err == nil || !strings.Contains(err.Error(), "must be there") {
		t.Errorf("below a file: %v", err)
	}
}
