package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTroubleAtTheStart starts servers that cannot work. Each says in a line what is wrong and what would help, and exits with 2.
func TestTroubleAtTheStart(t *testing.T) {
	const other = 1000 // a user who is not root
	running := serve(t, t.TempDir())
	tests := []struct {
		name    string
		prepare func(t *testing.T, file string, cmd *exec.Cmd)
		says    []string
	}{
		{"a file that is no database", func(t *testing.T, file string, _ *exec.Cmd) { writeFile(t, file, "no database\n") },
			[]string{"store: ", "portico.db cannot be opened", "file is not a database", "Name another file"}},
		{"a file of which the beginning alone is left", func(t *testing.T, file string, _ *exec.Cmd) {
			damage(t, file, 1, 1<<20, 1)
		}, []string{"store: ", "portico.db cannot be", "malformed", "restore it from a backup"}},
		{"a folder in its place", func(t *testing.T, file string, _ *exec.Cmd) { must(t, os.Mkdir(file, 0o700)) },
			[]string{"portico.db cannot be opened", "is no file"}},
		{"a folder that may only be read", func(t *testing.T, file string, cmd *exec.Cmd) {
			inNamespace(t, cmd, other)
			must(t, os.Chmod(filepath.Dir(file), 0o500))
		}, []string{"portico.db cannot be opened", "permission denied", "writable for the user"}},
		{"a store that may only be read", func(t *testing.T, file string, cmd *exec.Cmd) {
			inNamespace(t, cmd, other)
			fillStore(t, file)
			must(t, errors.Join(os.Chmod(file, 0o400), os.Chmod(filepath.Dir(file), 0o500)))
		}, []string{"portico.db cannot be opened", "readonly", "writable for the user"}},
		{"a store that another server has", func(_ *testing.T, _ string, cmd *exec.Cmd) {
			cmd.Args[5] = "sqlite:" + filepath.Join(running.Dir, "portico.db")
		}, []string{"portico.db cannot be opened", "is served by another process", "Stop that one, or name another file"}},
		{"a port that is taken", func(_ *testing.T, _ string, cmd *exec.Cmd) {
			cmd.Args[3] = strings.TrimPrefix(running.url, "http://")
		}, []string{"listen", "address already in use"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) // or it could not be removed
			file := filepath.Join(dir, "portico.db")
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // for a server that works after all
			defer cancel()
			cmd := command(ctx, "serve", "--listen", freeAddress(t), "--store", "sqlite:"+file)
			cmd.Args = append([]string{cmd.Path}, cmd.Args[1:]...)
			test.prepare(t, file, cmd)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			if lines := strings.Count(string(out), "\n"); lines > 2 {
				t.Errorf("%d lines", lines)
			}
			for _, said := range test.says {
				if !strings.Contains(string(out), said) {
					t.Errorf("it does not say %q", said)
				}
			}
			if t.Failed() {
				t.Logf("it says: %s", out)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(text), 0o600))
}

// fillStore makes a store with some patients in it, in one file.
func fillStore(t *testing.T, file string) {
	t.Helper()
	p := serve(t, filepath.Dir(file))
	c := p.client(t)
	for i := range 50 {
		id := fmt.Sprintf("p%d", i)
		c.must(t, request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, id, id)})
	}
	p.stop(t)
}

// damage fills a store, and writes noise over some of its pages.
func damage(t *testing.T, file string, first, count int, seed uint64) {
	t.Helper()
	const page = 4096
	fillStore(t, file)
	text, err := os.ReadFile(file)
	must(t, err)
	noise := rand.New(rand.NewPCG(seed, 0))
	for i := first * page; i < min(len(text), (first+count)*page); i++ {
		text[i] = byte(noise.Uint32())
	}
	must(t, os.WriteFile(file, text, 0o600))
}

// TestDamagedPages writes noise over a page of a store, each page in its turn. The server refuses to start, or answers, with a
// failure where it must; it never breaks down.
func TestDamagedPages(t *testing.T) {
	pages := 60
	step := soak(15, 1)
	for page := 1; page < pages; page += step {
		t.Run(strconv.Itoa(page), func(t *testing.T) {
			dir := t.TempDir()
			damage(t, filepath.Join(dir, "portico.db"), page, 1, uint64(page))
			address := freeAddress(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmd := command(ctx, "serve", "--listen", address, "--store", "sqlite:"+filepath.Join(dir, "portico.db"))
			said := &lockedBuffer{}
			cmd.Stdout, cmd.Stderr = said, said
			must(t, cmd.Start())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = cmd.Wait() // the exit code is looked at
			}()
			if up := waitFor(t, "http://"+address, ended); up {
				newClient(t, "http://"+address).tryEverything(t)
				cancel()
				<-ended
			} else if code := cmd.ProcessState.ExitCode(); code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			if strings.Contains(said.String(), "panic") || strings.Contains(said.String(), "goroutine ") {
				t.Errorf("it breaks down: %s", said)
			}
		})
	}
}

