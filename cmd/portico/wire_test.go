package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// wire is one kept connection of a client that costs next to nothing: it sends requests that are ready, and reads of an answer no
// more than where it ends. What is measured with it is the server.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	head []byte // that every request has: the key
	out  []byte // the last request
	body []byte // of the last answer
}

func dialWire(address string) (*wire, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}
	if key := keys.of(address); key != "" {
		w.head = []byte("Authorization: " + key + "\r\n")
	}
	return w, nil
}

// send makes one request, with the key for the server, and returns the status of its answer, whose body is read whole.
func (w *wire) send(request []byte) (status int, err error) {
	line := bytes.IndexByte(request, '\n') + 1
	w.out = append(append(append(w.out[:0], request[:line]...), w.head...), request[line:]...)
	if _, err := w.conn.Write(w.out); err != nil {
		return 0, err
	}
	told, err := w.in.ReadSlice('\n')
	if err != nil || len(told) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("status line %q: %w", told, err)
	}
	if status, err = strconv.Atoi(string(told[9:12])); err != nil {
		return 0, err
	}
	length := -1
	for {
		if told, err = w.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(told) <= len("\r\n") {
			break
		}
		if value, ok := bytes.CutPrefix(told, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, errors.New("the answer does not tell its length")
	}
	w.body = slices.Grow(w.body[:0], length)[:length]
	_, err = io.ReadFull(w.in, w.body)
	return status, err
}

// wireRequest is a request as it goes over the wire.
func wireRequest(method, path, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/fhir+json\r\n", method, path)
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/fhir+json\r\nContent-Length: %d\r\n", len(body))
	}
	return []byte(b.String() + "\r\n" + body)
}

// clients are kept connections to one server, each with its own chance.
type clients struct {
	wires []*wire
	dice  []*rand.Rand
}

func connect(tb testing.TB, address string, n int) *clients {
	tb.Helper()
	var c clients
	for i := range n {
		w, err := dialWire(address)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = w.conn.Close() })
		c.wires, c.dice = append(c.wires, w), append(c.dice, rand.New(rand.NewPCG(1, uint64(i))))
	}
	return &c
}

// tally is what came of some requests.
type tally struct {
	took      time.Duration   // from the first request to the last answer
	latencies []time.Duration // one for each request
}

func (t tally) perSecond() float64 { return float64(len(t.latencies)) / t.took.Seconds() }

// add joins what was measured one after the other.
func (t *tally) add(more tally) {
	t.took += more.took
	t.latencies = append(t.latencies, more.latencies...)
}

// quantile is the latency that a share q of the requests did not exceed. It sorts.
func (t tally) quantile(q float64) time.Duration {
	slices.Sort(t.latencies)
	return t.latencies[min(int(q*float64(len(t.latencies))), len(t.latencies)-1)]
}

// press lets every connection ask what pick gives it, again and again, for a time. Every answer must be a success.
func (c *clients) press(d time.Duration, pick func(*rand.Rand) []byte) (tally, error) {
	var total tally
	var mu sync.Mutex
	var group sync.WaitGroup
	faults := make([]error, len(c.wires))
	begun := time.Now()
	for i, w := range c.wires {
		group.Go(func() {
			var mine tally
			mine, faults[i] = w.press(begun.Add(d), func() []byte { return pick(c.dice[i]) })
			mu.Lock()
			defer mu.Unlock()
			total.add(mine)
		})
	}
	group.Wait()
	total.took = time.Since(begun)
	return total, errors.Join(faults...)
}

func (w *wire) press(until time.Time, pick func() []byte) (t tally, err error) {
	for now := time.Now(); now.Before(until); {
		request := pick()
		status, err := w.send(request)
		if err != nil || status >= 300 {
			line, _, _ := bytes.Cut(request, []byte("\r\n"))
			return t, fmt.Errorf("%s: status %d: %w %s", line, status, err, w.body)
		}
		then := now
		now = time.Now()
		t.latencies = append(t.latencies, now.Sub(then))
	}
	return t, nil
}
