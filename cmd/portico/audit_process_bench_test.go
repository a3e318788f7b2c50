package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// A turn of BenchmarkAuditProcess is a stretch that does not count and one that does, so that as much of the record waits when the second begins as when it ends.
const (
	auditWarms = time.Second
	auditTurn  = 3 * time.Second
	ticksAt    = 100 // a second: what Linux tells the times of processes in (proc_pid_stat(5), USER_HZ)
)

// BenchmarkAuditProcess shows by how much fewer reads a server answers that records everything than one that records nothing. Each is a process of its own, so that the
// work of the 16 clients is not in what it takes: Linux tells that. They are asked for Patients over kept connections, in turns, and the median of the turns counts:
// -benchtime 9x makes nine. fewer-by-cpu-% is what the processor time of a request says, which other programs and the clients on the same processors disturb less than the requests in a second.
func BenchmarkAuditProcess(b *testing.B) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	var reads [][]byte
	for r := range demo.Generate(demo.Options{Patients: 100, Seed: demo.DefaultSeed, At: at}) {
		if r.Type() == "Patient" {
			reads = append(reads, each([]fhir.Resource{r}, "GET", readPath)...)
		}
	}
	for _, turns := range []struct {
		name  string
		modes [2]audit.Mode
	}{{"off-twice", [2]audit.Mode{audit.Off, audit.Off}}, {"off-and-all", [2]audit.Mode{audit.Off, audit.All}}} { // the first shows how exact it is
		b.Run(turns.name, func(b *testing.B) {
			var asked [2]*clients
			var servers [2]*process
			for i, mode := range turns.modes {
				servers[i] = serveRecording(b, mode, at)
				asked[i] = connect(b, strings.TrimPrefix(servers[i].url, "http://"), 16)
			}
			var cpu, rate [2][]float64
			var lessCPU, lessRate []float64
			for n := 0; b.Loop(); n++ {
				for i := range servers {
					i = (i + n) % 2 // either goes first as often
					perRequest, perSecond := servers[i].pressed(b, asked[i], anyOf(reads))
					cpu[i], rate[i] = append(cpu[i], perRequest), append(rate[i], perSecond)
				}
				last := len(cpu[0]) - 1
				lessCPU = append(lessCPU, 100*(1-cpu[0][last]/cpu[1][last]))
				lessRate = append(lessRate, 100*(1-rate[1][last]/rate[0][last]))
			}
			for i, name := range []string{"first", "second"} {
				b.ReportMetric(median(cpu[i]), name+"-cpu-ns/op")
				b.ReportMetric(median(rate[i]), name+"-req/s")
			}
			b.ReportMetric(median(lessCPU), "fewer-by-cpu-%")
			b.ReportMetric(median(lessRate), "fewer-%")
			b.ReportMetric(0, "ns/op")
			b.Logf("fewer by processor time in each turn: %.1f", lessCPU)
		})
	}
}

// serveRecording starts a server with demo data that records as a mode says. Nobody reads its log.
func serveRecording(b *testing.B, mode audit.Mode, at time.Time) *process {
	b.Helper()
	dir := b.TempDir()
	if out, err := command(b.Context(), "demo", "--patients", "100", "--at", at.Format(time.DateOnly), "--out", filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		b.Fatalf("demo: %v: %s", err, out)
	}
	nobody, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = nobody.Close() })
	p := serveAs(b, dir, func(cmd *exec.Cmd) {
		cmd.Args, cmd.Stderr = append(cmd.Args, "--audit", string(mode)), nobody
	})
	if out, err := p.load(b.Context(), filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		b.Fatalf("load: %v: %s", err, out)
	}
	return p
}

// pressed has the clients ask for a turn. It returns the processor time of the server in nanoseconds a request, and the requests in a second.
func (p *process) pressed(b *testing.B, c *clients, pick func(*rand.Rand) []byte) (perRequest, perSecond float64) {
	b.Helper()
	if _, err := c.press(auditWarms, pick); err != nil {
		b.Fatal(err)
	}
	from := p.cpuTime(b)
	t, err := c.press(auditTurn, pick)
	if err != nil {
		b.Fatal(err)
	}
	return float64(p.cpuTime(b)-from) / float64(len(t.latencies)), t.perSecond()
}

// cpuTime is what the process has used of all processors.
func (p *process) cpuTime(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		b.Skipf("this system does not tell the time of a process: %v", err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // what comes before is the name, which may have spaces
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(string(field))
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksAt
}

// median is the value in the middle, of an even number the upper one.
func median(of []float64) float64 { return slices.Sorted(slices.Values(of))[len(of)/2] }
