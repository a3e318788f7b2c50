package main

import (
	"net"
	"sync"
)

// connectionsEach is how many connections may be open for each request that is answered at once: clients keep them between requests.
const connectionsEach = 10

// lobby is a listener that has a bounded number of connections open. Beyond it clients wait, as the kernel lets them, until others go: what a connection
// costs before the first request on it is bounded too, and those that send nothing are cut off in a while.
type lobby struct {
	net.Listener
	places chan struct{} // that are taken
	closed chan struct{}
	close  func()
}

// newLobby makes a lobby with n places.
func newLobby(l net.Listener, n int) *lobby {
	closed := make(chan struct{})
	return &lobby{Listener: l, places: make(chan struct{}, n), closed: closed, close: sync.OnceFunc(func() { close(closed) })}
}

// Accept waits for a place, and then for who takes it.
func (l *lobby) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &guest{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close ends Accept too.
func (l *lobby) Close() error {
	l.close()
	return l.Listener.Close()
}

// guest is a connection that has a place.
type guest struct {
	net.Conn
	leave func()
}

// Close gives the place back.
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}

// CloseWrite is that of the connection: who is refused in the midst of a request reads why before it ends.
func (g *guest) CloseWrite() error {
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
