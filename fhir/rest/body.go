package rest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
)

// maxBody is how large the body of a request may be, in bytes, unpacked; a Bundle at the base may have conformance.MaxBundleBytes.
const maxBody = 5 << 20

// resource reads the resource in the body, or that which an entry of a Bundle carries. Its errors are UnsupportedMedia, TooLarge, and
// Invalid with what is wrong with the text.
func (x *exchange) resource() (fhir.Resource, error) {
	r, err := x.parse(maxBody)
	if err == nil && r.IsZero() {
		err = fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "The request has no body, where a resource is needed.")
	}
	return r, err
}

// parse is resource with a limit in bytes, where there may be none: then it is the zero Resource.
func (x *exchange) parse(limit int64) (fhir.Resource, error) {
	if x.part != nil {
		return x.part.resource, nil
	}
	text, err := x.body(limit, isJSON, "a resource as application/fhir+json, FHIR version 4.0, in UTF-8")
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return fhir.Resource{}, err
	}
	return fhir.ParseResource(text)
}

// body reads the body, unpacked, of at most limit bytes, when its media type is accepted.
func (x *exchange) body(limit int64, accepts func(mediaType string) bool, accepted string) ([]byte, error) {
	if x.part != nil {
		return x.part.binary(accepts, accepted)
	}
	if mediaType := field(x.request.Header, "Content-Type"); !accepts(mediaType) {
		return nil, fhir.Errorf(fhir.UnsupportedMedia, fhir.CodeNotSupported, "The body cannot be read as %s. What is read here is %s.", fhir.Quote(mediaType), accepted).At(ofHTTP("Content-Type"))
	}
	text, err := x.unpacked(limit)
	x.size = len(text)
	return text, err
}

// unpacked reads the body as its Content-Encoding says.
func (x *exchange) unpacked(limit int64) ([]byte, error) {
	if x.request.ContentLength > limit {
		return nil, bodyTooLarge(limit)
	}
	packed := http.MaxBytesReader(x.w, x.request.Body, limit)
	coding := field(x.request.Header, "Content-Encoding")
	switch strings.ToLower(coding) {
	case "", "identity":
		return x.readBody(packed, x.request.ContentLength, limit)
	case "gzip", "x-gzip":
		unpacked, err := gzip.NewReader(packed)
		if err != nil {
			return nil, x.badBody(err, limit)
		}
		return x.readBody(unpacked, 0, limit)
	default:
		x.header().Set("Accept-Encoding", "gzip") // RFC 9110 12.5.3
		return nil, fhir.Errorf(fhir.UnsupportedMedia, fhir.CodeNotSupported, "The body is packed as %s; gzip is unpacked here, or nothing.", fhir.Quote(coding)).At(ofHTTP("Content-Encoding"))
	}
}

// readBody reads at most limit bytes. The length that the client states, 0 for none, is believed only as far as it costs little, or there is room for it.
func (x *exchange) readBody(r io.Reader, length, limit int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(length, 0), smallBody)) + bytes.MinRead)
	n, err := b.ReadFrom(io.LimitReader(r, smallBody+1))
	if err == nil && n > smallBody {
		err = x.readOn(&b, r, length, limit)
	}
	switch {
	case err != nil:
		return nil, x.badBody(err, limit)
	case int64(b.Len()) > limit:
		return nil, bodyTooLarge(limit)
	default:
		return b.Bytes(), nil
	}
}

// restTime is how long a client may take to send the rest of a large body: others wait for the room that it has.
const restTime = 20 * time.Second

// readOn reads the rest of a large body, when there is room for as much as it may have.
func (x *exchange) readOn(b *bytes.Buffer, r io.Reader, length, limit int64) error {
	ctx := x.request.Context()
	room := limit
	if length > smallBody {
		room = length
	}
	if err := x.decoding.enter(ctx, room); err != nil {
		return err
	}
	end := time.Now().Add(restTime)
	if over, ok := ctx.Deadline(); ok && over.Before(end) {
		end = over
	}
	connection := http.NewResponseController(x.w)
	_ = connection.SetReadDeadline(end) // a writer that cannot is no connection
	if length > smallBody {
		b.Grow(int(length) - b.Len() + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(r, limit+1-int64(b.Len()))); err != nil || int64(b.Len()) > limit {
		return err
	}
	_ = connection.SetReadDeadline(time.Time{}) // or the server would take its passing for a client that went away
	x.decoding.settle(int64(b.Len()))
	return nil
}

// badBody is the error for a body that cannot be read.
func (x *exchange) badBody(cause error, limit int64) error {
	var tooLarge *http.MaxBytesError
	var told *fhir.Error
	switch {
	case errors.As(cause, &told):
		return cause
	case errors.As(cause, &tooLarge):
		return bodyTooLarge(limit)
	case errors.Is(cause, os.ErrDeadlineExceeded):
		x.header().Set("Connection", "close") // RFC 9110 15.5.9
		return ofTransport{http.StatusRequestTimeout, fhir.Errorf(fhir.Invalid, fhir.CodeTransient, "The body did not come to its end in time. From when the server asks for it, the rest of a large one may take %d s.", int(restTime.Seconds()))}
	default:
		return fhir.Errorf(fhir.Invalid, fhir.CodeStructure, "The body could not be read to its end: it broke off, or it is not packed as its headers say.").Because(cause)
	}
}

func bodyTooLarge(limit int64) error {
	return fhir.Errorf(fhir.TooLarge, fhir.CodeTooLong, "The body is larger than %d MiB, unpacked.", limit>>20)
}
