package fhir

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is the class of an error. It is an error itself, so that
// errors.Is(err, fhir.NotFound) holds for every *Error of that kind. The faces turn
// it into their status codes, each in one table.
type Kind uint8

// The kinds, with the HTTP status that the FHIR face gives them.
const (
	Internal             Kind = iota // 500: a defect or an unexpected failure below; its cause is logged, never shown
	Invalid                          // 400: not valid FHIR by structure, or a malformed request
	Unauthenticated                  // 401
	Forbidden                        // 403
	NotFound                         // 404: no such resource, version, type or route
	MethodNotAllowed                 // 405
	NotAcceptable                    // 406
	Conflict                         // 409: a concurrent change won, or a duplicate
	Gone                             // 410: deleted
	PreconditionFailed               // 412: If-Match, If-None-Match, or a condition with several matches
	TooLarge                         // 413
	UnsupportedMedia                 // 415
	Unprocessable                    // 422: valid by structure, but an invariant or a business rule refuses it
	PreconditionRequired             // 428
	Throttled                        // 429
	TooCostly                        // 400 with issue code too-costly: the request would touch too much
	Unavailable                      // 503: try again later
	numKinds
)

var kindNames = [numKinds]string{
	Internal: "internal error", Invalid: "invalid", Unauthenticated: "unauthenticated", Forbidden: "forbidden",
	NotFound: "not found", MethodNotAllowed: "method not allowed", NotAcceptable: "not acceptable", Conflict: "conflict",
	Gone: "gone", PreconditionFailed: "precondition failed", TooLarge: "too large", UnsupportedMedia: "unsupported media type",
	Unprocessable: "unprocessable", PreconditionRequired: "precondition required", Throttled: "throttled",
	TooCostly: "too costly", Unavailable: "unavailable",
}

// Error makes a Kind an error; the text is its name.
func (k Kind) Error() string {
	if k < numKinds {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// Kinds lists every kind, for tables that must not forget one.
func Kinds() []Kind {
	kinds := make([]Kind, numKinds)
	for i := range kinds {
		kinds[i] = Kind(i)
	}
	return kinds
}

// Severity of an Issue: https://hl7.org/fhir/R4/valueset-issue-severity.html.
type Severity string

// The severities in use; Fatal is left to faults that stop the reading itself.
const (
	Fatal       Severity = "fatal"
	Severe      Severity = "error"
	Warning     Severity = "warning"
	Information Severity = "information"
)

// IssueCode is a code of https://hl7.org/fhir/R4/valueset-issue-type.html.
type IssueCode string

// The issue codes in use.
const (
	CodeInvalid         IssueCode = "invalid"
	CodeStructure       IssueCode = "structure"
	CodeRequired        IssueCode = "required"
	CodeValue           IssueCode = "value"
	CodeInvariant       IssueCode = "invariant"
	CodeLogin           IssueCode = "login"
	CodeForbidden       IssueCode = "forbidden"
	CodeSuppressed      IssueCode = "suppressed"
	CodeNotSupported    IssueCode = "not-supported"
	CodeDuplicate       IssueCode = "duplicate"
	CodeMultipleMatches IssueCode = "multiple-matches"
	CodeNotFound        IssueCode = "not-found"
	CodeDeleted         IssueCode = "deleted"
	CodeTooLong         IssueCode = "too-long"
	CodeCodeInvalid     IssueCode = "code-invalid"
	CodeTooCostly       IssueCode = "too-costly"
	CodeBusinessRule    IssueCode = "business-rule"
	CodeConflict        IssueCode = "conflict"
	CodeTransient       IssueCode = "transient"
	CodeThrottled       IssueCode = "throttled"
	CodeException       IssueCode = "exception"
	CodeInformational   IssueCode = "informational"
)

// Issue is one thing to tell the client: what was wrong, where, and what would be right.
type Issue struct {
	Severity Severity
	Code     IssueCode
	Detail   string // a sentence for a person; it may be shown to the client
	Path     string // FHIRPath of the element ("Patient.name[0].given[1]"), a parameter's or a header's name, or ""
}

// Error is the one error type of the house. Its issues are public; its cause is not.
type Error struct {
	Kind   Kind
	Issues []Issue // at least one
	Err    error   // the private cause, for the log; may be nil
}

// Errorf makes an error of one issue with severity error.
func Errorf(kind Kind, code IssueCode, format string, args ...any) *Error {
	return &Error{Kind: kind, Issues: []Issue{{Severity: Severe, Code: code, Detail: fmt.Sprintf(format, args...)}}}
}

// At sets the place of the error's issues that have none, and returns the error.
func (e *Error) At(path string) *Error {
	for i := range e.Issues {
		if e.Issues[i].Path == "" {
			e.Issues[i].Path = path
		}
	}
	return e
}

// Because sets the private cause and returns the error.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// Error is the text for the log: kind, issues and cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	for _, i := range e.Issues {
		b.WriteString(": ")
		if i.Path != "" {
			b.WriteString(i.Path + ": ")
		}
		b.WriteString(i.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives errors.Is the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// AsError returns err as an *Error: itself when it is or wraps one, else an error of kind
// Internal whose public text says nothing of the cause. It is nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(Internal, CodeException, "The server failed to answer. The request id names this failure in its log.").Because(err)
}
