package load

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/portico-health/portico/fhir"
)

const (
	// MaxResource is the size of the largest resource that is read, in bytes of JSON text as it is written in the file.
	MaxResource = 5 << 20

	// MaxBundle is that of the largest Bundle that is posted whole.
	MaxBundle = 50 << 20

	defaultConcurrency = 8
	requestTimeout     = 2 * time.Minute
)

// Options say what is loaded, and into which server.
type Options struct {
	URL   string   // FHIR base of the server, "http://127.0.0.1:8080/fhir"; a slash at its end is allowed
	Key   string   // sent as "Authorization: Bearer"; "" for none
	Site  string   // sent as SU-SiteId; "" for none
	Files []string // files, directories, and "-" for Stdin

	// Transaction posts Bundles of type transaction and batch to the base, each whole and one after the other in the order of reading. Other
	// Bundles are taken apart all the same.
	Transaction bool

	// Concurrency is how many requests are under way at once; 0 means 8.
	Concurrency int

	// Client sends the requests; nil means one with a time-out of two minutes. Redirects are not followed in any case: as a PUT becomes
	// a GET by them, they would look like success.
	Client *http.Client

	// Stdin is what "-" reads; nil means the standard input of the process.
	Stdin io.Reader

	// Progress gets one line that is written over again and again, and cleared in the end; it is meant for a terminal. Nil means none.
	Progress io.Writer

	// Now and Sleep stand in for the clock; nil means the real one. Sleep returns early, with the error, when ctx ends.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Run loads. The error is nil when everything was read and the server answered to each resource, be it with a refusal, which
// the Summary tells. Otherwise it is of kind Invalid for options that make no sense and files that are not there (nothing was sent then),
// Unavailable for a server that cannot be reached, Unauthenticated for one that does not know the key, or it wraps the error of ctx. The
// Summary says in each case what has been done until then.
func Run(ctx context.Context, opts Options) (Summary, error) {
	summary := Summary{URL: opts.URL, Types: map[string]Count{}, Refusals: []Refusal{}}
	client, wrong := newClient(opts)
	sources, missing := find(opts.Files)
	if wrong = append(wrong, missing...); len(wrong) > 0 {
		err := &fhir.Error{Kind: fhir.Invalid, Issues: wrong}
		summary.Stopped = sentences(err)
		return summary, err
	}

	loading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	shown := newProgress(opts)
	for r := range client.sendAll(loading, stop, sources, opts) {
		summary.add(r)
		shown.update(summary, r.Place)
	}
	shown.clear()
	summary.finish()
	err := context.Cause(loading)
	if ctx.Err() != nil {
		err = fmt.Errorf("the load was interrupted: %w", context.Cause(ctx))
	}
	if err != nil {
		summary.Stopped = sentences(err)
	}
	return summary, err
}

// sendAll reads in one goroutine and sends in several. The channel is closed when all is answered, or when ctx has ended. A
// reader that waits for standard input then is left behind, for nothing can wake it.
func (c *client) sendAll(ctx context.Context, stop context.CancelCauseFunc, sources []string, opts Options) <-chan result {
	lanes := make([]chan unit, c.concurrency)
	for i := range lanes {
		lanes[i] = make(chan unit, 4)
	}
	var order underway
	number := 0
	send := func(u unit) bool {
		u.number = number
		number++
		order.enter(&u, c.base)
		select {
		case lanes[u.lane(len(lanes))] <- u:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go read(sources, reader{stdin: opts.stdin(), whole: opts.Transaction, send: send}, lanes)

	results := make(chan result)
	var senders sync.WaitGroup
	for _, lane := range lanes {
		senders.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case u, more := <-lane:
					if !more {
						return
					}
					u.wait(ctx)
					done, err := c.load(ctx, u)
					order.leave(u)
					if err != nil {
						stop(err)
						return
					}
					for _, r := range done {
						results <- r
					}
				}
			}
		})
	}
	go func() {
		senders.Wait()
		close(results)
	}()
	return results
}

func (o Options) stdin() io.Reader {
	if o.Stdin == nil {
		return os.Stdin
	}
	return o.Stdin
}

// read reads all sources into the lanes, and closes them.
func read(sources []string, r reader, lanes []chan unit) {
	defer func() {
		for _, lane := range lanes {
			close(lane)
		}
	}()
	for _, s := range sources {
		if !r.source(s) {
			return
		}
	}
}

// unit is a resource that was read, or why it is not sent.
type unit struct {
	Place
	number   int           // in the order of reading
	resource fhir.Resource // zero when it could not be read
	fault    string
	whole    bool              // the resource is a Bundle for the base
	after    []<-chan struct{} // closed when what it needs is answered
	done     chan struct{}     // to be closed when it is answered; nil when nobody waits for it
}

// lane is the same for resources of the same type and id, and for all Bundles that are posted whole, so that they stay in order.
func (u unit) lane(lanes int) int {
	if u.whole {
		return 0
	}
	if u.fault != "" || u.resource.ID() == "" {
		return u.number % lanes
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(u.resource.Key().String())) // a hash never fails
	return int(h.Sum32() % uint32(lanes))
}

// result is what became of a unit, or of an entry of one.
type result struct {
	Place
	number   int
	typ      string // "" when it could not be read
	resource string // "Patient/123", or "Patient" when there is no id
	created  bool
	other    bool   // it was carried out, but stored nothing
	refusal  string // "" when it was carried out
	status   int
}
