package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	driver "modernc.org/sqlite"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// written is the file of a store that was closed in good order, with 500 resources.
func written(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	var ops []storage.Op
	for i := range 500 {
		ops = append(ops, appointment(i))
	}
	_, err = store.Commit(t.Context(), home, ops)
	if err = errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// tells demands an error of a kind whose cause, for the log, names the file and has the words, in one line; a client is not told the path.
func tells(t *testing.T, err error, kind fhir.Kind, path string, words ...string) {
	t.Helper()
	var e *fhir.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Err == nil {
		t.Errorf("error %v, want one of kind %q with a cause", err, kind)
		return
	}
	for _, w := range append(words, path) {
		if !strings.Contains(e.Err.Error(), w) {
			t.Errorf("the cause does not say %q: %v", w, e.Err)
		}
	}
	if strings.Contains(e.Err.Error(), "\n") || strings.Count(e.Err.Error(), path) != 1 && !strings.Contains(e.Err.Error(), path+"-") {
		t.Errorf("the cause says something twice: %v", e.Err)
	}
	for _, issue := range e.Issues {
		if strings.Contains(issue.Detail, path) {
			t.Errorf("a client is told the path: %s", issue.Detail)
		}
	}
}

// A file that is no store, or is one no more, is refused in words, and not touched: it may be all that is left of the data.
func TestOpenRefuses(t *testing.T) {
	whole := written(t)
	for name, c := range map[string]struct {
		damage func(path string, whole []byte) error
		kind   fhir.Kind
		words  []string
	}{
		"a text": {func(path string, _ []byte) error {
			return os.WriteFile(path, bytes.Repeat([]byte("no database "), 1_000), 0o600)
		}, fhir.Internal, []string{"is no SQLite database", "backup"}},
		"a short text": {func(path string, _ []byte) error {
			return os.WriteFile(path, []byte("no database"), 0o600)
		}, fhir.Internal, []string{"is no SQLite database", "backup"}},
		"a damaged head": {func(path string, whole []byte) error {
			return os.WriteFile(path, append(make([]byte, 16), whole[16:]...), 0o600)
		}, fhir.Internal, []string{"is no SQLite database", "backup"}},
		"a damaged first page": {func(path string, whole []byte) error {
			return os.WriteFile(path, bytes.Join([][]byte{whole[:100], bytes.Repeat([]byte{0xaa}, 3_996), whole[4_096:]}, nil), 0o600)
		}, fhir.Internal, []string{"is damaged", "backup"}},
		"the first half": {func(path string, whole []byte) error {
			return os.WriteFile(path, whole[:len(whole)/2], 0o600)
		}, fhir.Internal, []string{"is damaged", "backup"}},
		"not a whole page": {func(path string, whole []byte) error {
			return os.WriteFile(path, whole[:100], 0o600)
		}, fhir.Internal, []string{"is damaged", "backup"}},
		"nothing at all": {func(path string, _ []byte) error {
			return os.Truncate(path, 0)
		}, fhir.Unavailable, []string{"is empty", "backup"}},
		"a log without its file": {func(path string, whole []byte) error {
			return errors.Join(os.WriteFile(path+"-wal", whole, 0o600), os.Remove(path))
		}, fhir.Unavailable, []string{"is missing", "-wal", "backup"}},
		"another program's": {func(path string, whole []byte) error {
			copy(whole[68:], "GPKG") // https://www.sqlite.org/fileformat.html#application_id
			return os.WriteFile(path, whole, 0o600)
		}, fhir.Internal, []string{"another program"}},
		"a folder": {func(path string, _ []byte) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		}, fhir.Unavailable, []string{"is no file"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			err := os.WriteFile(path, whole, 0o600)
			if err = errors.Join(err, c.damage(path, bytes.Clone(whole))); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			for range 2 {
				store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Alone: true})
				if err == nil {
					t.Fatal("the store was opened", store.Close())
				}
				tells(t, err, c.kind, path, c.words...)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
	path := filepath.Join(t.TempDir(), "store.db")
	below := filepath.Join(path, "below.db")
	err := os.WriteFile(path, whole, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), sqlite.Config{Path: below})
	tells(t, err, fhir.Unavailable, below, "not a directory")
}

// A page that is damaged fails what reads it, with its reason and without a panic; the rest goes on.
func TestDamagedPages(t *testing.T) {
	path, whole := filepath.Join(t.TempDir(), "store.db"), written(t)
	const page = 4_096
	failed := 0
	for at := 10 * page; at+page <= len(whole); at += 97 * page {
		damaged := bytes.Clone(whole)
		copy(damaged[at:], bytes.Repeat([]byte{0xaa}, page))
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range useAll(t, path) {
			if err != nil {
				failed++
				tells(t, err, fhir.Internal, path, "is damaged", "backup")
			}
		}
	}
	if failed == 0 {
		t.Error("no page that is damaged was ever read")
	}
}

// useAll reads and writes all over a store, and returns the errors.
func useAll(t *testing.T, path string) (errs []error) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		return []error{err}
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	note := func(_ any, err error) { errs = append(errs, err) }
	for i := 0; i < 500; i += 50 {
		note(store.Read(t.Context(), home, key(fmt.Sprintf("appointment-%08d", i))))
	}
	note(store.History(t.Context(), home, storage.HistoryQuery{Limit: 1_000, CountUpTo: -1}))
	note(store.Search(t.Context(), home, search.Query{Type: "Appointment"}, storage.PageRequest{Limit: 1_000, CountUpTo: -1}))
	note(store.Events(t.Context(), 0, 1_000))
	var all []storage.Op
	for i := range 500 {
		op := appointment(i)
		op.Condition = storage.Condition{}
		all = append(all, op)
	}
	note(store.Commit(t.Context(), home, all))
	note(store.Commit(t.Context(), home, []storage.Op{put("another", "tag")}))
	return errs
}

