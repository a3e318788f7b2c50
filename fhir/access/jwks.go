package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/portico-health/portico/fhir"
)

const (
	maxKeySet  = 64 << 10 // bytes of the keys of a client
	minRSABits = 2048     // RFC 7518 3.3
)

// checkKeySet says everything that is wrong with the keys that a client is to be registered with. Invalid.
func checkKeySet(set []byte) error {
	keys, faults := readKeySet(set)
	if len(keys) == 0 && len(faults) == 0 {
		faults = []string{"there is none"}
	}
	if len(faults) == 0 {
		return nil
	}
	return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The keys of the client cannot be used: %s.", strings.Join(faults, "; ")).At("jwks")
}

// readKeySet reads the keys of a JWK Set (RFC 7517 5) that can verify assertions, and says what is wrong with the others. A set that holds more than that is
// none that we refuse at the client's own URL: others may need those keys.
func readKeySet(set []byte) (usable []jose.JSONWebKey, faults []string) {
	if len(set) > maxKeySet {
		return nil, []string{fmt.Sprintf("more than %d bytes", maxKeySet)}
	}
	var members struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(set, &members) != nil || members.Keys == nil {
		return nil, []string{`no JWK Set: it is an object with an array "keys"`}
	}
	var named []string
	for i, member := range members.Keys {
		key, fault := readKey(member)
		if fault == "" && slices.Contains(named, key.KeyID) {
			fault = "has the kid of another one"
		}
		if fault != "" {
			faults = append(faults, fmt.Sprintf("keys[%d] %s", i, fault))
			continue
		}
		named = append(named, key.KeyID)
		usable = append(usable, key)
	}
	return usable, faults
}

// secretMembers are those of keys that are not public (RFC 7518 6.2.2, 6.3.2, 6.4.1).
var secretMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// readKey reads a key that can verify assertions, or says why it cannot. A secret one is not read at all: the work on its numbers is without bound.
func readKey(text json.RawMessage) (key jose.JSONWebKey, fault string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return key, "is no object"
	}
	for _, secret := range secretMembers {
		if members[secret] != nil {
			return key, "is secret: only the public part belongs here, and this one must not be used any more"
		}
	}
	if key.UnmarshalJSON(text) != nil {
		return key, "is no key of a kind that is known here"
	}
	return key, keyFault(key)
}

// keyFault says why a public key cannot verify assertions of SigningAlgorithms; "" where it can.
func keyFault(key jose.JSONWebKey) string {
	algorithm := algorithmOf(key)
	switch {
	case algorithm == "":
		return fmt.Sprintf("is neither an RSA key of %d bits or more (for RS384) nor one of the curve P-384 (for ES384)", minRSABits)
	case key.KeyID == "":
		return "has no kid, by which assertions name it"
	case key.Use != "" && key.Use != "sig":
		return "is not for signatures (use)"
	case key.Algorithm != "" && key.Algorithm != string(algorithm):
		return fmt.Sprintf("is for another algorithm than %s (alg)", algorithm)
	default:
		return ""
	}
}

// algorithmOf is by which of SigningAlgorithms a public key verifies; "" where by none. One key has one algorithm, so that no assertion can choose.
func algorithmOf(key jose.JSONWebKey) jose.SignatureAlgorithm {
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= minRSABits {
			return jose.RS384
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P384() {
			return jose.ES384
		}
	}
	return ""
}
