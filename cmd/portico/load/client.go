package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/portico-health/portico/fhir"
)

const (
	mediaType = "application/fhir+json"
	maxAnswer = MaxBundle // bytes that are read
)

// client sends resources to one server.
type client struct {
	base        string // without a slash at its end
	header      http.Header
	http        http.Client
	concurrency int
	now         func() time.Time
	sleep       func(context.Context, time.Duration) error
	answered    atomic.Bool // the server has answered once: it is there, and the URL is its
}

// newClient tells all that is wrong with the options.
func newClient(opts Options) (*client, []fhir.Issue) {
	c := &client{
		base:        strings.TrimRight(opts.URL, "/"),
		concurrency: cmp.Or(max(opts.Concurrency, 0), defaultConcurrency),
		now:         opts.Now,
		sleep:       opts.Sleep,
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.sleep == nil {
		c.sleep = sleep
	}
	if opts.Client != nil {
		c.http = *opts.Client
	} else {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = c.concurrency
		c.http = http.Client{Transport: transport, Timeout: requestTimeout}
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.header = http.Header{
		"Content-Type":   {mediaType},
		"Accept":         {mediaType},
		"Prefer":         {"return=minimal"},
		"Hc-Api-Version": {"1"}, // in which a PUT needs no If-Match
		"User-Agent":     {"portico-load"},
	}
	wrong := checkURL(opts.URL)
	for _, credential := range []struct{ option, header, value, prefix string }{
		{"key", "Authorization", opts.Key, "Bearer "},
		{"site", "SU-SiteId", opts.Site, ""},
	} {
		switch {
		case credential.value == "":
		case strings.ContainsFunc(credential.value, func(r rune) bool { return r <= ' ' || r > '~' }):
			wrong = append(wrong, issue(fhir.CodeValue, credential.option, "The %s may have no spaces, control characters or letters beyond ASCII.", credential.option))
		default:
			c.header.Set(credential.header, credential.prefix+credential.value)
		}
	}
	return c, wrong
}

func checkURL(text string) []fhir.Issue {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return []fhir.Issue{issue(fhir.CodeValue, "url", "The FHIR base is a URL such as http://127.0.0.1:8080/fhir, without a query, not %s.", fhir.Quote(text))}
	}
	if u.User != nil {
		return []fhir.Issue{issue(fhir.CodeValue, "url", "The URL must not have a user or password in it; give a key instead.")}
	}
	return nil
}

// load sends one unit. The error ends the whole load.
func (c *client) load(ctx context.Context, u unit) ([]result, error) {
	if u.whole {
		return c.post(ctx, u)
	}
	r, err := c.store(ctx, u)
	return []result{r}, err
}

// store sends one resource to its place.
func (c *client) store(ctx context.Context, u unit) (result, error) {
	r := result{Place: u.Place, number: u.number, refusal: u.fault}
	method := http.MethodPost
	if !u.resource.IsZero() {
		r.typ = u.resource.Type()
		r.resource = r.typ
		if fhir.ValidID(u.resource.ID()) {
			method = http.MethodPut
			r.resource = u.resource.Key().String()
		}
	}
	if u.fault != "" {
		return r, nil
	}
	a, err := c.persist(ctx, method, c.base+"/"+r.resource, fhir.AppendJSON(nil, u.resource.Root()))
	if err != nil {
		return r, err
	}
	switch {
	case a.status == http.StatusCreated:
		r.created = true
	case a.status/100 != 2:
		r.status, r.refusal = a.status, a.reason()
	}
	return r, nil
}

// persist sends until the server takes or refuses it, or patience ends.
func (c *client) persist(ctx context.Context, method, url string, body []byte) (answer, error) {
	for attempt := 0; ; attempt++ {
		a, err := c.send(ctx, method, url, body)
		var wait time.Duration
		switch {
		case ctx.Err() != nil:
			return answer{}, context.Cause(ctx)
		case err != nil && (attempt == maxRetries || !c.mayRepeat(method, err)):
			return answer{}, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The server at %s cannot be reached: %s.", c.base, reason(err))
		case err != nil:
			wait = backoff(attempt)
		case a.status == http.StatusUnauthorized:
			return answer{}, fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The server wants other credentials: %s", a.reason())
		default:
			var again bool
			if wait, again = a.wait(attempt, c.now()); !again {
				return a, nil
			}
		}
		if err := c.sleep(ctx, wait); err != nil {
			return answer{}, err
		}
	}
}

// mayRepeat says whether a request that had no answer can be sent again: a PUT can, for it is idempotent
// (RFC 9110 9.2.2), and what never left the house. A server that has not answered even once is not waited for.
func (c *client) mayRepeat(method string, err error) bool {
	var failed *net.OpError
	neverSent := errors.As(err, &failed) && failed.Op == "dial"
	return c.answered.Load() && (method == http.MethodPut || neverSent)
}

func (c *client) send(ctx context.Context, method, url string, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header = c.header.Clone()
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	c.answered.Store(true)
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // the status has said all; what is lost is at most the reason
	return answer{response.StatusCode, response.Header, text}, nil
}

// reason is the innermost text of a failed request.
func reason(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return printable(err.Error())
}
