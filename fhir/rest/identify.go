package rest

import (
	"net/http"
	"time"

	"github.com/portico-health/portico/fhir"
)

// Identify gives every request an id before it goes on, and tells it to the client. The id is the client's own
// X-Request-Id where that is 8 to 64 of [A-Za-z0-9_.-], in one line.
func Identify(now func() time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := field(r.Header, headerRequestID)
		if !validRequestID(id) {
			id = fhir.NewID(now())
			r.Header[headerRequestID] = []string{id}
		}
		w.Header()[headerRequestID] = r.Header[headerRequestID]
		next.ServeHTTP(w, r)
	})
}

// RequestID is the id that Identify gave a request.
func RequestID(r *http.Request) string { return r.Header.Get(headerRequestID) }

// TraceID is the id of the distributed trace that a request belongs to by its traceparent, or "".
func TraceID(r *http.Request) string { return traceID(field(r.Header, "Traceparent")) }

func validRequestID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// traceID returns the trace-id of a traceparent (https://www.w3.org/TR/trace-context/#traceparent-header), or
// "" where there is no valid one.
func traceID(traceparent string) string {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(traceparent) < length || (len(traceparent) > length && (traceparent[:2] == "00" || traceparent[length] != '-')) {
		return "" // only versions after 00 may go on, behind a dash
	}
	version, trace, parent, flags := traceparent[:2], traceparent[3:35], traceparent[36:52], traceparent[53:55]
	dashes := traceparent[2] == '-' && traceparent[35] == '-' && traceparent[52] == '-'
	if !dashes || version == "ff" || !hexadecimal(version+flags) || !identifies(trace) || !identifies(parent) {
		return ""
	}
	return trace
}

// identifies says whether s is lower-case hexadecimal and not zero.
func identifies(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return hexadecimal(s)
		}
	}
	return false
}

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// httpDate writes a time as HTTP does (IMF-fixdate, RFC 9110 5.6.7).
func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
