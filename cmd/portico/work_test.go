package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestWorkEnds: whoever waits for the end of the time, asks for it or derives from it sees it at the same moment.
func TestWorkEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		asked := &work{Context: t.Context(), end: begun.Add(workTimeout)}
		waited := &work{Context: t.Context(), end: begun.Add(workTimeout)}
		derived, cancel := context.WithCancel(&work{Context: t.Context(), end: begun.Add(workTimeout)})
		defer cancel()
		if end, ok := asked.Deadline(); !ok || end.Sub(begun) != workTimeout {
			t.Errorf("deadline %v, %v", end, ok)
		}
		time.Sleep(workTimeout - 1)
		for name, ctx := range map[string]context.Context{"asked": asked, "waited": waited, "derived": derived} {
			if err := ctx.Err(); err != nil {
				t.Errorf("%s, before the end: %v", name, err)
			}
		}
		<-waited.Done()
		<-derived.Done()
		if took := time.Since(begun); took != workTimeout {
			t.Errorf("it took %v", took)
		}
		for name, ctx := range map[string]context.Context{"asked": asked, "waited": waited, "derived": derived} {
			if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
		<-asked.Done() // also who comes late
		waited.stop()
		asked.stop()
	})
}

// TestWorkEndsWithItsRequest: the client goes away, or the answer is given.
func TestWorkEndsWithItsRequest(t *testing.T) {
	request, leave := context.WithCancel(t.Context())
	asked, waited := &work{Context: request, end: time.Now().Add(workTimeout)}, &work{Context: request, end: time.Now().Add(workTimeout)}
	stopped := &work{Context: t.Context(), end: time.Now().Add(workTimeout)}
	done, over := waited.Done(), stopped.Done()
	leave()
	stopped.stop()
	<-done
	<-over
	for name, ctx := range map[string]context.Context{"asked": asked, "waited": waited, "stopped": stopped} {
		if err := ctx.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	earlier, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	want, _ := earlier.Deadline()
	if got, ok := (&work{Context: earlier, end: time.Now().Add(workTimeout)}).Deadline(); !ok || got != want {
		t.Errorf("deadline %v, %v; the request's own is earlier", got, ok)
	}
}

// TestRequestHasWorkTimeout: a handler that waits for ever does not.
func TestRequestHasWorkTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &App{Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Now: time.Now}
		h := app.observe(newObserver(newMetrics(nil), app.Log), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		begun := time.Now()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		if took := time.Since(begun); took != workTimeout {
			t.Errorf("it took %v", took)
		}
	})
}
