package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-health/portico/conformance"
)

// sent is a request with a body that is read as far as it is needed.
type sent struct {
	*exchange
	read     *counted
	received chan []byte // what was read in the end; nil for an error
	err      error
}

// counted counts what is read.
type counted struct {
	io.Reader
	bytes int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes += n
	return n, err
}

// send lets a body be received, of a length that is stated, or not: -1.
func (d *decoding) send(ctx context.Context, w http.ResponseWriter, body io.Reader, length int64, coding string) *sent {
	s := &sent{read: &counted{Reader: body}, received: make(chan []byte, 1)}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", s.read)
	r.ContentLength = length
	r.Header.Set("Content-Type", typeFHIR)
	r.Header.Set("Content-Encoding", coding)
	s.exchange = &exchange{w: w, request: r, decoding: admission{decoding: d}}
	go func() {
		var text []byte
		text, s.err = s.body(conformance.MaxBundleBytes, isJSON, "")
		s.received <- text
	}()
	return s
}

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Behind a large body others wait with little of theirs in memory, however much it is unpacked. When it is over, all get theirs.
func TestWaitingBodies(t *testing.T) {
	text := bytes.Repeat([]byte(" "), 10*mebibyte)
	small := packed(t, text)
	synctest.Test(t, func(t *testing.T) {
		d := newDecoding(maxDecoding)
		large := admission{decoding: d}
		if err := large.enter(t.Context(), maxDecoding); err != nil {
			t.Fatal(err)
		}
		var waiting []*sent
		for range 5 {
			waiting = append(waiting,
				d.send(t.Context(), httptest.NewRecorder(), bytes.NewReader(small), int64(len(small)), "gzip"),
				d.send(t.Context(), httptest.NewRecorder(), bytes.NewReader(text), int64(len(text)), ""),
				d.send(t.Context(), httptest.NewRecorder(), bytes.NewReader(text), -1, "identity"))
		}
		few := d.send(t.Context(), httptest.NewRecorder(), bytes.NewReader(text[:smallBody]), -1, "")
		synctest.Wait()
		for i, s := range waiting {
			if most := smallBody + bytes.MinRead; s.read.bytes > most || len(s.received) != 0 {
				t.Errorf("of body %d that waits %d bytes are read", i, s.read.bytes)
			}
		}
		if len(few.received) != 1 {
			t.Error("a small body waits too")
		}
		large.leave()
		var all sync.WaitGroup
		for i, s := range waiting {
			all.Go(func() {
				if got := <-s.received; len(got) != len(text) || s.err != nil || s.size != len(text) || s.decoding.bytes != int64(len(text)) {
					t.Errorf("body %d has %d bytes, counts as %d and has taken %d: %v", i, len(got), s.size, s.decoding.bytes, s.err)
				}
				s.decoding.leave()
			})
		}
		all.Wait()
		if d.free != maxDecoding || len(d.waiting) != 0 {
			t.Errorf("%d bytes are free, %d wait", d.free, len(d.waiting))
		}
	})
}

// A body takes room for as much as it states, or as it may have; when it has been read, for as much as it has.
func TestRoomOfABody(t *testing.T) {
	text := bytes.Repeat([]byte(" "), mebibyte)
	small := packed(t, text)
	for name, c := range map[string]struct {
		body   []byte
		length int64
		coding string
		room   int64 // while it is read
	}{
		"stated":     {text, mebibyte, "", mebibyte},
		"not stated": {text, -1, "", conformance.MaxBundleBytes},
		"packed":     {small, int64(len(small)), "gzip", conformance.MaxBundleBytes},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDecoding(maxDecoding)
				client, server := net.Pipe()
				s := d.send(t.Context(), httptest.NewRecorder(), server, c.length, c.coding)
				if _, err := client.Write(c.body[:len(c.body)*9/10]); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if room := maxDecoding - d.free; room != c.room {
					t.Errorf("while it is read it has room for %d bytes, want %d", room, c.room)
				}
				_, err := client.Write(c.body[len(c.body)*9/10:])
				if err = errors.Join(err, client.Close()); err != nil {
					t.Fatal(err)
				}
				if got := <-s.received; len(got) != len(text) || s.err != nil || maxDecoding-d.free != mebibyte {
					t.Errorf("%d bytes were read, with room for %d: %v", len(got), maxDecoding-d.free, s.err)
				}
				s.decoding.leave()
				if d.free != maxDecoding {
					t.Errorf("%d bytes are free", d.free)
				}
			})
		})
	}
}

// connected is the answer to a request over a connection.
type connected struct {
	*httptest.ResponseRecorder
	connection net.Conn
}

func (c connected) SetReadDeadline(t time.Time) error { return c.connection.SetReadDeadline(t) }

// Who is slow with the rest of a large body is cut off, and others come in. Who is not may take any time for what comes behind it.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reading(newDecoding(maxDecoding))
		begin := time.Now()
		client, conn := net.Pipe()
		w := connected{httptest.NewRecorder(), conn}
		answered := make(chan struct{})
		go func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, conformance.FHIRPath, conn)
			r.Header.Set("Content-Type", typeFHIR)
			s.ServeHTTP(w, r)
			close(answered)
		}()
		if _, err := client.Write(bytes.Repeat([]byte(" "), 2*smallBody)); err != nil {
			t.Fatal(err)
		}
		other := s.decoding.send(t.Context(), httptest.NewRecorder(), strings.NewReader(strings.Repeat(" ", 20*mebibyte)), 20*mebibyte, "")
		if got := <-other.received; len(got) != 20*mebibyte || time.Since(begin) != restTime {
			t.Errorf("after %v the other has %d bytes: %v", time.Since(begin), len(got), other.err)
		}
		other.decoding.leave()
		<-answered
		if w.Code != http.StatusRequestTimeout || w.Header().Get("Connection") != "close" || !strings.Contains(w.Body.String(), "20 s") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if s.decoding.free != maxDecoding {
			t.Errorf("%d bytes are free", s.decoding.free)
		}

		client, conn = net.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), restTime/2)
		defer cancel()
		short := s.decoding.send(ctx, connected{httptest.NewRecorder(), conn}, conn, -1, "")
		begin = time.Now()
		if _, err := client.Write(bytes.Repeat([]byte(" "), 2*smallBody)); err != nil {
			t.Fatal(err)
		}
		if <-short.received; short.err == nil || time.Since(begin) != restTime/2 {
			t.Errorf("a request with less time is given up after %v: %v", time.Since(begin), short.err)
		}
	})
}

// deadlines notes those of a connection.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// Through everything that stands between, the face reaches the connection: it has a deadline while a large body is read, and none behind it.
func TestDeadlineReachesTheConnection(t *testing.T) {
	face, err := compressed(reading(newDecoding(maxDecoding)))
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]int{smallBody: 0, smallBody + 1: 2} {
		w := &deadlines{ResponseWriter: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, conformance.FHIRPath, strings.NewReader(strings.Repeat(" ", size)))
		r.Header.Set("Content-Type", typeFHIR)
		r.Header.Set("Accept-Encoding", "gzip")
		face.ServeHTTP(w, r)
		if len(w.set) != want || want > 0 && (w.set[0].IsZero() || !w.set[want-1].IsZero()) {
			t.Errorf("%d bytes: the deadlines were %v", size, w.set)
		}
	}
}
