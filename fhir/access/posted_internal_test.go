package access

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// oneConn is a listener that accepts one connection.
type oneConn struct{ conn chan net.Conn }

// Close is net.Listener's.
func (oneConn) Close() error { return nil }

// Addr is net.Listener's.
func (oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// Accept is net.Listener's.
func (l oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

// overPipe serves one connection, and returns its other end.
func overPipe(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	l := oneConn{make(chan net.Conn, 1)}
	l.conn <- server
	close(l.conn)
	go func() {
		_ = (&http.Server{Handler: h, IdleTimeout: time.Minute, ReadHeaderTimeout: time.Minute}).Serve(l)
	}()
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func answerFrom(t *testing.T, in *bufio.Reader) (status int, body string) {
	t.Helper()
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestSlowBodies: a body that is not there in time is waited for no longer, however many bytes come meanwhile.
func TestSlowBodies(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{TokenPath, IntrospectPath, RevokePath} {
		synctest.Test(t, func(t *testing.T) {
			client := overPipe(t, r.Handler())
			begun, dripped := time.Now(), make(chan struct{})
			go func() {
				defer close(dripped)
				_, err := fmt.Fprintf(client, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\ngrant_type=", path, formType)
				for ; err == nil; time.Sleep(time.Second) {
					_, err = client.Write([]byte("x"))
				}
			}()
			status, body := answerFrom(t, bufio.NewReader(client))
			if took := time.Since(begun); status != http.StatusRequestTimeout || !strings.Contains(body, invalidRequest) || took != bodyTime {
				t.Errorf("%s: after %v %d %s", path, took, status, body)
			}
			_ = client.Close()
			<-dripped
		})
	}
}

// TestWorkAfterABody: once the body is there, the work on the answer may take its time, and the connection goes on.
func TestWorkAfterABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := overPipe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := readForm(w, r)
			time.Sleep(2 * bodyTime)
			_, _ = fmt.Fprint(w, err, r.Context().Err())
		}))
		in := bufio.NewReader(client)
		for range 2 {
			if _, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
				t.Fatal(err)
			}
			if _, body := answerFrom(t, in); body != "<nil> <nil>" {
				t.Errorf("it ends with %s", body)
			}
		}
	})
}
