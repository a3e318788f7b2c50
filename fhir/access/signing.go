package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// SigningRecord is the name of the record that holds the keys which sign tokens, for all nodes of a store. They are private keys: no copy of a store for another server
// should have it, which makes its own.
const SigningRecord = "access/signing"

// signingAlgorithm is that of tokens. Parsing takes no other.
const signingAlgorithm = jose.ES256

// The life of a signing key.
const (
	keyLife  = 30 * 24 * time.Hour // it signs
	keyAhead = 24 * time.Hour      // it is published before it signs, so that everybody who verifies has it by then
	keyAfter = time.Hour           // it is published beyond the end of its last token: other nodes may notice late that it has a successor

	keysFresh = maxAge // after that a node reads the record again: keys that were retired are known everywhere within a second
)

// signingKey is one of the keys that sign tokens. It signs from its From until that of the next.
type signingKey struct {
	From time.Time       `json:"from"`
	Key  jose.JSONWebKey `json:"key"` // an *ecdsa.PrivateKey; its KeyID is the thumbprint of RFC 7638
}

// public is the key as it is published.
func (k signingKey) public() jose.JSONWebKey { return k.Key.Public() }

// keyring has the keys that sign tokens, as all nodes share them.
type keyring struct {
	records storage.Records
	now     func() time.Time

	mu   sync.Mutex
	keys []signingKey // by From; one at least once they were read. Not changed, but replaced
	read time.Time
}

// signer signs with the key whose time it is.
func (r *keyring) signer(ctx context.Context) (jose.Signer, error) {
	keys, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	now := r.now()
	key := keys[0]
	for _, k := range keys[1:] {
		if !k.From.After(now) {
			key = k
		}
	}
	options := (&jose.SignerOptions{}).WithType(tokenType)
	return jose.NewSigner(jose.SigningKey{Algorithm: signingAlgorithm, Key: key.Key}, options)
}

// find returns the public key of a name, or nil.
func (r *keyring) find(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
	keys, err := r.current(ctx)
	for _, k := range keys {
		if k.Key.KeyID == kid {
			return k.public().Key.(*ecdsa.PublicKey), nil
		}
	}
	return nil, err
}

// published are the keys that verify tokens, now and soon.
func (r *keyring) published(ctx context.Context) (jose.JSONWebKeySet, error) {
	keys, err := r.current(ctx)
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(keys))}
	for i, k := range keys {
		set.Keys[i] = k.public()
	}
	return set, err
}

// current returns the keys as they were at most keysFresh ago. While the record cannot be read, those that are known go on.
func (r *keyring) current(ctx context.Context) ([]signingKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if since := now.Sub(r.read); r.keys != nil && since >= 0 && since < keysFresh {
		return r.keys, nil
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), readTimeout) // others wait for it
	defer stop()
	keys, err := r.renew(ctx, now)
	switch {
	case err == nil:
		r.keys = keys
	case r.keys == nil:
		return nil, err
	}
	r.read = now
	return r.keys, nil
}

// renew reads the record, and writes it where it is time for another key. Of several nodes that do so at once one wins, and the others take its.
func (r *keyring) renew(ctx context.Context, now time.Time) ([]signingKey, error) {
	for {
		record, err := r.records.Get(ctx, SigningRecord)
		if err != nil && !errors.Is(err, fhir.NotFound) {
			return nil, err
		}
		var keys []signingKey
		if record.Value != nil {
			if err := json.Unmarshal(record.Value, &keys); err != nil {
				return nil, fmt.Errorf("record %s: %w", SigningRecord, err)
			}
		}
		next, changed, err := scheduled(keys, now)
		if err != nil || !changed {
			return next, err
		}
		value, err := json.Marshal(next)
		if err != nil {
			return nil, err
		}
		_, err = r.records.Swap(ctx, SigningRecord, record.Revision, value, 0)
		if err == nil || !errors.Is(err, fhir.Conflict) {
			return next, err
		}
	}
}

// RetireSigningKeys ends all keys that sign access tokens, and with them every token that there is: for when somebody may have seen them. Nodes know within a second; the
// first that needs a key makes another, which signs at once.
func (r Registry) RetireSigningKeys(ctx context.Context) error {
	for attempt := range attempts {
		record, err := r.Records.Get(ctx, SigningRecord)
		if err == nil {
			_, err = r.Records.Swap(ctx, SigningRecord, record.Revision, nil, 0)
		}
		switch {
		case err == nil || errors.Is(err, fhir.NotFound):
			return nil
		case !errors.Is(err, fhir.Conflict):
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
	return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Others change the same all the time. Try again.")
}

// scheduled are the keys that there are to be at a time: a key whose tokens have all expired is gone, and the next one is there before its time comes.
func scheduled(keys []signingKey, now time.Time) (next []signingKey, changed bool, err error) {
	next = slices.Clone(keys)
	for len(next) > 1 && now.After(next[1].From.Add(TokenLife+keyAfter)) {
		next, changed = next[1:], true
	}
	from := now
	if len(next) > 0 {
		due := next[len(next)-1].From.Add(keyLife)
		if now.Before(due.Add(-keyAhead)) {
			return next, changed, nil
		}
		from = due
		if soonest := now.Add(keyAhead); from.Before(soonest) { // nobody asked for a token for a while: the old key signs on until then
			from = soonest
		}
	}
	key, err := newSigningKey(from)
	return append(next, key), true, err
}

func newSigningKey(from time.Time) (signingKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signingKey{}, err
	}
	key := jose.JSONWebKey{Key: private, Algorithm: string(signingAlgorithm), Use: "sig"}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	key.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return signingKey{From: from.UTC().Truncate(time.Second), Key: key}, err
}
