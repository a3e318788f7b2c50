package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// slice is how long the floor and the server are measured in turn. A round is a slice of the floor, two of the server and one of the floor.
const slice = 100 * time.Millisecond

// BenchmarkHTTP measures what clients get over kept connections from the whole program, beside a floor: a bare net/http handler that
// answers the same bytes, of the same requests by the same clients, measured before and after in every round. Figures of one
// machine say little about another; ratio, the server's requests per second by the floor's, says more. The store has the demo
// data of PORTICO_TEST_PATIENTS (500) patients; 10 300 make 100 000 resources.
func BenchmarkHTTP(b *testing.B) {
	patients, err := strconv.Atoi(cmp.Or(os.Getenv("PORTICO_TEST_PATIENTS"), "500"))
	if err != nil {
		b.Fatal(err)
	}
	server := startLogging(b, b.TempDir(), nil, io.Discard)
	kinds := fill(b, server, patients)
	for _, w := range workloads(kinds) {
		for _, n := range w.connections {
			b.Run(fmt.Sprintf("%s/%d", w.name, n), func(b *testing.B) { beside(b, server.Address(), n, w.pick) })
		}
	}
}

// workload is what clients ask for.
type workload struct {
	name        string
	connections []int
	pick        func(*rand.Rand) []byte
}

// workloads: the reads first, for the writes change what there is to be found.
func workloads(kinds map[string][]fhir.Resource) []workload {
	patients, appointments := kinds["Patient"], kinds["Appointment"]
	all := slices.Concat(patients, appointments)
	some := all[:min(1000, len(all))]
	read, search := each(some, "GET", readPath), each(patients, "GET", identifierPath)
	update, create := each(all, "PUT", readPath), each(slices.Concat(patients, timeless(appointments)), "POST", typePath)
	both, one := []int{16, 64}, []int{16}
	return []workload{
		{"read", both, anyOf(read)},
		{"read-cold", one, anyOf(each(all, "GET", readPath))}, // of everything, more than is kept in memory when the store is large
		{"vread", both, anyOf(each(all, "GET", versionPath))},
		{"search-one", both, anyOf(search)},
		{"page-of-20", []int{1, 16}, anyOf(pages(appointments))},
		{"mix", both, mixed(anyOf(read), anyOf(search), anyOf(update), anyOf(create))},
		{"update", both, anyOf(update)},
		{"create", both, anyOf(create)},
	}
}

func anyOf(requests [][]byte) func(*rand.Rand) []byte {
	return func(r *rand.Rand) []byte { return requests[r.IntN(len(requests))] }
}

// mixed is of ten requests seven reads, two searches and a write.
func mixed(read, search, update, create func(*rand.Rand) []byte) func(*rand.Rand) []byte {
	return func(r *rand.Rand) []byte {
		switch n := r.IntN(20); {
		case n < 14:
			return read(r)
		case n < 18:
			return search(r)
		case n < 19:
			return update(r)
		default:
			return create(r)
		}
	}
}

// each makes a request of every resource; those that write have it as their body.
func each(resources []fhir.Resource, method string, path func(fhir.Resource) string) (requests [][]byte) {
	for _, r := range resources {
		body := ""
		if method != http.MethodGet {
			body = string(fhir.AppendJSON(nil, r.Root()))
		}
		requests = append(requests, wireRequest(method, conformance.FHIRPath+path(r), body))
	}
	return requests
}

func typePath(r fhir.Resource) string    { return "/" + r.Type() }
func readPath(r fhir.Resource) string    { return "/" + r.Key().String() }
func versionPath(r fhir.Resource) string { return readPath(r) + "/_history/1" }

// identifierPath finds one patient by the NHS number.
func identifierPath(r fhir.Resource) string {
	var p struct {
		Identifier []struct{ System, Value string }
	}
	if err := json.Unmarshal(fhir.AppendJSON(nil, r.Root()), &p); err != nil || len(p.Identifier) == 0 {
		panic(fmt.Sprint(r.Key(), " has no identifier: ", err))
	}
	return "/Patient?identifier=" + url.QueryEscape(p.Identifier[0].System+"|"+p.Identifier[0].Value)
}

