package access

import (
	"context"
	"errors"
	"net/http"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// Handlers are everything at /auth, by the template of its path: "/auth/sites/{id}". A segment in braces is whatever stands there.
func (a *Access) Handlers() map[string]http.Handler {
	handlers := map[string]http.Handler{
		TokenPath:      a.serve(endpoint{a.signIns, true, a.token}),
		IntrospectPath: a.serve(endpoint{a.requests, false, a.introspect}),
		RevokePath:     a.serve(endpoint{a.requests, false, a.revoke}),
		JWKSPath:       http.HandlerFunc(a.serveKeys),
	}
	for path, offered := range errands {
		handlers[path] = a.administer(offered)
	}
	return handlers
}

// endpoint is one that serves clients which authenticate themselves.
type endpoint struct {
	limit  *limiter // of what each client may ask for
	signIn bool     // whatever comes of it is recorded, not only who is refused
	answer func(context.Context, *posted, *holder) (any, error)
}

// serve is the handler of an endpoint.
func (a *Access) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Pragma", "no-cache") // RFC 6749 5.1
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			refusal{http.StatusMethodNotAllowed, invalidRequest, "Send this request by POST."}.write(w)
			return
		}
		p, err := readPosted(w, r)
		var value any
		if err == nil {
			value, err = a.serveClient(r.Context(), e, &p, w.Header())
		}
		if err != nil {
			a.refusalOf(r.Context(), w, err).write(w)
			return
		}
		writeJSON(w, "application/json", http.StatusOK, value)
	})
}

// serveClient answers a client, within its limit. Whoever is refused is held by that of their address; what is beyond a limit is not recorded.
func (a *Access) serveClient(ctx context.Context, e endpoint, p *posted, header http.Header) (any, error) {
	h, err := a.client(ctx, p, e.limit)
	var refused refusal
	switch {
	case errors.As(err, &refused):
		if taken := a.refusals.take(limitName(p.from), a.Now()); !taken.ok {
			return nil, throttled{taken}
		}
		return nil, errors.Join(err, a.recordStranger(signIn(h, p, err)))
	case err != nil:
		return nil, err
	}
	taken := e.limit.take(h.ID, a.Now())
	if !taken.ok {
		return nil, throttled{taken}
	}
	taken.tell(header)
	value, err := e.answer(ctx, p, h)
	if e.signIn {
		err = errors.Join(err, a.config.Audit.Record(signIn(h, p, err)))
	}
	return value, err
}

// throttled is the error of what is beyond a limit.
type throttled struct{ allowance }

func (throttled) Error() string { return "beyond the limit" }

// signIn is a sign-in for the record, and how it ended. While it cannot be recorded nobody signs in.
func signIn(h *holder, p *posted, err error) audit.Event {
	e := audit.Event{Who: p.who(h), Interaction: audit.Login}
	var r refusal
	switch {
	case errors.As(err, &r):
		e.Outcome, e.Detail = audit.Refused, r.Error()
	case err != nil:
		e.Outcome, e.Detail = audit.OutcomeOf(err), details(err)
	}
	return e
}

// refusalOf turns an error into what the client is told. The store out of reach is no fault of theirs; what else is not expected is logged.
func (a *Access) refusalOf(ctx context.Context, w http.ResponseWriter, err error) refusal {
	var r refusal
	var over throttled
	switch {
	case errors.As(err, &over):
		over.tell(w.Header())
		return refusal{http.StatusTooManyRequests, tryLater, "Too many requests. Retry-After says when to go on."}
	case errors.Is(err, fhir.Unavailable):
		w.Header().Set("Retry-After", retryUnavailable)
		return refusal{http.StatusServiceUnavailable, tryLater, "The server cannot answer at the moment. Try again in a while."}
	case errors.As(err, &r):
		return r
	default:
		a.config.Log.ErrorContext(ctx, "an endpoint for clients failed", "error", err, "request", w.Header().Get("X-Request-Id"))
		return refusal{http.StatusInternalServerError, serverError, "The server failed to answer. X-Request-Id names this failure in its log."}
	}
}

const retryUnavailable = "5" // seconds

// serveKeys answers JWKSPath for everybody: pages of other origins too, and from a cache for a while. Keys are published a day before they sign.
func (a *Access) serveKeys(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refusal{http.StatusMethodNotAllowed, invalidRequest, "Ask for the keys by GET."}.write(w)
		return
	}
	set, err := a.keys.published(r.Context())
	if err != nil {
		w.Header().Set("Cache-Control", "no-store")
		a.refusalOf(r.Context(), w, err).write(w)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=3600")
	writeJSON(w, "application/json", http.StatusOK, set)
}