// A volume that is full in the middle of a commit leaves nothing of it and everything of those before; when there is space
// again, the store goes on.
func TestFullVolume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store := open(t, sqlite.Config{Path: path})
	commit := func(round int) error {
		var ops []storage.Op
		for i := range 20 {
			op := appointment(i)
			op.Condition = storage.Condition{Version: int64(round)}
			ops = append(ops, op)
		}
		_, err := store.Commit(t.Context(), home, ops)
		return err
	}
	if err := commit(0); err != nil {
		t.Fatal(err)
	}
	done := 1
	for space := range 3 { // the pages of a full file are used anew by each transaction that fails
		if err := sqlite.LimitPages(store, 1); err != nil {
			t.Fatal(err)
		}
		var err error
		for err == nil && done < 100 {
			if err = commit(done); err == nil {
				done++
			}
		}
		tells(t, err, fhir.Unavailable, path, "is full", "free some space")
		if v, err := store.Read(t.Context(), home, key("appointment-00000019")); err != nil || v.Number != int64(done) {
			t.Errorf("in a full store: version %d, want %d (%v)", v.Number, done, err)
		}
		for range 3 {
			tells(t, store.Ready(t.Context()), fhir.Unavailable, path, "is full", "free some space")
		}
		if err := sqlite.LimitPages(store, 1<<30); err != nil {
			t.Fatal(err)
		}
		heal := []func() error{ // a write of somebody, or the question alone
			func() error { done++; return commit(done - 1) },
			func() error { return store.Ready(t.Context()) },
		}
		if err := heal[space%len(heal)](); err != nil {
			t.Errorf("space %d: %v", space, err)
		}
		last := nextRevision(t, store)
		if err := store.Ready(t.Context()); err != nil || nextRevision(t, store) != last+1 {
			t.Errorf("space %d: a store that takes writes is not ready, or writes to say so: %v", space, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = open(t, sqlite.Config{Path: path})
	page, err := store.History(t.Context(), home, storage.HistoryQuery{CountUpTo: -1})
	if err != nil || page.Total != 20*done {
		t.Errorf("%d versions of 20 resources after %d commits (%v)", page.Total, done, err)
	}
	if _, err := store.Check(t.Context(), nil, func(f storage.Fault) { t.Error(f) }); err != nil {
		t.Error(err)
	}
}

// nextRevision writes a record, and returns its revision: one more than that of the last record that was written.
func nextRevision(t *testing.T, store *sqlite.Store) int64 {
	t.Helper()
	r, err := store.Records().Get(t.Context(), "r")
	if err != nil && !errors.Is(err, fhir.NotFound) {
		t.Error(err)
	}
	if r, err = store.Records().Swap(t.Context(), "r", r.Revision, []byte("value"), 0); err != nil {
		t.Error(err)
	}
	return r.Revision
}

// A second server on a file is refused at once, and hurts nobody; a command beside the server is not. Where the first ends, the
// next begins.
func TestOneServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	server := open(t, sqlite.Config{Path: path, Alone: true})
	for range 3 {
		_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Alone: true})
		tells(t, err, fhir.Unavailable, path, "another process", "Stop that one")
	}
	command := open(t, sqlite.Config{Path: path})
	for i, s := range []*sqlite.Store{command, server, command} {
		if _, err := s.Commit(t.Context(), home, []storage.Op{put(fmt.Sprint(i), "tag")}); err != nil {
			t.Error(err)
		}
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	next := open(t, sqlite.Config{Path: path, Alone: true})
	if events, err := next.Events(t.Context(), 0, 10); err != nil || len(events) != 3 {
		t.Errorf("%d events, want 3 (%v)", len(events), err)
	}
}

