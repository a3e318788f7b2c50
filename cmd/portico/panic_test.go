package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir/rest"
)

// TestPanics are defects, of which a client is told that there is one, and the log which. What was begun breaks off.
func TestPanics(t *testing.T) {
	log := &lockedBuffer{}
	app := &App{Log: slog.New(slog.NewJSONHandler(log, nil)), Now: time.Now, metrics: newMetrics(nil)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public")
		switch r.URL.Path {
		case "/begun":
			_, _ = io.WriteString(w, strings.Repeat("x", 10<<10))
			panic("begun")
		case "/gone":
			panic(http.ErrAbortHandler)
		}
		panic(io.ErrUnexpectedEOF)
	})
	server := httptest.NewServer(rest.Identify(app.Now, app.observe(newObserver(app.metrics, app.Log), handler)))
	defer server.Close()
	answer, body := ask(t, http.DefaultClient, http.MethodGet, server.URL+"/", http.Header{"X-Request-Id": {"request-1"}})
	if answer.StatusCode != http.StatusInternalServerError || answer.Header.Get("Cache-Control") != "no-store" ||
		body != `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception","details":{"text":"`+errFailed.Issues[0].Detail+`"}}]}` {
		t.Errorf("%s, %v, %s", answer.Status, answer.Header, body)
	}
	for _, want := range []string{`"msg":"panic","error":"unexpected EOF"`, `"request":"request-1"`, `panic_test.go`, `"status":500`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log)
		}
	}
	for _, path := range []string{"/begun", "/gone"} {
		response, err := http.Get(server.URL + path)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		if err == nil {
			t.Errorf("%s comes to an end", path)
		}
	}
	if got := strings.Count(log.String(), `"msg":"panic"`); got != 2 { // what was given up is none
		t.Errorf("the log tells of %d panics, want 2: %s", got, log)
	}
}
