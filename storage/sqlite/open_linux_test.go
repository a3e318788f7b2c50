package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

// unprivileged runs fn as somebody whom the modes of files bind: https://man7.org/linux/man-pages/man2/setfsuid.2.html is of one thread.
func unprivileged(t *testing.T, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	const nobody = 65534
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if _, _, failed := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); failed != 0 {
			t.Errorf("setfsuid: %v", failed)
			return
		}
		fn()
	}()
	<-done
}

// A copy that nobody can write, in a folder that nobody can write, is read as it is, unless it has a log that must be read with it.
func TestOpenToReadOfReadOnlyCopy(t *testing.T) {
	top := t.TempDir()
	path := filepath.Join(top, "store.db")
	store := open(t, sqlite.Config{Path: path})
	if _, err := store.Commit(t.Context(), home, []storage.Op{put("a", "tag")}); err != nil {
		t.Fatal(err)
	}
	frozen := func(folder string, suffixes ...string) string {
		dir := filepath.Join(top, folder)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, suffix := range suffixes {
			text, err := os.ReadFile(path + suffix)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "store.db"+suffix), text, 0o400)
			}
			if err == nil {
				err = os.Chmod(filepath.Join(dir, "store.db"+suffix), 0o444)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
		return filepath.Join(dir, "store.db")
	}
	for _, dir := range []string{top, filepath.Dir(top)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	killed := frozen("killed", "", "-wal")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	closed := frozen("closed", "")
	backup := filepath.Join(top, "backup.db")
	unprivileged(t, func() {
		if _, err := os.Stat(closed); err != nil {
			t.Logf("not tried: the folder for tests is closed to others: %v", err)
			return
		}
		reading, err := sqlite.OpenToRead(t.Context(), sqlite.Config{Path: closed})
		if err != nil {
			t.Error(err)
			return
		}
		storagetest.Clean(t, reading)
		if _, err := reading.Read(t.Context(), home, key("a")); err != nil {
			t.Error(err)
		}
		if err := reading.Close(); err != nil {
			t.Error(err)
		}
		if _, err := sqlite.OpenToRead(t.Context(), sqlite.Config{Path: killed}); !errors.Is(err, fhir.Unavailable) {
			t.Errorf("a copy whose log cannot be read: error %v, want %q", err, fhir.Unavailable)
		}
	})
	if _, err := sqlite.Backup(t.Context(), closed, backup); err != nil {
		t.Error(err)
	}
}