// Whatever links lead to a file, it has one server.
func TestOneServerBehindLinks(t *testing.T) {
	dir, links := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "store.db")
	link, folder := filepath.Join(links, "link.db"), filepath.Join(links, "folder")
	if err := errors.Join(os.Symlink(path, link), os.Symlink(dir, folder)); err != nil {
		t.Skip("this system makes no links:", err)
	}
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: link, Alone: true})
	tells(t, err, fhir.Unavailable, link, "leads to no file", "remove the link")
	open(t, sqlite.Config{Path: path, Alone: true})
	for _, way := range []string{link, filepath.Join(folder, "store.db")} {
		second, err := sqlite.Open(t.Context(), sqlite.Config{Path: way, Alone: true})
		if err == nil {
			t.Errorf("a second server has the file by %s (%v)", way, second.Close())
			continue
		}
		tells(t, err, fhir.Unavailable, path, "another process")
	}
	open(t, sqlite.Config{Path: link})
}

// Another process that keeps the file locked makes writes Unavailable, and reads go on.
func TestLockedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store := open(t, sqlite.Config{Path: path})
	if _, err := store.Commit(t.Context(), home, []storage.Op{put("a", "tag")}); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Pragma(store, "busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	other, err := new(driver.Driver).Open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	run := func(statement string) {
		t.Helper()
		s, err := other.Prepare(statement)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if _, err := s.Exec(nil); err != nil { //nolint:staticcheck // the driver's own interface, without database/sql
			t.Fatal(err)
		}
	}
	run("BEGIN IMMEDIATE")
	_, err = store.Commit(t.Context(), home, []storage.Op{put("b", "tag"), put("c", "tag")})
	tells(t, err, fhir.Unavailable, path, "is locked")
	if _, err := store.Read(t.Context(), home, key("a")); err != nil {
		t.Error(err)
	}
	run("COMMIT")
	if _, err := store.Commit(context.Background(), home, []storage.Op{put("b", "tag"), put("c", "tag")}); err != nil {
		t.Error(err)
	}
}
