package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/search"
)

// testSite is whose data most tests read and write, with a key of mode test.
const testSite = "demo"

// keyring has the keys that tests were given. A server is known by its address, whoever asks it.
type keyring struct {
	mu      sync.Mutex
	servers map[string]string // keys, by the addresses of the servers that they are for
	texts   map[string]string // keys, by their ids
}

var keys = &keyring{servers: make(map[string]string), texts: make(map[string]string)}

// keyed is a transport by which requests to a server take along its key, unless they have a credential of their own, be it an empty one.
type keyed struct{ http.RoundTripper }

// RoundTrip is http.RoundTripper's.
func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	_, bare := r.Header["Authorization"]
	_, other := r.Header["X-Api-Key"]
	if key := keys.of(r.URL.Host); key != "" && !bare && !other {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", key)
	}
	return k.RoundTripper.RoundTrip(r)
}

// of is the key for the server at an address, or "".
func (k *keyring) of(address string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.servers[address]
}

// hand gives requests to a server their key; "" gives none.
func (k *keyring) hand(address, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.servers[address] = key
}

// keyFor returns a key for the test site of a store: one that is there, in a copy too, or a new one.
func keyFor(tb testing.TB, setting string) string {
	tb.Helper()
	ctx := context.Background()
	rules, err := search.NewRules(search.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	store, err := openBeside(ctx, Config{Store: setting}, rules)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	}()
	registry := access.Registry{Records: store.Records(), Now: time.Now}
	if _, err := registry.CreateSite(ctx, testSite); err != nil && !errors.Is(err, fhir.Conflict) {
		tb.Fatal(err)
	}
	known, err := registry.Credentials(ctx, testSite)
	if err != nil {
		tb.Fatal(err)
	}
	keys.mu.Lock()
	defer keys.mu.Unlock()
	for _, c := range known {
		if text := keys.texts[c.ID]; text != "" {
			return text
		}
	}
	c, text, err := registry.CreateCredential(ctx, access.NewCredential{Name: "tests", Mode: access.Test, Sites: []string{testSite}, Scopes: []string{access.DefaultScope, access.AdminScope}})
	if err != nil {
		tb.Fatal(err)
	}
	keys.texts[c.ID] = text
	return text
}
