package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/portico-health/portico/storage/mongo/mongotest"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// envMain makes the test binary behave as the program.
const envMain = "PORTICO_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(envMain) != "" {
		hamper()
		main()
	}
	http.DefaultClient.Transport = keyed{http.DefaultTransport}
	os.Exit(mongotest.Main(m))
}

// command is the program in a process of its own. As a server it takes as many requests as come.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), envMain+"=1", "PORTICO_RATE_LIMIT=0")
	return cmd
}

// process is a server in a process of its own.
type process struct {
	*exec.Cmd
	url  string
	key  string
	errs *lockedBuffer
}

// serve starts a server on a store and waits for its ready line.
func serve(t testing.TB, dir string) *process {
	t.Helper()
	return serveAs(t, dir, func(*exec.Cmd) {})
}

// serveAs starts a server whose process is changed before.
func serveAs(t testing.TB, dir string, change func(*exec.Cmd)) *process {
	t.Helper()
	return serveAt(t, dir, freeAddress(t), change)
}

// serveAt starts a server at an address: the same as before, for one that comes back.
func serveAt(t testing.TB, dir, address string, change func(*exec.Cmd)) *process {
	t.Helper()
	store := anystore.Setting(t, dir)
	cmd := command(t.Context(), "serve", "--listen", address, "--store", store)
	cmd.Dir = dir
	p := &process{Cmd: cmd, url: "http://" + address, key: keyFor(t, store), errs: &lockedBuffer{}}
	keys.hand(address, p.key)
	cmd.Stderr = p.errs
	change(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "portico ready") {
		t.Fatalf("no ready line but %q, %v: %s", line, err, p.errs)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return p
}

// load is the command that loads files into the server.
func (p *process) load(ctx context.Context, args ...string) *exec.Cmd {
	return command(ctx, slices.Concat([]string{"load", "--url", p.url + "/fhir", "--key", p.key}, args)...)
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// put writes a patient and says whether the server acknowledged it.
func (p *process) put(ctx context.Context, id string) bool {
	body := fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"family":"F%s"}]}`, id, id)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, p.url+"/fhir/Patient/"+id, strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusCreated
}

func (p *process) status(t *testing.T, path string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// TestKilledServerKeepsWhatItAcknowledged kills the server with SIGKILL in the middle of writes and starts it again on
// the same file: every write that was answered is there.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	for round := range 2 {
		p := serve(t, dir)
		acknowledged := p.writeUntilKilled(t, round)
		again := serve(t, dir)
		for _, id := range acknowledged {
			if status := again.status(t, "/fhir/Patient/"+id); status != http.StatusOK {
				t.Errorf("round %d: %s was acknowledged and answers %d", round, id, status)
			}
		}
		again.stop(t)
	}
}

// stop asks the server to end, and waits for it.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("SIGTERM ends the server with %v: %s", err, p.errs)
	}
}

// writeUntilKilled lets eight clients write, kills the server after a hundred answers, and returns what it answered.
func (p *process) writeUntilKilled(t *testing.T, round int) []string {
	t.Helper()
	const clients, enough, bound = 8, 100, 5000
	var mu sync.Mutex
	var acknowledged []string
	var count atomic.Int64
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for i := range bound {
				id := fmt.Sprintf("r%dc%dn%d", round, client, i)
				if !p.put(t.Context(), id) {
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
				if count.Add(1) == enough {
					_ = p.Process.Kill()
				}
			}
		})
	}
	group.Wait()
	_ = p.Wait()
	if len(acknowledged) < enough {
		t.Fatalf("only %d writes were acknowledged: %s", len(acknowledged), p.errs)
	}
	return acknowledged
}

// TestDemoAndLoadTogether makes demo data, loads it into a server by the program's own commands, and counts.
func TestDemoAndLoadTogether(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "demo.ndjson")
	data, err := command(t.Context(), "demo", "--patients", "20", "--at", "2026-03-02").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	p := serve(t, dir)
	out, err := p.load(t.Context(), "--output", "json", file).Output()
	if err != nil {
		t.Fatalf("load: %v\n%s", err, out)
	}
	if status := p.status(t, "/fhir/Patient?_count=0"); status != http.StatusOK {
		t.Errorf("after the load a search answers %d", status)
	}
	bad := filepath.Join(dir, "bad.ndjson")
	if err := os.WriteFile(bad, []byte(`{"resourceType":"Patient","id":"x","gender":"none"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	byEnvironment := command(t.Context(), "load", "--url", p.url+"/fhir", file)
	byEnvironment.Env = append(byEnvironment.Env, envKey+"="+p.key)
	for _, c := range []struct {
		code int
		cmd  *exec.Cmd
	}{
		{exitRefused, p.load(t.Context(), bad)},
		{exitOK, byEnvironment},
		{exitOK, p.load(t.Context(), "--site", testSite, file)},
		{exitRefused, p.load(t.Context(), "--site", "another", file)},
		{exitUsage, command(t.Context(), "load", "--url", p.url+"/fhir", file)}, // without a key
		{exitUsage, command(t.Context(), "load", "--url", p.url+"/fhir", "--key", "x", file)},
		{exitUsage, command(t.Context(), "load", "--url", "http://"+freeAddress(t)+"/fhir", file)},
	} {
		out, _ := c.cmd.CombinedOutput()
		if code := c.cmd.ProcessState.ExitCode(); code != c.code {
			t.Errorf("%v: exit %d, want %d: %.1000s", c.cmd.Args, code, c.code, out)
		}
	}
}

// TestResidentMemory loads the demo data of ten thousand patients and looks at the resident memory of the server,
// which is promised to stay below 150 MB.
func TestResidentMemory(t *testing.T) {
	if os.Getenv("PORTICO_TEST_SOAK") == "" {
		t.Skip("PORTICO_TEST_SOAK is not set (make soak sets it)")
	}
	dir := t.TempDir()
	if out, err := command(t.Context(), "demo", "--patients", "10000", "--out", filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		t.Fatalf("demo: %v: %s", err, out)
	}
	p := serve(t, dir)
	start := time.Now()
	out, err := p.load(t.Context(), filepath.Join(dir, "data")).CombinedOutput()
	if err != nil {
		t.Fatalf("load: %v: %s", err, out)
	}
	took := time.Since(start).Round(time.Second)
	for _, query := range []string{"Patient?family=smith", "Appointment?date=ge2020&_sort=date", "Slot?status=free&_count=1000"} {
		if status := p.status(t, "/fhir/"+query); status != http.StatusOK {
			t.Errorf("%s answers %d", query, status)
		}
	}
	resident := p.residentMB(t)
	t.Logf("loaded in %s, %d MB resident\n%s", took, resident, out)
	if resident >= 150 {
		t.Errorf("%d MB are resident, 150 are promised", resident)
	}
}

// residentMB is the resident memory of the process as Linux tells it.
func (p *process) residentMB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Skipf("this system does not tell the memory of a process: %v", err)
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kb, err := strconv.Atoi(strings.Fields(string(value))[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb / 1024
		}
	}
	t.Fatal("VmRSS is not told")
	return 0
}
