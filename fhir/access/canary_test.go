package access_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir/access"
)

// secretsOf are the forms in which what a key proves could be told: itself, and its digest.
func secretsOf(key string) (secret string, digests []string) {
	_, secret, _ = strings.Cut(key, ".")
	sum := sha256.Sum256([]byte(secret))
	return secret, []string{
		hex.EncodeToString(sum[:]), fmt.Sprintf("%X", sum), fmt.Sprint(sum), strings.Trim(fmt.Sprint(sum), "[]"), string(sum[:]),
		base64.StdEncoding.EncodeToString(sum[:]), base64.RawURLEncoding.EncodeToString(sum[:]),
	}
}

// Nothing that is told of a credential tells its secret: no log, error, record, JSON or dump; nor does the store keep it.
func TestNothingTellsASecret(t *testing.T) {
	var told bytes.Buffer
	logs := slog.New(slog.NewJSONHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
	texts := slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g := newGate(t, func(c *access.Config) { c.Log = logs })
	c, first := g.key(access.NewCredential{Name: "canary", Expires: g.clock.now().Add(24 * time.Hour)})
	_, second, err := g.RotateCredential(t.Context(), c.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := g.Credentials(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	tell := func(values ...any) {
		t.Helper()
		for _, v := range values {
			fmt.Fprintf(&told, "%v %+v %#v %s %q\n", v, v, v, v, v)
			logs.Info("told", "value", v)
			texts.Info("told", "value", v)
			if text, err := json.Marshal(v); err == nil {
				told.Write(text)
			}
		}
	}
	tell(c, &c, listed)
	for _, key := range []string{first, second} {
		for _, headers := range [][]string{
			{"Authorization: " + key}, {"Authorization: " + key, "SU-SiteId: elsewhere"}, {"Authorization: " + key + ", " + foreignKey}, {"Authorization: Basic " + key},
			{"Authorization: Bearer " + key + "x"}, {"x-api-key: " + key, "SU-SiteId: " + key}, {"x-api-key: " + key, "SU-SiteId: " + key + ",a"},
			{"x-api-key: " + key, "SU-SiteId: demo", "x-practice-group-id: " + key},
		} {
			who, answer, err := g.ask(headers...)
			tell(who, answer, err)
		}
		_, err := g.Authenticate(request("/fhir/Patient?access_token="+key), http.Header{})
		tell(err)
		_, _, err = g.CreateCredential(t.Context(), access.NewCredential{Mode: access.Mode(key[:4]), Sites: []string{"demo"}, JWKSURL: "http://" + key})
		tell(err)
	}
	if _, err := g.RevokeCredential(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = g.ask("x-api-key: " + second)
	tell(err, g.trail.take(), g.Access)
	if !strings.Contains(told.String(), c.ID) {
		t.Fatal("nothing was told")
	}
	kept := files(t, g.file)
	if !strings.Contains(kept, c.ID) {
		t.Fatal("the store keeps nothing")
	}
	for _, key := range []string{first, second} {
		secret, digests := secretsOf(key)
		if strings.Contains(told.String(), secret) {
			t.Error("a secret is told")
		}
		for _, d := range digests {
			if strings.Contains(told.String(), d) {
				t.Error("the digest of a secret is told")
			}
		}
		if strings.Contains(kept, secret) {
			t.Error("the store keeps a secret")
		}
	}
}

// files are the bytes of everything that a store keeps on disk.
func files(t *testing.T, path string) string {
	t.Helper()
	var all strings.Builder
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
