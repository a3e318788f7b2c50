package engine

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// A cursor is where the next page begins, sealed (AES-256-GCM) so that it tells nothing and cannot be
// made or changed outside. It is bound to the partition and to the purpose that it was given out for. The key is a
// record of the store: every process on the store reads every cursor.

const cursorKeyRecord = "engine/cursor-key"

// cursorSeal reads the key of cursors, and makes it where there is none yet.
func cursorSeal(ctx context.Context, records storage.Records) (cipher.AEAD, error) {
	record, err := records.Get(ctx, cursorKeyRecord)
	if errors.Is(err, fhir.NotFound) {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails: https://pkg.go.dev/crypto/rand#Read
		record, err = records.Swap(ctx, cursorKeyRecord, 0, key, 0)
		if errors.Is(err, fhir.Conflict) { // another process was first: its key is the key
			record, err = records.Get(ctx, cursorKeyRecord)
		}
	}
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(record.Value)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealCursor makes a cursor of a value that JSON can hold.
func (e *Engine) sealCursor(p fhir.Principal, purpose string, value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, e.seal.NonceSize(), e.seal.NonceSize()+len(text)+e.seal.Overhead())
	_, _ = rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(e.seal.Seal(nonce, nonce, text, cursorBinding(p, purpose))), nil
}

// openCursor reads a cursor into value. Invalid when it was not given out for this partition and purpose.
func (e *Engine) openCursor(p fhir.Principal, purpose, cursor string, value any) error {
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil && len(sealed) < e.seal.NonceSize() {
		err = errors.New("shorter than its nonce")
	}
	if err != nil {
		return badCursor(err)
	}
	nonce, sealed := sealed[:e.seal.NonceSize()], sealed[e.seal.NonceSize():]
	text, err := e.seal.Open(nil, nonce, sealed, cursorBinding(p, purpose))
	if err != nil {
		return badCursor(err)
	}
	return json.Unmarshal(text, value)
}

func cursorBinding(p fhir.Principal, purpose string) []byte {
	return []byte(string(p.Partition) + "\n" + purpose)
}

func badCursor(cause error) error {
	return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The cursor was not given out by this server for this request. Follow the link of the page before as it stands, with the same credential and HC-API-Version, or ask again from the first page.").
		At(CursorParam).Because(cause)
}

// CursorParam is the parameter that carries a cursor in a link to the next page.
const CursorParam = "_cursor"
