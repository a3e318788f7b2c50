package main

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spf13/cobra"

	"github.com/portico-health/portico/fhir/access"
)

const (
	assertionLife = 5 * time.Minute // the longest that SMART permits
	rsaBits       = 3072
)

func keyGenerateCommand() *cobra.Command {
	var out, algorithm string
	cmd := &cobra.Command{
		Use:   "generate --out FILE",
		Short: "Make a key pair for a client that signs: the private key into a new file, the public one on stdout",
		Long: `Generate makes a key pair. The private key goes into a new file, readable for its owner alone, as a JWK (RFC 7517); the JWKS with the public key goes to
standard output, for key create --jwks. It needs no store.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return errors.New("--out: name the file for the private key")
			}
			key, err := generateKey(algorithm)
			if err != nil {
				return err
			}
			if err := writePrivate(filepath.Clean(out), key); err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file for the private key, which must not be there yet")
	cmd.Flags().StringVar(&algorithm, "alg", string(jose.ES384), "algorithm of the signatures: "+strings.Join(access.SigningAlgorithms, " or "))
	return cmd
}

// generateKey makes a key pair for an algorithm. Its id is its thumbprint (RFC 7638).
func generateKey(algorithm string) (key jose.JSONWebKey, err error) {
	key = jose.JSONWebKey{Algorithm: algorithm, Use: "sig"}
	switch jose.SignatureAlgorithm(algorithm) {
	case jose.ES384:
		key.Key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.RS384:
		key.Key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		return key, fmt.Errorf("--alg: %q is not %s", algorithm, strings.Join(access.SigningAlgorithms, " or "))
	}
	if err != nil {
		return key, err
	}
	thumb, err := key.Thumbprint(crypto.SHA256)
	key.KeyID = base64.RawURLEncoding.EncodeToString(thumb)
	return key, err
}

// writePrivate writes a private key into a new file.
func writePrivate(path string, key jose.JSONWebKey) error {
	text, err := json.Marshal(key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--out: %w", fileFault(path, err))
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}

func keyAssertionCommand() *cobra.Command {
	var client, file, audience string
	cmd := &cobra.Command{
		Use:   "assertion --client ID --private-key FILE --audience URL",
		Short: "Sign a client assertion, valid for five minutes and once, to ask for a token with",
		Long: `Assertion signs the JWT by which a client of SMART backend services proves who it is, for tools such as curl, and prints it: the client_assertion of a request for
a token. The audience is the URL of the token endpoint. It needs no store.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var faults []error
			for flag, value := range map[string]string{"client": client, "private-key": file, "audience": audience} {
				if value == "" {
					faults = append(faults, fmt.Errorf("--%s: it is needed", flag))
				}
			}
			if err := errors.Join(faults...); err != nil {
				return err
			}
			key, err := readPrivate(filepath.Clean(file))
			if err != nil {
				return fmt.Errorf("--private-key: %w", fileFault(file, err))
			}
			text, err := signAssertion(key, client, audience, time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().StringVar(&client, "client", "", "client_id")
	cmd.Flags().StringVar(&file, "private-key", "", "file with the private key, as key generate makes it")
	cmd.Flags().StringVar(&audience, "audience", "", "URL of the token endpoint")
	return cmd
}

// readPrivate reads a private key that signs by one of the algorithms that servers take.
func readPrivate(path string) (key jose.JSONWebKey, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return key, err
	}
	if json.Unmarshal(text, &key) != nil || !key.Valid() || key.IsPublic() { // what is wrong with it may be the key itself
		return key, errors.New("it is no private key as JWK (RFC 7517)")
	}
	if _, isRSA := key.Key.(*rsa.PrivateKey); isRSA {
		key.Algorithm = cmp.Or(key.Algorithm, string(jose.RS384))
	}
	key.Algorithm = cmp.Or(key.Algorithm, string(jose.ES384))
	if !slices.Contains(access.SigningAlgorithms, key.Algorithm) {
		return key, fmt.Errorf("it is for %s, and not for %s", key.Algorithm, strings.Join(access.SigningAlgorithms, " or "))
	}
	return key, nil
}

// signAssertion makes a client assertion: RFC 7523 3, https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#authenticating-to-the-token-endpoint.
func signAssertion(key jose.JSONWebKey, client, audience string, now time.Time) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, options)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: client, Subject: client, Audience: jwt.Audience{audience}, ID: rand.Text(), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionLife)),
	}).Serialize()
}
