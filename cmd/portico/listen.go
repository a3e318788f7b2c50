package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"time"
)

// Limits of every connection. The body's limit is the FHIR face's.
const (
	headerTimeout  = 10 * time.Second
	requestTimeout = 60 * time.Second // to read the request, and from there to the last byte of the answer
	workTimeout    = 50 * time.Second // to work on the answer, so that its refusal can still be written
	idleTimeout    = 2 * time.Minute
	maxHeader      = 32 << 10 // bytes
)

// door is a server and where it listens. Both are nil where there is none.
type door struct {
	server   *http.Server
	listener net.Listener
}

// newServer makes a server that slow clients do not keep busy.
func (a *App) newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, MaxHeaderBytes: maxHeader, ErrorLog: log.New(serverLog{a.Log}, "", 0),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout, IdleTimeout: idleTimeout,
	}
}

// listen takes the addresses: from then on clients can connect. They are served by serve and serveFigures.
func (a *App) listen(ctx context.Context) (err error) {
	if a.Config.hasTLS() {
		own, err := newCertificate(a.Config.TLSCert, a.Config.TLSKey, a.Now, a.Log)
		if err != nil {
			return fmt.Errorf("tls-cert, tls-key: %w", err)
		}
		a.server.TLSConfig = own.config()
		a.metrics.registry.MustRegister(own.end())
	}
	if a.listener, err = listenOn(ctx, "listen", a.Config.Listen); err != nil {
		return err
	}
	if n := a.Config.MaxConcurrent; n > 0 {
		a.listener = newLobby(a.listener, min(n, math.MaxInt/connectionsEach)*connectionsEach)
	}
	if a.Config.hasTLS() {
		a.listener = front{a.listener}
	}
	if a.Config.MetricsListen == "" {
		return nil
	}
	figures := http.NewServeMux()
	figures.Handle(http.MethodGet+" "+metricsPath, guarded(a.metrics.handler()))
	a.figures.server = a.newServer(figures)
	a.figures.listener, err = listenOn(ctx, "metrics-listen", a.Config.MetricsListen)
	return err
}

// tryAddress finds out that an address is taken before a store is made for nothing.
func (a *App) tryAddress(ctx context.Context) error {
	for setting, address := range map[string]string{"listen": a.Config.Listen, "metrics-listen": a.Config.MetricsListen} {
		if address == "" {
			continue
		}
		l, err := listenOn(ctx, setting, address)
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

func listenOn(ctx context.Context, setting, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return l, nil
}

// serve answers requests until the server is shut down.
func (a *App) serve() error {
	if a.Config.hasTLS() {
		return a.server.ServeTLS(a.listener, "", "") // and HTTP/2
	}
	return a.server.Serve(a.listener)
}

// serveFigures tells the metrics until their server is shut down, where they have one of their own.
func (a *App) serveFigures() {
	if a.figures.server == nil {
		return
	}
	if err := a.figures.server.Serve(a.figures.listener); !errors.Is(err, http.ErrServerClosed) {
		a.Log.Error("the metrics cannot be had any more", "error", err)
	}
}

// close lets nobody in any more, and waits until all are gone, or ctx ends.
func (d door) close(ctx context.Context) (faults []error) {
	if d.server != nil {
		if err := d.server.Shutdown(ctx); err != nil {
			faults = append(faults, fmt.Errorf("requests were cut off: %w", err), d.server.Close())
		}
	}
	if d.listener != nil {
		if err := d.listener.Close(); !errors.Is(err, net.ErrClosed) {
			faults = append(faults, err)
		}
	}
	return faults
}
