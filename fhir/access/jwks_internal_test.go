package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// keys of clients, made once: RSA takes a while.
var (
	clientRSA = sync.OnceValue(func() *rsa.PrivateKey { return mustMake(rsa.GenerateKey(rand.Reader, 2048)) })
	clientEC  = sync.OnceValue(func() *ecdsa.PrivateKey { return mustMake(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
)

// clientKeyEC is the public clientEC as "ec".
func clientKeyEC() jose.JSONWebKey { return jose.JSONWebKey{Key: clientEC().Public(), KeyID: "ec"} }

func mustMake[K any](key K, err error) K {
	if err != nil {
		panic(err)
	}
	return key
}

// keySet is a JWK Set of keys.
func keySet(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestReadKeySet(t *testing.T) {
	small := mustMake(rsa.GenerateKey(rand.Reader, 1024))
	p256 := mustMake(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	good := jose.JSONWebKey{Key: clientEC().Public(), KeyID: "ec"}
	for _, c := range []struct {
		name   string
		set    []byte
		usable string // their kids
		faults []string
	}{
		{"an RSA and an EC key", keySet(t, jose.JSONWebKey{Key: clientRSA().Public(), KeyID: "rsa", Algorithm: "RS384", Use: "sig"}, good), "rsa ec", nil},
		{"no key", []byte(`{"keys":[]}`), "", nil},
		{"a key alone", []byte(`{"kty":"EC"}`), "", []string{"no JWK Set"}},
		{"no JSON", []byte(`<keys>`), "", []string{"no JWK Set"}},
		{"null", []byte(`null`), "", []string{"no JWK Set"}},
		{"what is no object among them", []byte(`{"keys":[1,null,"x"]}`), "", []string{"keys[0] is no object", "keys[1]", "keys[2] is no object"}},
		{"a short RSA key", keySet(t, jose.JSONWebKey{Key: small.Public(), KeyID: "a"}, good), "ec", []string{"keys[0] is neither"}},
		{"another curve", keySet(t, jose.JSONWebKey{Key: p256.Public(), KeyID: "a"}), "", []string{"keys[0] is neither"}},
		{"another algorithm", keySet(t, jose.JSONWebKey{Key: clientRSA().Public(), KeyID: "a", Algorithm: "RS256"}), "", []string{"keys[0] is for another algorithm than RS384"}},
		{"for encryption", keySet(t, jose.JSONWebKey{Key: clientRSA().Public(), KeyID: "a", Use: "enc"}), "", []string{"keys[0] is not for signatures"}},
		{"no kid", keySet(t, jose.JSONWebKey{Key: clientEC().Public()}), "", []string{"keys[0] has no kid"}},
		{"a kid twice", keySet(t, good, jose.JSONWebKey{Key: clientRSA().Public(), KeyID: "ec"}), "ec", []string{"keys[1] has the kid"}},
		{"a private key", keySet(t, jose.JSONWebKey{Key: clientEC(), KeyID: "a"}), "", []string{"keys[0] is secret"}},
		{"a secret", keySet(t, jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "a"}), "", []string{"keys[0] is secret"}},
		{"a kind of later", []byte(`{"keys":[{"kty":"new","kid":"n"}]}`), "", []string{"keys[0] is no key of a kind"}},
		{"a point beside the curve", []byte(`{"keys":[{"kty":"EC","crv":"P-384","kid":"n","x":"AAAA","y":"AAAA"}]}`), "", []string{"keys[0] is no key"}},
		{"much", []byte(`{"keys":[],"x":"` + strings.Repeat("x", maxKeySet) + `"}`), "", []string{"more than 65536 bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, faults := readKeySet(c.set)
			var kids []string
			for _, k := range keys {
				kids = append(kids, k.KeyID)
			}
			if got := strings.Join(kids, " "); got != c.usable {
				t.Errorf("usable: %q, want %q", got, c.usable)
			}
			if len(faults) != len(c.faults) {
				t.Fatalf("faults: %q", faults)
			}
			for i := range faults {
				if !strings.Contains(faults[i], c.faults[i]) {
					t.Errorf("fault %q, want %q", faults[i], c.faults[i])
				}
			}
			if err, ok := checkKeySet(c.set), len(c.faults) == 0 && c.usable != ""; (err == nil) != ok {
				t.Errorf("registered: %v", err)
			} else if err != nil && strings.Contains(fmt.Sprint(err), "0123456789abcdef") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}
