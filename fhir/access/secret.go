package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"
)

// digest is the SHA-256 of a secret. A slow hash would protect secrets that people choose; ours are 256 bits of chance, and nobody tries them all.
type digest [sha256.Size]byte

func digestOf(secret string) digest {
	return sha256.Sum256(append(make([]byte, 0, 64), secret...)) // not on the heap, unless the secret is longer than ours are
}

// MarshalText writes a digest as it is kept.
func (d digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads a digest as it is kept.
func (d *digest) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(d) {
		return fmt.Errorf("a digest has %d hexadecimal digits", hex.EncodedLen(len(d)))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// Format writes no digest, for any verb.
func (d digest) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("digest")) }

// LogValue is no digest.
func (d digest) LogValue() slog.Value { return slog.StringValue("digest") }

// heldSecret is a secret of a credential, as it is kept.
type heldSecret struct {
	Digest digest    `json:"sha256"`
	Until  time.Time `json:"until,omitzero"` // the end of its grace time; zero for the present one
}

// works says whether the secret is the present one, or its grace time has not ended.
func (s heldSecret) works(now time.Time) bool { return s.Until.IsZero() || now.Before(s.Until) }

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// chance returns n characters of the alphabet, each as likely as any other.
func chance(n int) string {
	const fair = 256 / len(alphabet) * len(alphabet) // bytes beyond would favour the first characters
	text, bytes := make([]byte, 0, n), make([]byte, n)
	for {
		_, _ = rand.Read(bytes) // never fails: https://pkg.go.dev/crypto/rand#Read
		for _, b := range bytes {
			if len(text) == n {
				return string(text)
			}
			if int(b) < fair {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
}
