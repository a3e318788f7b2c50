package audit

import (
	"log/slog"
	"time"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Mode says what is recorded.
type Mode string

// The modes.
const (
	All    Mode = "all"
	Writes Mode = "writes" // writes, refusals, sign-ins, and what operates the server
	Off    Mode = "off"
)

// DefaultKeep is how long events are kept where nothing else is wanted.
const DefaultKeep = 400 * 24 * time.Hour

// Config is what a Trail stands on. Every field is needed.
type Config struct {
	Store storage.Store
	Rules *search.Rules // by which AuditEvents are searched
	Mode  Mode
	Keep  time.Duration // how long events are kept
	Now   func() time.Time
	Log   *slog.Logger
}

// Trail is the record. It is a Recorder, and may be used by many goroutines at once.
type Trail struct {
	Config
	waiting waiting
	much    chan struct{} // there is something in it when much waits
	desk    desk
}

// NewTrail makes a trail. It does nothing before Run.
func NewTrail(c Config) *Trail {
	return &Trail{Config: c, much: make(chan struct{}, 1), desk: newDesk()}
}
