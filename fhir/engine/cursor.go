package engine

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// A cursor is where the next page begins, sealed (AES-256-GCM) so that it tells nothing and cannot be
// made or changed outside. It is bound to the partition and to the purpose that it was given out for. The key is a
// record of the store: every process on the store reads every cursor.

const (
	cursorKeyRecord = "engine/cursor-key"

	// A cursor has to fit into the URL of a link. A longer one is kept in the store for a day, and its name goes into the link.
	maxCursor     = 6000 // characters
	cursorRecords = "engine/cursor/"
	cursorLife    = 24 * time.Hour
	keptPrefix    = "~" // no character of base64
)

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
func (e *Engine) sealCursor(ctx context.Context, p fhir.Principal, purpose string, value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	text = e.deflate(text)
	nonce := make([]byte, e.seal.NonceSize(), e.seal.NonceSize()+len(text)+e.seal.Overhead())
	_, _ = rand.Read(nonce)
	sealed := e.seal.Seal(nonce, nonce, text, cursorBinding(p, purpose))
	if base64.RawURLEncoding.EncodedLen(len(sealed)) <= maxCursor {
		return base64.RawURLEncoding.EncodeToString(sealed), nil
	}
	name := e.NewID(e.Now())
	_, err = e.Store.Records().Swap(ctx, cursorRecords+name, 0, sealed, fhir.InstantOf(e.Now().Add(cursorLife)))
	return keptPrefix + name, err
}

// openCursor reads a cursor into value. Invalid when it was not given out for this partition and purpose.
func (e *Engine) openCursor(ctx context.Context, p fhir.Principal, purpose, cursor string, value any) error {
	sealed, err := e.sealedCursor(ctx, cursor)
	if err != nil {
		return err
	}
	if len(sealed) < e.seal.NonceSize() {
		return badCursor(errors.New("shorter than its nonce"))
	}
	nonce, sealed := sealed[:e.seal.NonceSize()], sealed[e.seal.NonceSize():]
	text, err := e.seal.Open(nil, nonce, sealed, cursorBinding(p, purpose))
	if err != nil {
		return badCursor(err)
	}
	return json.NewDecoder(flate.NewReader(bytes.NewReader(text))).Decode(value)
}

// sealedCursor returns the bytes of a cursor: its own, or those that are kept under its name.
func (e *Engine) sealedCursor(ctx context.Context, cursor string) ([]byte, error) {
	name, kept := strings.CutPrefix(cursor, keptPrefix)
	if !kept {
		if strings.ContainsAny(cursor, "\r\n") { // which base64 passes over
			return nil, badCursor(errors.New("has a line break"))
		}
		sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
		if err != nil {
			return nil, badCursor(err)
		}
		return sealed, nil
	}
	record, err := e.Store.Records().Get(ctx, cursorRecords+name)
	if errors.Is(err, fhir.NotFound) {
		return nil, badCursor(err)
	}
	return record.Value, err
}

// deflate packs a text. A writer has more than a megabyte of tables and is used again therefore.
func (e *Engine) deflate(text []byte) []byte {
	var b bytes.Buffer
	w, used := e.deflaters.Get().(*flate.Writer)
	var err error
	if used {
		w.Reset(&b)
	} else {
		w, err = flate.NewWriter(&b, flate.BestSpeed)
	}
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("fhir/engine: a buffer refused to be written: " + err.Error())
	}
	e.deflaters.Put(w)
	return b.Bytes()
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
