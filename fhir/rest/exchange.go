package rest

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// Names of headers, in the form in which Go keys them.
const (
	headerAPIVersion = "Hc-Api-Version"
	headerRequestID  = "X-Request-Id"
)

// countedBody is up to how many bytes net/http counts a body itself, and tells its length. It does so in a header of its own: ours stays within the
// eight keys beyond which a map grows.
const countedBody = 2 << 10

// maxURL is how long path and query of a request may be, in bytes.
const maxURL = 8 << 10

// Headers of nearly every answer. They are the same slices in all of them, and not to be changed.
var (
	vary         = []string{"Authorization, SU-SiteId, HC-API-Version, Accept, Accept-Encoding"} // the headers of a request on which answers depend
	varyByOrigin = []string{"Origin, " + vary[0]}

	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

// exchange is one request and its answer.
type exchange struct {
	w       http.ResponseWriter
	request *http.Request

	version conformance.APIVersion
	form    format
	prefer  preferences
	who     fhir.Principal

	address // what the path names

	size     int // of the body, in bytes, unpacked
	decoding admission

	recorded bool // the record tells of it, or the engine sees to that

	part *part // of the entry of a Bundle that the exchange stands for; nil for a request of its own
}

// ServeHTTP answers a request at the base or below it. It does for every exchange what comes before and after its handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, request: r, address: locate(r.URL.EscapedPath()), decoding: admission{decoding: s.decoding}}
	if s.Routed != nil {
		s.Routed(r, x.template)
	}
	if d, ok := s.documents[x.template]; ok {
		d.ServeHTTP(w, r)
		return
	}
	defer x.decoding.leave()
	defer s.recovered(x)
	header := w.Header()
	header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
	if slices.Contains(header["Vary"], "Origin") { // as who hands requests to the face says
		header["Vary"] = varyByOrigin
	} else {
		header["Vary"] = vary
	}
	err := s.chooseVersion(x)
	switch {
	case len(r.RequestURI) > maxURL:
		err = uriTooLong()
	case err != nil:
	case x.place == onMetadata:
		err = s.public(x)
	default:
		err = s.private(x)
	}
	if err != nil {
		s.fail(x, err)
	}
}

// private answers with data: to nobody but who is authenticated.
func (s *server) private(x *exchange) error {
	who, err := s.Authenticate(x.request, x.header())
	if err != nil {
		return err
	}
	x.who = who
	x.who.Request = RequestID(x.request)
	x.prefer = parsePrefer(x.request.Header.Values("Prefer"))
	return s.dispatch(x)
}

// public answers with what everybody may see, also from a page of another origin (https://fetch.spec.whatwg.org/).
func (s *server) public(x *exchange) error {
	x.header().Set("Access-Control-Allow-Origin", "*")
	x.header().Set("Access-Control-Expose-Headers", "ETag, HC-API-Version, X-Request-Id")
	if x.request.Method == http.MethodOptions {
		preflight(x.header(), "Accept, HC-API-Version, If-None-Match, X-Request-Id")
		x.writeEmpty(http.StatusNoContent)
		return nil
	}
	return s.dispatch(x)
}

// chooseVersion reads HC-API-Version. The answer carries the version by which it was made, also when it is an error.
func (s *server) chooseVersion(x *exchange) error {
	asked := strings.TrimSpace(field(x.request.Header, headerAPIVersion))
	v, known := s.Promises.Version(asked)
	if !known {
		v, _ = s.Promises.Version("")
	}
	x.version = v
	header := x.header()
	header[headerAPIVersion] = []string{v.Number}
	if !v.Deprecated.IsZero() {
		header.Set("Deprecation", "@"+strconv.FormatInt(v.Deprecated.Unix(), 10))
	}
	if !v.Sunset.IsZero() {
		header.Set("Sunset", httpDate(v.Sunset))
	}
	if !known {
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "HC-API-Version asks for %s, but there are the versions %s. Without the header it is %s.",
			fhir.Quote(asked), strings.Join(s.Promises.VersionNumbers(), " and "), v.Number).At(ofHTTP("HC-API-Version"))
	}
	return nil
}

// recovered turns a panic, which is a defect, into an answer and a line of log.
func (s *server) recovered(x *exchange) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // the value that net/http asks to panic with, never wrapped
		panic(cause)
	}
	s.log(x, slog.LevelError, "panic", slog.Any("error", cause), slog.String("stack", string(debug.Stack())))
	s.fail(x, fhir.Errorf(fhir.Internal, fhir.CodeException, internalDetail))
}

// header is that of the answer.
func (x *exchange) header() http.Header {
	if x.part != nil {
		return x.part.header
	}
	return x.w.Header()
}

// strict says whether unknown parameters are refused: as the client prefers, else as the version of the API has it.
func (x *exchange) strict() bool {
	switch x.prefer.handling {
	case "strict":
		return true
	case "lenient":
		return false
	default:
		return x.version.Strict
	}
}

// parameters are those of the URL; what is malformed in it is left out.
func (x *exchange) parameters() url.Values {
	if x.request.URL.RawQuery == "" {
		return nil
	}
	return x.request.URL.Query()
}

// write answers with a resource as JSON text. A HEAD gets the headers alone.
func (x *exchange) write(status int, body []byte) {
	if x.part != nil {
		x.part.status = status
		if x.request.Method != http.MethodHead {
			x.part.body = body
		}
		return
	}
	x.send(status, body)
}

// tell answers with an OperationOutcome about the exchange itself, as JSON text.
func (x *exchange) tell(status int, outcome []byte) {
	if x.part != nil {
		x.part.status, x.part.outcome = status, outcome
		return
	}
	x.send(status, outcome)
}

// send answers over the connection. What was decoded is not needed any more, and a slow client must not keep others waiting.
func (x *exchange) send(status int, body []byte) {
	x.decoding.leave()
	header := x.header()
	header["Content-Type"] = contentTypes[x.form.mediaType]
	if x.request.Method == http.MethodHead {
		x.w.WriteHeader(status)
		return
	}
	if x.form.pretty {
		body = indent(body)
	}
	if len(body) > countedBody {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // a client that went away is told nothing
}

// writeEmpty answers without a body.
func (x *exchange) writeEmpty(status int) {
	if x.part != nil {
		x.part.status = status
		return
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		x.header().Set("Content-Length", "0")
	}
	x.w.WriteHeader(status)
}

// indent makes JSON text readable; numbers and text stay as they are.
func indent(text []byte) []byte {
	var b bytes.Buffer
	b.Grow(2 * len(text))
	if json.Indent(&b, text, "", "  ") != nil {
		return text
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// stamp puts the version of a resource into the headers (https://hl7.org/fhir/R4/http.html#versioning).
func (x *exchange) stamp(v fhir.Version) {
	header := x.header()
	header["Etag"], header["Last-Modified"] = []string{v.ETag()}, []string{httpDate(v.Instant.Time())}
	if x.part != nil {
		x.part.version = v
	}
}