// pages ask for twenty appointments of two statuses from a day on, sorted by date, and for their total.
func pages(appointments []fhir.Resource) (requests [][]byte) {
	for _, r := range appointments {
		if day, _, ok := strings.Cut(r.Root().Text("start"), "T"); ok { // who waits has no start
			path := "/Appointment?status=booked,fulfilled&date=ge" + day + "&_sort=date&_count=20"
			requests = append(requests, wireRequest(http.MethodGet, conformance.FHIRPath+path, ""))
		}
	}
	return requests
}

// fill stores demo data, and returns it by type.
func fill(b *testing.B, r *running, patients int) map[string][]fhir.Resource {
	b.Helper()
	data, count, kinds := demo.Generate(demo.Options{Patients: patients, Seed: 1}), 0, map[string][]fhir.Resource{}
	for made := range data {
		count++
		if t := made.Type(); t == "Patient" || t == "Appointment" {
			kinds[t] = append(kinds[t], made)
		}
	}
	began := time.Now()
	err := r.fillAll(b.Context(), data)
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Stat(filepath.Clean(sqliteFile(r.Config.Store)))
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d resources stored in %s, %d MB", count, time.Since(began).Round(time.Second), file.Size()>>20)
	return kinds
}

// beside measures a server beside the floor, and reports both.
func beside(b *testing.B, address string, connections int, pick func(*rand.Rand) []byte) {
	ours := connect(b, address, connections)
	bare := connect(b, serveBare(b, ours.wires[0], pick), connections)
	press := func(c *clients, d time.Duration) tally {
		t, err := c.press(d, pick)
		if err != nil {
			b.Fatal(err)
		}
		return t
	}
	press(ours, slice)
	var mine, before, after tally
	var allocations uint64
	var mineCPU, floorCPU time.Duration
	for b.Loop() {
		start := cpuTime()
		before.add(press(bare, slice))
		between, from := cpuTime(), mallocs()
		mine.add(press(ours, 2*slice))
		allocations += mallocs() - from
		end := cpuTime()
		after.add(press(bare, slice))
		mineCPU, floorCPU = mineCPU+end-between, floorCPU+cpuTime()-end+between-start
	}
	floor := (before.perSecond() + after.perSecond()) / 2
	b.ReportMetric(mine.perSecond(), "req/s")
	b.ReportMetric(before.perSecond(), "floor-before/s")
	b.ReportMetric(after.perSecond(), "floor-after/s")
	b.ReportMetric(mine.perSecond()/floor, "ratio")
	b.ReportMetric(perRequest(floorCPU, before, after)/perRequest(mineCPU, mine), "cpu-ratio")
	b.ReportMetric(mine.quantile(0.5).Seconds()*1000, "p50-ms")
	b.ReportMetric(mine.quantile(0.99).Seconds()*1000, "p99-ms")
	b.ReportMetric(float64(allocations)/float64(len(mine.latencies)), "allocs/op")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(0, "B/op")
}

// perRequest is the processor time of a request, client and server together, in seconds. Other programs that run do not change it
// as much as they change how many requests there are in a second.
func perRequest(cpu time.Duration, of ...tally) float64 {
	n := 0
	for _, t := range of {
		n += len(t.latencies)
	}
	return cpu.Seconds() / float64(n)
}

// cpuTime is what this process has used of all processors.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// serveBare starts the floor: a server that reads a request's body and answers at once with bytes that the server under
// measurement answered to a request of that kind. It returns its address.
func serveBare(b *testing.B, w *wire, pick func(*rand.Rand) []byte) string {
	b.Helper()
	type kind struct {
		method string
		search bool
	}
	answers, dice := map[kind][]byte{}, rand.New(rand.NewPCG(2, 2))
	for range 200 {
		request := pick(dice)
		if status, err := w.send(request); err != nil || status >= 300 {
			b.Fatalf("%s: status %d, %v: %s", request, status, err, w.body)
		}
		method, rest, _ := bytes.Cut(request, []byte(" "))
		target, _, _ := bytes.Cut(rest, []byte(" "))
		k := kind{string(method), bytes.IndexByte(target, '?') >= 0}
		answers[k] = append([]byte(nil), w.body...)
	}
	server := &http.Server{ReadHeaderTimeout: headerTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer := answers[kind{r.Method, r.URL.RawQuery != ""}]
		w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer)
	})}
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	return l.Addr().String()
}
