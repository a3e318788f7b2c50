package sqlite_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

// acknowledgements are the numbers that writers were told.
type acknowledgements struct {
	mu      sync.Mutex
	numbers map[int]int64
}

func (a *acknowledgements) add(writer int, number int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.numbers[writer] = number
}

func (a *acknowledgements) now() map[int]int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.numbers)
}

// A copy that is made while others write has everything that was acknowledged before it was begun, and no commit by half.
func TestBackupBesideWriters(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a store ?#%.db")
	store := open(t, sqlite.Config{Path: path})
	if _, err := store.Records().Swap(t.Context(), "r", 0, []byte("value"), 0); err != nil {
		t.Fatal(err)
	}
	told := &acknowledgements{numbers: make(map[int]int64)}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	for w := range writers {
		all.Go(func() {
			for ctx.Err() == nil {
				results, err := store.Commit(context.Background(), home, []storage.Op{put(name(w, "left"), "pair"), put(name(w, "right"), "pair")})
				if err != nil {
					t.Error(err)
					return
				}
				told.add(w, results[0].Version.Number)
			}
		})
	}
	for n := range 5 {
		for before := told.now(); len(before) < writers; before = told.now() { // all of them write
			if _, err := store.Read(t.Context(), home, key("nobody")); !errors.Is(err, fhir.NotFound) {
				t.Fatal(err)
			}
		}
		before := told.now()
		file := filepath.Join(dir, "copy"+string('0'+rune(n))+".db")
		size, err := sqlite.Backup(t.Context(), path, file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil || info.Size() != size || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %d bytes told, %v", info, size, err)
		}
		examine(t, file, before)
		restored := open(t, sqlite.Config{Path: file})
		if record, err := restored.Records().Get(t.Context(), "r"); err != nil || string(record.Value) != "value" {
			t.Errorf("the record in the copy: %+v, %v", record, err)
		}
	}
}

// A backup that fails leaves nothing, and what was there as it was.
func TestBackupRefuses(t *testing.T) {
	dir := t.TempDir()
	path, letter, empty, damaged := filepath.Join(dir, "store.db"), filepath.Join(dir, "letter"), filepath.Join(dir, "empty"), filepath.Join(dir, "damaged.db")
	store := open(t, sqlite.Config{Path: path})
	var ops []storage.Op
	for i := range 500 {
		ops = append(ops, put(name(i, "x"), "tag"))
	}
	if _, err := store.Commit(t.Context(), home, ops); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string][]byte{letter: []byte("a letter"), empty: {}} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sqlite.Backup(t.Context(), path, damaged); err != nil {
		t.Fatal(err)
	}
	tear(t, damaged)
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	before := list(t, dir)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	target := filepath.Join(dir, "copy.db")
	for name, c := range map[string]struct {
		ctx         context.Context
		store, file string
		kind        fhir.Kind
	}{
		"file is there":       {t.Context(), path, letter, fhir.Conflict},
		"empty file is there": {t.Context(), path, empty, fhir.Conflict},
		"the store itself":    {t.Context(), path, path, fhir.Conflict},
		"a link to nowhere":   {t.Context(), path, filepath.Join(dir, "link"), fhir.Conflict},
		"a folder":            {t.Context(), path, dir, fhir.Conflict},
		"no folder":           {t.Context(), path, filepath.Join(dir, "no", "copy.db"), fhir.Unavailable},
		"no store":            {t.Context(), filepath.Join(dir, "nobody.db"), target, fhir.Unavailable},
		"store is a folder":   {t.Context(), dir, target, fhir.Unavailable},
		"store is a letter":   {t.Context(), letter, target, fhir.Internal},
		"store is empty":      {t.Context(), empty, target, fhir.Internal},
		"store is damaged":    {t.Context(), damaged, target, fhir.Internal},
		"ended before":        {ended, path, target, fhir.Unavailable},
	} {
		_, err := sqlite.Backup(c.ctx, c.store, c.file)
		var e *fhir.Error
		if !errors.As(err, &e) || e.Kind != c.kind {
			t.Errorf("%s: error %v, want kind %q", name, err, c.kind)
		}
		if after := list(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: the folder has %v, want %v", name, after, before)
		}
	}
	if text, err := os.ReadFile(letter); err != nil || string(text) != "a letter" {
		t.Errorf("the file that was there: %q, %v", text, err)
	}
}

// endsAfter is a context that ends when it is asked for the last time of some.
type endsAfter struct {
	context.Context
	end  func()
	left atomic.Int64
}

