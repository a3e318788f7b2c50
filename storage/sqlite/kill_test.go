//go:build linux || darwin

package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
	"github.com/portico-health/portico/storage/storagetest"
)

// A child is this program again, which does one thing with a store in a process of its own: childTask names it, childFile the store.
const (
	childTask = "PORTICO_TEST_SQLITE_TASK"
	childFile = "PORTICO_TEST_SQLITE_FILE"
)

var children = map[string]func(path string) error{
	"write forever":       writeForever,
	"open as nobody":      openAsNobody,
	"write on a bad disk": writeOnBadDisk,
}

func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		if err := children[task](os.Getenv(childFile)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is this program, about to do a task.
func child(t *testing.T, task, path string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childTask+"="+task, childFile+"="+path)
	c.Stderr = os.Stderr
	return c
}

// writers is how many goroutines of the child write, each its own resources: a pair with every commit.
const writers = 8

// writeForever prints "writer number" of every commit that was acknowledged.
func writeForever(path string) error {
	store, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range writers {
		go func() {
			for {
				pair := []storage.Op{put(name(w, "left"), "pair"), put(name(w, "right"), "pair")}
				results, err := store.Commit(context.Background(), home, pair)
				if err != nil {
					failed <- err
					return
				}
				fmt.Println(w, results[0].Version.Number)
			}
		}()
	}
	return <-failed
}

func name(writer int, side string) string { return strconv.Itoa(writer) + "-" + side }

// TestKill kills a process that writes, three times: everything that it was told to be durable is there afterwards, and no commit is
// there by half.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	acknowledged := make(map[int]int64)
	for range 3 {
		for line := range runAndKill(t, path, 150) {
			var w int
			var number int64
			if _, err := fmt.Sscan(line, &w, &number); err != nil {
				t.Fatalf("the child says %q", line)
			}
			acknowledged[w] = max(acknowledged[w], number)
		}
		examine(t, path, acknowledged)
	}
}

// runAndKill yields the whole lines that a child prints before and while it is killed.
func runAndKill(t *testing.T, path string, after int) map[string]bool {
	t.Helper()
	child := child(t, "write forever", path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]bool)
	reader := bufio.NewReader(out)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			break // half a line was not acknowledged
		}
		if lines[strings.TrimSpace(line)] = true; len(lines) == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(lines) < after {
		t.Fatalf("the child ended by itself after %d lines: %v", len(lines), err)
	}
	return lines
}

func examine(t *testing.T, path string, acknowledged map[int]int64) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	storagetest.Clean(t, store)
	for w, number := range acknowledged {
		left, err := store.Read(t.Context(), home, key(name(w, "left")))
		if err != nil || left.Number < number {
			t.Errorf("writer %d: version %d is there, %d was acknowledged (%v)", w, left.Number, number, err)
		}
		right, err := store.Read(t.Context(), home, key(name(w, "right")))
		if err != nil || right.Number != left.Number || right.Instant != left.Instant+1 {
			t.Errorf("writer %d: half a commit: %+v, %+v (%v)", w, left, right, err)
		}
		history, err := store.History(t.Context(), home, storage.HistoryQuery{Key: left.Key, Limit: 1, CountUpTo: -1})
		if err != nil || int64(history.Total) != left.Number {
			t.Errorf("writer %d: %d versions up to number %d (%v)", w, history.Total, left.Number, err)
		}
	}
	pairs := search.Query{Type: "Appointment", All: []search.Any{{search.Equal{Param: "tag", Value: "pair"}}}}
	page, err := store.Search(t.Context(), home, pairs, storage.PageRequest{Limit: 100})
	if err != nil || len(page.Versions) != 2*writers {
		t.Errorf("%d resources are found, want %d (%v)", len(page.Versions), 2*writers, err)
	}
	found := make(map[fhir.Key]bool)
	for _, v := range page.Versions {
		if current, err := store.Read(t.Context(), home, v.Key); err != nil || current.Number != v.Number || found[v.Key] {
			t.Errorf("%s: version %d is found, %d is current (%v)", v.Key, v.Number, current.Number, err)
		}
		found[v.Key] = true
	}
}
