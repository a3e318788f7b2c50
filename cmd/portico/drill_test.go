package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// drill is a folder in which the commands of a page are carried out as they stand there, by a shell that knows the program.
type drill struct {
	dir, address string
	env          []string
}

func newDrill(t *testing.T) *drill {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh to carry out what the README says")
	}
	d := &drill{dir: t.TempDir(), address: freeAddress(t)}
	bin := t.TempDir()
	program := fmt.Sprintf("#!%s\nexec '%s' \"$@\"\n", shell, os.Args[0])
	if err := os.WriteFile(filepath.Join(bin, "portico"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	d.env = append(os.Environ(), envMain+"=1", "PORTICO_LISTEN="+d.address, "PORTICO_RATE_LIMIT=0", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return d
}

// shell is a command of the page.
func (d *drill) shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = d.dir, d.env
	return cmd
}

// run carries out a command that must succeed.
func (d *drill) run(t *testing.T, line string) string {
	t.Helper()
	out, err := d.shell(t.Context(), line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// serve carries out a command that starts a server.
func (d *drill) serve(t *testing.T, line string) *process {
	t.Helper()
	p := &process{Cmd: d.shell(t.Context(), "exec "+line), url: "http://" + d.address, key: keyFor(t, "sqlite:"+filepath.Join(d.dir, "portico-data", "portico.db")), errs: &lockedBuffer{}}
	keys.hand(d.address, p.key)
	p.Stderr = p.errs
	out, err := p.StdoutPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	if ready, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(ready, "portico ready") {
		t.Fatalf("%s: %q, %v: %s", line, ready, err, p.errs)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return p
}

// TestRestoreDrill carries out the README's "Backup and restore", line by line: a backup of a server that is written to; then the server is
// killed and its file spoilt; then the way back.
func TestRestoreDrill(t *testing.T) {
	backup, restore := drillCommands(t)
	d := newDrill(t)
	server := d.serve(t, "portico serve")
	for n := range 20 {
		if !server.put(t.Context(), fmt.Sprintf("before-%d", n)) {
			t.Fatal(server.errs)
		}
	}
	writing, stop := context.WithCancel(t.Context())
	written := make(chan int)
	go func() {
		n := 0
		for writing.Err() == nil && server.put(t.Context(), fmt.Sprintf("meanwhile-%d", n)) {
			n++
		}
		written <- n
	}()
	for _, line := range backup {
		t.Log(line, "\n", d.run(t, line))
	}
	stop()
	if n := <-written; n == 0 {
		t.Error("nothing was written beside the backup")
	}
	if !server.put(t.Context(), "after") {
		t.Fatal(server.errs)
	}
	_ = server.Process.Signal(syscall.SIGKILL)
	_ = server.Wait()
	for _, suffix := range []string{"", "-wal"} { // what was written last is in the log alone
		spoil(t, filepath.Join(d.dir, "portico-data", "portico.db"+suffix))
	}
	if out, err := d.shell(t.Context(), "portico check").CombinedOutput(); err == nil {
		t.Errorf("a check of the spoilt store says %s", out)
	}

	var again *process
	for _, line := range restore {
		if strings.HasPrefix(line, "portico serve") {
			again = d.serve(t, line)
			continue
		}
		t.Log(line, "\n", d.run(t, line))
	}
	if again == nil {
		t.Fatalf("the README's way back starts no server: %v", restore)
	}
	for n := range 20 {
		if status := again.status(t, fmt.Sprintf("/fhir/Patient/before-%d", n)); status != http.StatusOK {
			t.Errorf("what was written before the backup answers %d", status)
		}
	}
	if status := again.status(t, "/fhir/Patient/after"); status != http.StatusNotFound {
		t.Errorf("what was written after the backup answers %d", status)
	}
	if !again.put(t.Context(), "later") {
		t.Errorf("the restored server takes no writes: %s", again.errs)
	}
}

// drillCommands are the commands of the README's section, of the first block and of the second, without their comments.
func drillCommands(t *testing.T) (backup, restore []string) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Backup and restore\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for i, block := range strings.Split(section, "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, "#")
			if i == 0 {
				backup = append(backup, strings.TrimSpace(line))
			} else {
				restore = append(restore, strings.TrimSpace(line))
			}
		}
	}
	if len(backup) == 0 || len(restore) == 0 {
		t.Fatal("the README has no commands for backup and restore")
	}
	return backup, restore
}

// spoil overwrites the first half of a file.
func spoil(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(bytes.Repeat([]byte("spoilt"), int(info.Size()/12)), 0)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