// waitFor waits until a server answers, or its process has ended.
func waitFor(t *testing.T, url string, ended <-chan struct{}) bool {
	t.Helper()
	for range 3000 {
		select {
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
		if response, err := http.Get(url + "/healthz"); err == nil {
			_ = response.Body.Close()
			return true
		}
	}
	t.Fatal("neither up nor ended")
	return false
}

// tryEverything sends one request of each kind, all of which must get an answer.
func (c *client) tryEverything(t *testing.T) {
	t.Helper()
	for i := range 50 {
		id := fmt.Sprintf("p%d", i)
		c.must(t, request{method: http.MethodGet, path: "Patient/" + id})
		c.must(t, request{method: http.MethodGet, path: "Patient/" + id + "/_history"})
		c.must(t, request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, id, "again")})
		c.must(t, request{method: http.MethodGet, path: "Patient?" + escaped(byIdentifier(id))})
	}
	c.must(t, request{method: http.MethodGet, path: "Patient/_history?_count=1000"})
	c.must(t, request{method: http.MethodGet, path: "Patient?_count=1000"})
}

// TestFullDisk writes until the disk is full. Writes are then answered with 503 and leave nothing, reads go on, and writes too when there is space
// again. What was acknowledged is there, also after a kill. The log says what is wrong and what would help. Meanwhile the server is not ready.
func TestFullDisk(t *testing.T) {
	const bound = 20_000 // writes, for a disk that does not become full or free
	helps := map[string]string{"a limit on files": "Examine its volume", "a small disk": "free some space"}
	for name, hampered := range map[string]func(t *testing.T, dir string) func(*exec.Cmd){
		"a limit on files": func(*testing.T, string) func(*exec.Cmd) {
			return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, envFileLimit+"=1000000") }
		},
		"a small disk": func(t *testing.T, dir string) func(*exec.Cmd) {
			return func(cmd *exec.Cmd) {
				inNamespace(t, cmd, 0)
				cmd.Env = append(cmd.Env, envSmallDisk+"="+dir)
				cmd.Dir = ""
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := serveAs(t, dir, hampered(t, dir))
			c := p.client(t)
			var acknowledged, refused []string
			put := func(i int) (status int) {
				id := fmt.Sprintf("p%d", i)
				a := c.must(t, request{method: http.MethodPut, path: "Patient/" + id, body: patientText(id, id, id)})
				switch {
				case a.status == http.StatusCreated:
					acknowledged = append(acknowledged, id)
				case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "":
					refused = append(refused, id)
				default:
					t.Fatalf("%s: %s", id, a)
				}
				return a.status
			}
			n := 0
			for ; put(n) == http.StatusCreated; n++ {
				if n == bound {
					t.Fatal("the disk does not become full")
				}
			}
			for range 20 {
				n++
				put(n)
			}
			if len(refused) < 20 {
				t.Errorf("of 21 writes to a full disk %d were refused", len(refused))
			}
			c.checkPatients(t, acknowledged, refused)
			if told := strings.Count(p.errs.String(), helps[name]); told == 0 || told > 3 {
				t.Errorf("%d times it says %q", told, helps[name])
			}

			for range 10 {
				if status := p.status(t, "/readyz"); status != http.StatusServiceUnavailable {
					t.Errorf("with a full disk, /readyz answers %d", status)
				}
			}

			p.giveSpace(t)
			for tries := 0; p.status(t, "/readyz") != http.StatusOK; tries++ { // without a write of anybody
				if tries == bound {
					t.Fatal("it does not become ready again")
				}
			}
			n++
			for tries := n + bound; put(n) != http.StatusCreated; n++ {
				if n == tries {
					t.Fatal("there is no space again")
				}
			}
			for range 100 {
				n++
				if status := put(n); status != http.StatusCreated {
					t.Errorf("with space again, a write is answered with %d", status)
				}
			}
			c.checkPatients(t, acknowledged, refused)
			if name == "a small disk" { // it goes with its process
				return
			}
			_ = p.Process.Kill()
			_ = p.Wait()
			serve(t, dir).client(t).checkPatients(t, acknowledged, refused)
		})
	}
}

// checkPatients looks that patients can be read and found, and that others are not there.
func (c *client) checkPatients(t *testing.T, there, not []string) {
	t.Helper()
	for _, id := range there {
		if p, err := readPatient(c.read(t, "Patient/"+id)); err != nil || p.version != 1 {
			t.Errorf("%s is %+v (%v)", id, p, err)
		}
	}
	for _, id := range not {
		if a := c.must(t, request{method: http.MethodGet, path: "Patient/" + id}); a.status != http.StatusNotFound {
			t.Errorf("%s was refused, but: %s", id, a)
		}
	}
	if found := c.found(t, "Patient?_count=1000"); len(found) != len(there) {
		t.Errorf("a search finds %d patients, %d are there", len(found), len(there))
	}
}
