package access

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	outsideLife  = 5 * time.Minute  // of keys that were fetched; a client's Cache-Control may shorten it
	outsideRest  = 10 * time.Second // no URL is asked more often, whatever comes
	outsideWait  = 10 * time.Second // for an answer
	mostOutside  = 1000             // URLs whose keys are remembered
	fetchRefusal = "The keys of the client cannot be fetched from the URL that it is registered with: "
)

// outsideKeys has the keys of clients that publish them at a URL (Credential.JWKSURL).
type outsideKeys struct {
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	mu    sync.Mutex
	byURL map[string]*fetched
}

// fetched is what came from a URL when it was asked last.
type fetched struct {
	mu     sync.Mutex
	asked  time.Time
	asking chan struct{} // closed when the answer has come; nil: the URL is not being asked
	until  time.Time     // that the keys may be used
	keys   []jose.JSONWebKey
	fault  string // why there are none, as refusals tell it
}

// find returns a key by its kid. One that is not known yet may be new: then the URL is asked again, and who asks for such a key waits. The error is a refusal, or
// Unavailable.
func (o *outsideKeys) find(ctx context.Context, url, kid string) (key jose.JSONWebKey, found bool, err error) {
	f := o.at(url)
	key, found, wait, err := o.look(ctx, f, url, kid, true)
	if wait == nil {
		return key, found, err
	}
	select {
	case <-wait:
		key, found, _, err = o.look(ctx, f, url, kid, false)
		return key, found, err
	case <-ctx.Done():
		return key, false, tookTooLong(ctx)
	}
}

// look finds a key in what was fetched. Where that may be of use, and is permitted, it has the URL asked, and says what to wait for.
func (o *outsideKeys) look(ctx context.Context, f *fetched, url, kid string, ask bool) (key jose.JSONWebKey, found bool, wait <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := o.now()
	if key, found = keyNamed(f.keys, kid); found && now.Before(f.until) {
		return key, true, nil, nil
	}
	if since := now.Sub(f.asked); ask && f.asking == nil && (since < 0 || since >= outsideRest) {
		f.asked, f.asking = now, make(chan struct{})
		go o.renew(context.WithoutCancel(ctx), f, url)
	}
	switch {
	case ask && f.asking != nil:
		return key, false, f.asking, nil
	case f.fault != "":
		return key, false, nil, refuse(invalidClient, fetchRefusal+f.fault+".")
	}
	return key, false, nil, nil
}

// renew asks a URL for all who wait.
func (o *outsideKeys) renew(ctx context.Context, f *fetched, url string) {
	keys, life, fault := o.fetch(ctx, url)
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault == "" {
		f.keys, f.until = keys, f.asked.Add(max(life, outsideRest))
	}
	f.fault = fault
	close(f.asking)
	f.asking = nil
}

// at is what is remembered of a URL. Of too many any one is forgotten.
func (o *outsideKeys) at(url string) *fetched {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.byURL[url]
	if f != nil {
		return f
	}
	if len(o.byURL) >= mostOutside {
		for other := range o.byURL {
			delete(o.byURL, other)
			break
		}
	}
	f = &fetched{}
	o.byURL[url] = f
	return f
}

// fetch asks a URL for keys.
func (o *outsideKeys) fetch(ctx context.Context, url string) (keys []jose.JSONWebKey, life time.Duration, fault string) {
	ctx, stop := context.WithTimeout(ctx, outsideWait)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody) //nolint:gosec // Config.Outside reaches public addresses alone
	if err != nil {
		return nil, 0, "it is none"
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := o.client.Do(request) //nolint:gosec // as above
	if err != nil {
		o.log.WarnContext(ctx, "keys of a client cannot be fetched", "url", url, "error", err)
		return nil, 0, "it cannot be reached" // why is not told: it could say what there is in our network
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, 0, fmt.Sprintf("it answers with status %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxKeySet+1))
	if err != nil {
		return nil, 0, "its answer breaks off"
	}
	keys, faults := readKeySet(body)
	if len(keys) == 0 {
		return nil, 0, "its answer has no key that can be used (" + strings.Join(append(faults, "there is no other"), "; ") + ")"
	}
	return keys, lifeOf(answer.Header), ""
}

// lifeOf is how long fetched keys may be used: no longer than the client's Cache-Control says, as SMART has it.
func lifeOf(h http.Header) time.Duration {
	life := outsideLife
	for directive := range strings.SplitSeq(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if seconds, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && seconds >= 0 {
				life = min(life, time.Duration(min(seconds, int(outsideLife/time.Second)))*time.Second)
			}
		}
	}
	return life
}

// keyNamed finds a key by its kid.
func keyNamed(keys []jose.JSONWebKey, kid string) (jose.JSONWebKey, bool) {
	for _, k := range keys {
		if k.KeyID == kid {
			return k, true
		}
	}
	return jose.JSONWebKey{}, false
}
