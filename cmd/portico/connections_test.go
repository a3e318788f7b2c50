package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestConnections: beyond the bound clients wait until another goes, and get their answer then.
func TestConnections(t *testing.T) {
	r := start(t, t.TempDir(), func(c *Config) { c.MaxConcurrent = 1 })
	var idle []net.Conn
	for range connectionsEach {
		idle = append(idle, dial(t, r))
	}
	late := dial(t, r)
	_, err := io.WriteString(late, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	must(t, err)
	must(t, late.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	var timeout net.Error
	if n, err := late.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("beyond the bound %d bytes are read: %v", n, err)
	}
	must(t, idle[0].Close())
	must(t, late.SetReadDeadline(time.Now().Add(20*time.Second)))
	if answer, err := io.ReadAll(late); err != nil || len(answer) == 0 {
		t.Errorf("when there is room, it reads %q: %v", answer, err)
	}
	for range 3 * connectionsEach { // what was closed counts no more
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if answer, _ := ask(t, c, http.MethodGet, r.url+"/healthz", nil); answer.StatusCode != http.StatusOK {
			t.Error(answer.Status)
		}
	}
}

// TestFullLobbyCloses: a server whose every connection is taken stops all the same.
func TestFullLobbyCloses(t *testing.T) {
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	l := newLobby(inner, 1)
	client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	must(t, err)
	defer func() { _ = client.Close() }()
	taken, err := l.Accept()
	must(t, err)
	ended := make(chan error)
	go func() { _, err := l.Accept(); ended <- err }()
	must(t, l.Close())
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ends with %v", err)
	}
	for range 2 {
		_ = taken.Close()
	}
	if len(l.places) != 0 {
		t.Errorf("%d places are taken by nobody", len(l.places))
	}
}
