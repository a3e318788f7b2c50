package access

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// problem is what went wrong, in the form of RFC 9457. Of the type about:blank, the title is that of the status.
type problem struct {
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Status  int            `json:"status"`
	Detail  string         `json:"detail"`
	Issues  []problemIssue `json:"issues,omitempty"` // each, where there are several or one has a place
	Request string         `json:"request_id,omitempty"`
}

// problemIssue is one of the things that went wrong.
type problemIssue struct {
	Place  string `json:"place,omitempty"` // in the body, or the name of a parameter or header: "sites[0]"
	Detail string `json:"detail"`
}

// statuses gives each kind of error its status.
var statuses = map[fhir.Kind]int{
	fhir.Internal:             http.StatusInternalServerError,
	fhir.Invalid:              http.StatusBadRequest,
	fhir.Unauthenticated:      http.StatusUnauthorized,
	fhir.Forbidden:            http.StatusForbidden,
	fhir.NotFound:             http.StatusNotFound,
	fhir.MethodNotAllowed:     http.StatusMethodNotAllowed,
	fhir.NotAcceptable:        http.StatusNotAcceptable,
	fhir.Conflict:             http.StatusConflict,
	fhir.Gone:                 http.StatusGone,
	fhir.PreconditionFailed:   http.StatusPreconditionFailed,
	fhir.TooLarge:             http.StatusRequestEntityTooLarge,
	fhir.UnsupportedMedia:     http.StatusUnsupportedMediaType,
	fhir.Unprocessable:        http.StatusUnprocessableEntity,
	fhir.PreconditionRequired: http.StatusPreconditionRequired,
	fhir.Throttled:            http.StatusTooManyRequests,
	fhir.TooCostly:            http.StatusBadRequest,
	fhir.Unavailable:          http.StatusServiceUnavailable,
}

// writeProblem answers with an error, as RFC 9457 has it. What is internal is logged and not shown.
func (a *Access) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	e := fhir.AsError(err)
	status := statuses[e.Kind]
	if e.Kind == fhir.Internal {
		a.config.Log.ErrorContext(r.Context(), "request failed", slog.Any("error", err), slog.String("request", r.Header.Get("X-Request-Id")))
		e = fhir.Errorf(fhir.Internal, fhir.CodeException, "The server failed to answer. The request id names this failure in its log.")
	}
	header := w.Header()
	if status == http.StatusUnauthorized && header.Get("WWW-Authenticate") == "" { // RFC 9110 15.5.2 demands one
		header.Set("WWW-Authenticate", `Bearer realm="portico"`)
	}
	if status == http.StatusServiceUnavailable {
		header.Set("Retry-After", retryUnavailable)
	}
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: e.Issues[0].Detail, Request: r.Header.Get("X-Request-Id")}
	if len(e.Issues) > 1 || e.Issues[0].Path != "" {
		for _, i := range e.Issues {
			p.Issues = append(p.Issues, problemIssue{strings.TrimPrefix(i.Path, "http."), i.Detail})
		}
	}
	writeJSON(w, "application/problem+json", status, p)
}