func (e *endsAfter) Err() error {
	e.ask()
	return e.Context.Err()
}

func (e *endsAfter) Done() <-chan struct{} {
	e.ask()
	return e.Context.Done()
}

func (e *endsAfter) ask() {
	if e.left.Add(-1) == 0 {
		e.end()
	}
}

// A backup that ends with its context, at whatever moment, leaves nothing.
func TestBackupEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "store.db"), filepath.Join(dir, "copy.db")
	store := open(t, sqlite.Config{Path: path})
	if _, err := store.Commit(t.Context(), home, []storage.Op{put("a", "tag")}); err != nil {
		t.Fatal(err)
	}
	before, ended := list(t, dir), 0
	for n := int64(1); ; n++ {
		ctx := &endsAfter{}
		ctx.Context, ctx.end = context.WithCancel(t.Context())
		ctx.left.Store(n)
		_, err := sqlite.Backup(ctx, path, target)
		if ctx.end(); err == nil {
			break
		}
		ended++
		if !errors.Is(err, context.Canceled) || !slices.Equal(before, list(t, dir)) {
			t.Fatalf("ended at %d: error %v, the folder has %v", n, err, list(t, dir))
		}
	}
	if ended < 4 {
		t.Errorf("only %d backups ended before they were done", ended)
	}
	copied := open(t, sqlite.Config{Path: target})
	storagetest.Clean(t, copied)
	if _, err := copied.Read(t.Context(), home, key("a")); err != nil {
		t.Error(err)
	}
}

// tear makes zeros of the second half of a file.
func tear(t *testing.T, path string) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(whole[len(whole)/2:])
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
}

// list are the names of a folder, without SQLite's own beside its files.
func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".db-wal" && ext != ".db-shm" {
			names = append(names, e.Name())
		}
	}
	return names
}

// What is opened to be read is not changed by anything, and works beside a store that writes.
func TestOpenToRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	writing := open(t, sqlite.Config{Path: path})
	if _, err := writing.Commit(t.Context(), home, []storage.Op{put("a", "tag")}); err != nil {
		t.Fatal(err)
	}
	reading, err := sqlite.OpenToRead(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writing.Commit(t.Context(), home, []storage.Op{put("b", "tag")}); err != nil {
		t.Fatal(err)
	}
	if _, err := reading.Read(t.Context(), home, key("b")); err != nil {
		t.Error(err)
	}
	storagetest.Clean(t, reading)
	_, err = reading.Commit(t.Context(), home, []storage.Op{put("c", "tag")})
	_, swapped := reading.Records().Swap(t.Context(), "r", 0, []byte("x"), 0)
	for what, err := range map[string]error{"commit": err, "swap": swapped} {
		if !errors.Is(err, fhir.Unavailable) {
			t.Errorf("%s: error %v, want %q", what, err, fhir.Unavailable)
		}
	}
	if err := reading.Close(); err != nil {
		t.Error(err)
	}
	if events, err := writing.Events(t.Context(), 0, 10); err != nil || len(events) != 2 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestOpenToReadRefuses(t *testing.T) {
	dir := t.TempDir()
	letter, empty, older, newer := filepath.Join(dir, "letter"), filepath.Join(dir, "empty"), filepath.Join(dir, "older.db"), filepath.Join(dir, "newer.db")
	for file, text := range map[string]string{letter: "this is a letter, and no database at all", empty: ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for file, damage := range map[string]string{older: "DELETE FROM migration WHERE number = (SELECT max(number) FROM migration)", newer: "INSERT INTO migration VALUES (99, 'later')"} {
		if err := sqlite.Damage(open(t, sqlite.Config{Path: file}), damage); err != nil {
			t.Fatal(err)
		}
	}
	before := list(t, dir)
	for path, kind := range map[string]fhir.Kind{
		letter: fhir.Internal, empty: fhir.Internal, older: fhir.Internal, newer: fhir.Internal,
		dir: fhir.Unavailable, filepath.Join(dir, "nobody.db"): fhir.Unavailable, filepath.Join(letter, "below.db"): fhir.Unavailable,
	} {
		if _, err := sqlite.OpenToRead(t.Context(), sqlite.Config{Path: path}); !errors.Is(err, kind) {
			t.Errorf("%s: error %v, want kind %q", path, err, kind)
		}
	}
	if after := list(t, dir); !slices.Equal(before, after) {
		t.Errorf("the folder has %v, want %v", after, before)
	}
}
