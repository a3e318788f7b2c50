package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/rest"
	"github.com/portico-health/portico/fhir/validate"
	"github.com/portico-health/portico/storage"
)

// App is the running server: open it, let it run, close it.
type App struct {
	Config Config
	Out    io.Writer // the ready line
	Log    *slog.Logger
	Now    func() time.Time

	store    storage.Store
	trail    *audit.Trail
	access   *access.Access
	shares   shares // of the requests that are answered at once
	engine   *engine.Engine
	metrics  *metrics
	server   *http.Server
	listener net.Listener
	figures  door // the metrics alone, where they have an address of their own
	stopping atomic.Bool

	unsettled time.Time // when the log was told that settling fails; zero while it does not

	background     sync.WaitGroup // work beside the requests
	stopBackground context.CancelFunc
	recording      sync.WaitGroup // the trail, which outlives requests and that work
	stopRecording  context.CancelFunc
}

// Run opens the server and serves until ctx ends.
func (a *App) Run(ctx context.Context) error {
	err := a.Open(ctx)
	if ctx.Err() != nil { // asked to stop before it began
		return a.Close()
	}
	if err != nil {
		return errors.Join(exit{code: exitUsage, cause: err}, a.Close())
	}
	return a.Serve(ctx)
}

// Serve serves until ctx ends, and closes the server in good order: not ready any more, no new connections,
// the requests under way answered within the grace, what they did recorded, the store closed.
func (a *App) Serve(ctx context.Context) error {
	recording, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stopRecording = stop
	a.recording.Go(func() { a.trail.Run(recording) })
	served := make(chan error, 1)
	go func() { served <- a.serve() }()
	a.background.Go(a.serveFigures)
	a.announce()
	background, stop := context.WithCancel(ctx)
	a.stopBackground = stop
	a.background.Go(func() { a.reindex(background) })
	a.background.Go(func() { a.settle(background) })
	select {
	case err := <-served:
		return errors.Join(err, a.Close())
	case <-ctx.Done():
		a.Log.Info("stopping")
		return a.Close()
	}
}

// Open makes the store, the engine and the faces, and the listener last: whoever can connect is
// served.
func (a *App) Open(ctx context.Context) error {
	if err := a.tryAddress(ctx); err != nil {
		return err
	}
	types := a.Config.Resources
	rules, err := indexRules(a.Config)
	if err != nil {
		return err
	}
	if a.store, err = openStore(ctx, a.Config, rules, a.Now, func(found string) { a.Log.Info(found) }); err != nil {
		return err
	}
	a.trail = audit.NewTrail(audit.Config{Store: a.store, Rules: rules, Mode: a.Config.Audit, Keep: a.Config.AuditKeep, Now: a.Now, Log: a.Log})
	a.engine, err = engine.New(ctx, engine.Config{
		Store: a.trail.Over(a.store), Audit: a.recorder(), Rules: rules, Validator: validate.New(), Types: types, ReadOnly: conformance.ReadOnlyTypes(),
		Now: a.Now, NewID: fhir.NewID, HoldTime: a.Config.HoldTime, SearchBudget: a.Config.SearchBudget, MaxIncludes: a.Config.SearchIncludes,
	})
	if err != nil {
		return storeFault(a.Config.Store, "cannot be read", err)
	}
	if err := a.openAccess(ctx); err != nil {
		return storeFault(a.Config.Store, "cannot be read", err)
	}
	a.invite(ctx)
	if a.Config.Dev {
		if err := a.fillDemo(ctx); err != nil {
			return fmt.Errorf("filling the demo site: %w", err)
		}
	}
	a.metrics = newMetrics(a.engine)
	promises := rest.Promises(a.engine, conformance.Config{
		Release: release(), BaseURL: a.Config.BaseURL, Started: a.Now(), Unchecked: validate.Unchecked, Security: a.Config.security(),
	})
	handler, err := a.handler(promises)
	if err != nil {
		return err
	}
	a.server = a.newServer(handler)
	a.settleOnce(ctx, a.engine.Recover)
	return a.listen(ctx)
}

// rootCause is what the operator is told: the failure itself, not the words for a client.
func rootCause(err error) error {
	var e *fhir.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}

// Close ends what Open made, as far as it came.
func (a *App) Close() error {
	a.stopping.Store(true)
	if a.stopBackground != nil {
		a.stopBackground()
	}
	var faults []error
	ctx, cancel := context.WithTimeout(context.Background(), a.Config.Grace)
	defer cancel()
	for _, d := range []door{{a.server, a.listener}, a.figures} {
		faults = append(faults, d.close(ctx)...)
	}
	a.background.Wait()
	if a.stopRecording != nil {
		a.stopRecording()
	}
	a.recording.Wait()
	if a.store != nil {
		faults = append(faults, a.store.Close())
	}
	return errors.Join(faults...)
}

// announce says on standard output that the server is there.
func (a *App) announce() {
	base := a.Config.BaseURL
	fmt.Fprintf(a.Out, "portico ready  %s/fhir  %s/fhir/metadata  %s%s\n", base, base, base, conformance.DiscoveryPath)
}

// Address is where the server listens.
func (a *App) Address() string { return a.listener.Addr().String() }

// newLog makes the log: text for a person at a terminal, JSON for a machine.
func newLog(w io.Writer, c Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: hideInLog(c.Store)}
	f, isFile := w.(*os.File)
	if c.LogFormat == "text" || (c.LogFormat == "auto" && isFile && isTerminal(f)) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// recorder is whom the engine tells of what reads and what is refused: nobody where nothing is recorded, so that telling costs nothing.
func (a *App) recorder() audit.Recorder {
	if a.Config.Audit == audit.Off {
		return nil
	}
	return a.trail
}
