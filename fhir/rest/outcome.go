package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// statuses gives each kind of error its status: https://hl7.org/fhir/R4/http.html#status-codes.
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

// internalDetail is all that a client is told of a defect.
const internalDetail = "The server failed to answer. The header X-Request-Id names this failure in its log."

// ofTransport is an error with a status of its own, which no kind has: it concerns HTTP alone.
type ofTransport struct {
	status int
	cause  *fhir.Error
}

func (e ofTransport) Error() string { return e.cause.Error() }
func (e ofTransport) Unwrap() error { return e.cause }

// uriTooLong is the error of a URL beyond maxURL (RFC 9110 15.5.15).
func uriTooLong() error {
	return ofTransport{http.StatusRequestURITooLong, fhir.Errorf(fhir.TooLarge, fhir.CodeTooLong, "The URL is longer than %d bytes. A long search can be sent as a form, by POST to [type]/_search.", maxURL)}
}

// status is the status of an error.
func status(err error, kind fhir.Kind) int {
	var own ofTransport
	if errors.As(err, &own) {
		return own.status
	}
	return statuses[kind]
}

// fail answers with an error, as OperationOutcome. What is internal is logged and not shown; so is why the store cannot be had.
func (s *server) fail(x *exchange, err error) {
	s.recordRefusal(x, err)
	e := fhir.AsError(err)
	s.logTrouble(x, e)
	issues := e.Issues
	switch {
	case e.Kind != fhir.Internal:
	case x.request.Context().Err() != nil: // the client went away, or its time is over
		e = fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The request took too long.")
		issues = e.Issues
	default:
		s.log(x, slog.LevelError, "request failed", slog.String("error", err.Error()))
		issues = []fhir.Issue{{Severity: fhir.Severe, Code: fhir.CodeException, Detail: internalDetail}}
	}
	var missing fhir.MissingScope
	switch e.Kind {
	case fhir.Forbidden:
		if errors.As(err, &missing) { // RFC 6750 3.1
			x.header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+string(missing)+`"`)
		}
	case fhir.Unauthenticated:
		if x.header().Get("WWW-Authenticate") == "" { // RFC 9110 15.5.2 demands one
			x.header().Set("WWW-Authenticate", `Bearer realm="portico"`)
		}
	case fhir.Unavailable:
		x.header().Set("Retry-After", "5")
	}
	x.tell(status(err, e.Kind), outcome(issues))
}

// log writes a line of log about a request. It names the request, not its path or parameters: these may hold personal data.
func (s *server) log(x *exchange, level slog.Level, message string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("method", x.request.Method), slog.String("request", RequestID(x.request)))
	if trace := TraceID(x.request); trace != "" {
		attrs = append(attrs, slog.String("trace", trace))
	}
	s.Log.LogAttrs(context.WithoutCancel(x.request.Context()), level, message, attrs...)
}

// httpPlace begins the place of an issue that concerns a header or a parameter, not a resource.
const httpPlace = "http."

// ofHTTP is the place of a header or parameter.
func ofHTTP(name string) string { return httpPlace + name }

// ofRequest returns the error with its places marked as names of parameters: that is what they are where a request
// has no resource.
func ofRequest(err error) error {
	var e *fhir.Error
	if !errors.As(err, &e) {
		return err
	}
	marked := *e
	marked.Issues = parameterIssues(e.Issues)
	return &marked
}

// parameterIssues are issues whose places are names of parameters.
func parameterIssues(issues []fhir.Issue) []fhir.Issue {
	marked := slices.Clone(issues)
	for i := range marked {
		if marked[i].Path != "" && !strings.HasPrefix(marked[i].Path, httpPlace) {
			marked[i].Path = ofHTTP(marked[i].Path)
		}
	}
	return marked
}

// outcome writes issues as an OperationOutcome: https://hl7.org/fhir/R4/operationoutcome.html.
func outcome(issues []fhir.Issue) []byte {
	list := make(fhir.Array, len(issues))
	for i, issue := range issues {
		o := fhir.NewObject(
			fhir.Member{Name: "severity", Value: string(issue.Severity)},
			fhir.Member{Name: "code", Value: string(issue.Code)},
		)
		if issue.Detail != "" {
			o.Set("details", fhir.NewObject(fhir.Member{Name: "text", Value: issue.Detail}))
		}
		switch {
		case strings.HasPrefix(issue.Path, httpPlace):
			o.Set("location", fhir.Array{issue.Path})
		case issue.Path != "":
			o.Set("expression", fhir.Array{issue.Path})
		}
		list[i] = o
	}
	return fhir.AppendJSON(nil, fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "OperationOutcome"},
		fhir.Member{Name: "issue", Value: list},
	))
}

// informed is an OperationOutcome that tells of success.
func informed(detail string) []byte {
	return outcome([]fhir.Issue{{Severity: fhir.Information, Code: fhir.CodeInformational, Detail: detail}})
}

// Refuse answers with an error where no face does it: its status, and an OperationOutcome.
func Refuse(w http.ResponseWriter, e *fhir.Error) {
	body := outcome(e.Issues)
	header := w.Header()
	header["Content-Type"] = contentTypes[typeFHIR]
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if e.Kind == fhir.Unavailable {
		header.Set("Retry-After", "1")
	}
	w.WriteHeader(statuses[e.Kind])
	_, _ = w.Write(body) // a client that went away is told nothing
}
