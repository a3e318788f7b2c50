package access

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

const (
	maxPosted = 64 << 10 // bytes of a request to the endpoints for clients
	formType  = "application/x-www-form-urlencoded"
)

// posted is a request to one of the endpoints for clients: TokenPath, IntrospectPath, RevokePath.
type posted struct {
	form          map[string]string // parameters of the body; those without a value are as if they were not there (RFC 6749 3.2)
	authorization string            // the header
	from          netip.Addr        // of the client
	address       string            // its text
	request       string            // X-Request-Id
	client        string            // the id that it claims to be of, where that has the form of one
}

// readPosted reads a request. Its error is a refusal.
func readPosted(w http.ResponseWriter, r *http.Request) (posted, error) {
	p := posted{request: r.Header.Get("X-Request-Id")}
	p.from, p.address = addressOf(r.RemoteAddr)
	if r.URL.RawQuery != "" {
		return p, refuse(invalidRequest, "Send the parameters in the body: what is in a URL ends up in logs (RFC 6749 2.3.1).")
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != formType {
		return p, refuse(invalidRequest, "The body must be a form: send it as Content-Type "+formType+".")
	}
	switch lines := r.Header.Values("Authorization"); len(lines) {
	case 0:
	case 1:
		p.authorization = lines[0]
	default:
		return p, refuse(invalidRequest, "There is more than one Authorization header.")
	}
	body, err := readBody(w, r, maxPosted)
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return p, refusal{status: http.StatusRequestEntityTooLarge, code: invalidRequest, description: "The body has more than 65536 bytes."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return p, refusal{status: http.StatusRequestTimeout, code: invalidRequest, description: "The body did not come to its end in time, which is 5 s."}
	case err != nil:
		return p, refuse(invalidRequest, "The body could not be read to its end.")
	}
	p.form, err = parsePosted(string(body))
	return p, err
}

// bodyTime is how long a body may take. It is small, and many come from whoever has shown no credential yet, but holds the place of somebody else.
const bodyTime = 5 * time.Second

// readBody reads a body of at most limit bytes. Its errors are a *http.MaxBytesError, os.ErrDeadlineExceeded, and those of the connection.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyTime)) // a writer that cannot is no connection
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		w.Header().Set("Connection", "close") // RFC 9110 15.5.9; what is left of the body is no request
		return nil, err
	}
	_ = connection.SetReadDeadline(time.Time{}) // or the server would take its passing for a client that went away
	return text, nil
}

// who is the client of a request as the record names it: the credential, or the id that it claims to be of where there is none. Where it has one site it is recorded there,
// else at the operator's own.
func (p *posted) who(h *holder) fhir.Principal {
	who := fhir.Principal{Partition: audit.NoSite, Client: strings.Clone(p.client), Request: p.request, Address: p.address}
	if h != nil {
		who.Client = h.ID
		if len(h.Sites) == 1 {
			who.Partition = Partition(h.Sites[0], h.Mode)
		}
	}
	return who
}

// parsePosted reads a form in which each parameter is there once at most (RFC 6749 3.2).
func parsePosted(body string) (map[string]string, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, refuse(invalidRequest, "The body is no form: some of it is not percent-encoded as it should be.")
	}
	form := make(map[string]string, len(values))
	for name, given := range values {
		if len(given) > 1 {
			return nil, refuse(invalidRequest, "The parameter "+name+" is there more than once.")
		}
		if given[0] != "" {
			form[name] = given[0]
		}
	}
	return form, nil
}

// Codes of RFC 6749 5.2. The last two are those of 4.1.2.1, where 5.2 has none.
const (
	invalidRequest  = "invalid_request"
	invalidClient   = "invalid_client"
	invalidScope    = "invalid_scope"
	unsupportedType = "unsupported_grant_type"
	tryLater        = "temporarily_unavailable"
	serverError     = "server_error"
)

// refusal is an error of one of the endpoints for clients, in the form of RFC 6749 5.2.
type refusal struct {
	status      int // of HTTP
	code        string
	description string // for the developer of the client
}

// refuse makes a refusal with the status of its code.
func refuse(code, description string) refusal {
	status := http.StatusBadRequest
	if code == invalidClient {
		status = http.StatusUnauthorized
	}
	return refusal{status, code, description}
}

// Error is the description.
func (r refusal) Error() string { return r.code + ": " + r.description }

// write answers with the refusal. RFC 9110 15.5.2 wants a challenge in every 401; Basic is the scheme that a client can use here.
func (r refusal) write(w http.ResponseWriter) {
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+TokenPath+`", charset="UTF-8"`)
	}
	writeJSON(w, "application/json", r.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{r.code, describable(r.description)})
}

// describable leaves of a text what RFC 6749 5.2 permits in an error_description: ASCII without quote and backslash.
func describable(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '\''
		case c < ' ' || c > '~' || c == '\\':
			return '?'
		default:
			return c
		}
	}, text)
}
