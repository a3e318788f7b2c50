//go:build linux || darwin

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// nobody is a user that owns nothing: the superuser's rights would let every case pass.
const nobody = 65534

// openAsNobody opens a store, without the superuser's rights if it has them, and says what came of it.
func openAsNobody(path string) error {
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	store, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err == nil {
		_, err = store.Commit(context.Background(), home, []storage.Op{put("a", "tag")})
		err = errors.Join(err, store.Close())
	}
	var e *fhir.Error
	switch {
	case err == nil:
		fmt.Print("written")
	case errors.As(err, &e) && e.Err != nil:
		fmt.Print(e.Kind, ": ", e.Err)
	default:
		return err
	}
	return nil
}

// What the user of the program may not read or write is refused in words, and what is there stays as it is.
func TestRights(t *testing.T) {
	const none = os.ModeIrregular
	whole := written(t)
	for name, c := range map[string]struct {
		file, folder os.FileMode
		words        []string
	}{
		"all":                      {0o600, 0o700, []string{"written"}},
		"all, and no file yet":     {none, 0o700, []string{"written"}},
		"a file to be read alone":  {0o400, 0o700, []string{"unavailable", "cannot be written", "writable for the user"}},
		"a file not to be read":    {0o000, 0o700, []string{"unavailable", "cannot be opened", "readable and writable for the user"}},
		"a folder read-only":       {0o600, 0o500, []string{"unavailable", "writable for the user"}},
		"a folder, no file in it":  {none, 0o500, []string{"unavailable", "permission denied", "writable for the user"}},
		"a folder not to be known": {0o600, 0o000, []string{"unavailable", "permission denied", "readable for the user"}},
		"both read-only":           {0o400, 0o500, []string{"unavailable", "writable for the user"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "data")
			path := filepath.Join(folder, "store.db")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if c.file != none {
				if err := os.WriteFile(path, whole, 0o600); err != nil {
					t.Fatal(err)
				}
				restrict(t, path, c.file)
			}
			restrict(t, folder, c.folder)
			out, err := child(t, "open as nobody", path).Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, w := range c.words {
				if !strings.Contains(string(out), w) || strings.Count(string(out), "\n") > 0 {
					t.Errorf("it says %q, want %q and no more than a line", out, w)
				}
			}
			if err := os.Chmod(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if after, err := os.ReadFile(path); c.words[0] == "unavailable" && err == nil && string(after) != string(whole) {
				t.Error("the file was changed")
			}
		})
	}
}

// restrict gives a file to nobody, if it can, with these rights, and lets nobody come to it.
func restrict(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if os.Geteuid() == 0 {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		for dir := filepath.Dir(path); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// writeOnBadDisk commits until the system refuses a write in the middle of one, then goes on with a disk that is well again, and prints
// how many commits were acknowledged.
func writeOnBadDisk(path string) error {
	signal.Ignore(syscall.SIGXFSZ) // the write fails instead
	store, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err != nil {
		return err
	}
	done := 0
	commit := func() error {
		var ops []storage.Op
		for i := range perCommit {
			op := appointment(i)
			op.Condition = storage.Condition{Version: int64(done)}
			ops = append(ops, op)
		}
		_, err := store.Commit(context.Background(), home, ops)
		if err == nil {
			done++
		}
		return err
	}
	for range 3 {
		var limit syscall.Rlimit
		if err := errors.Join(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit), commit()); err != nil {
			return err
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			return err
		}
		whole := limit.Cur
		limit.Cur = uint64(info.Size()) + 500_000
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		for err == nil && done < 1_000 {
			err = commit()
		}
		var e *fhir.Error
		if !errors.As(err, &e) || e.Kind != fhir.Unavailable || e.Err == nil || !strings.Contains(e.Err.Error(), path+" cannot ") {
			return fmt.Errorf("a write that the disk refused: %w", err)
		}
		if v, err := store.Read(context.Background(), home, appointment(0).Key); err != nil || v.Number != int64(done) {
			return fmt.Errorf("after %d commits version %d is there: %w", done, v.Number, err)
		}
		for range 20 { // small writes, of which a few would succeed
			if err := store.Ready(context.Background()); !errors.As(err, &e) || e.Kind != fhir.Unavailable || !strings.Contains(e.Err.Error(), path+" cannot ") {
				return fmt.Errorf("ready where the disk refuses writes: %w", err)
			}
		}
		limit.Cur = whole
		if err := errors.Join(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit), store.Ready(context.Background()), commit()); err != nil {
			return fmt.Errorf("on a disk that is well again: %w", err)
		}
	}
	fmt.Print(done)
	return store.Close()
}

const perCommit = 10

// A disk that refuses a write in the middle of a commit loses nothing that was acknowledged and leaves nothing by half, and nothing
// has to be restarted when it is well again.
func TestBadDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	out, err := child(t, "write on a bad disk", path).Output()
	var done int
	if _, failed := fmt.Sscan(string(out), &done); err != nil || failed != nil {
		t.Fatalf("%v: %s", err, out)
	}
	store := open(t, sqlite.Config{Path: path})
	page, err := store.History(t.Context(), home, storage.HistoryQuery{CountUpTo: -1})
	if err != nil || page.Total != perCommit*done {
		t.Errorf("%d versions after %d commits of %d (%v)", page.Total, done, perCommit, err)
	}
	if _, err := store.Check(t.Context(), nil, func(f storage.Fault) { t.Error(f) }); err != nil {
		t.Error(err)
	}
}
