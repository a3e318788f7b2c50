package access

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// DefaultGrace is how long an old secret works beside its successor, where an administrator does not say.
const DefaultGrace = 24 * time.Hour

// errand is what an administrator can have done at a path by a method.
type errand struct {
	name string // as the record of it has it
	do   func(*Access, *order) (reply, error)
}

// errands are all that there are: by template of the path, and by method.
var errands = map[string]map[string]errand{
	SitesPath:                    {http.MethodGet: {"list sites", (*Access).listSites}, http.MethodPost: {"create site", (*Access).createSite}},
	SitesPath + "/{id}":          {http.MethodGet: {"look at site", (*Access).readSiteFor}},
	SitesPath + "/{id}/activate": {http.MethodPost: {"activate site", (*Access).activateSite}},
	SitesPath + "/{id}/suspend":  {http.MethodPost: {"suspend site", (*Access).suspendSite}},
	KeysPath:                     {http.MethodGet: {"list keys", (*Access).listKeys}, http.MethodPost: {"create key", (*Access).createKey}},
	KeysPath + "/{id}":           {http.MethodGet: {"look at key", (*Access).readKey}},
	KeysPath + "/{id}/rotate":    {http.MethodPost: {"rotate key", (*Access).rotateKey}},
	KeysPath + "/{id}/revoke":    {http.MethodPost: {"revoke key", (*Access).revokeKey}},
}

// order is an errand that is asked for.
type order struct {
	errand
	offered map[string]errand // at its path, by method
	request *http.Request
	subject string // the name of the site or the id of the credential, as the path has it; "" for none
	form    form   // the body
	told    string // the subject as the record names it, once it is known
}

// reply is the answer to an order.
type reply struct {
	status   int
	location string // path below the URL of the server; "" for none
	content  any    // written as JSON
}

// administer serves a path of the errands that are offered there: the sites and credentials of the server, for administrators alone. It speaks JSON, and tells of
// errors as RFC 9457 has it. Whatever is asked for is recorded at the operator's own site.
func (a *Access) administer(offered map[string]errand) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		who, err := a.Authenticate(r, header)
		if err != nil {
			a.writeProblem(w, r, err)
			return
		}
		o := &order{request: r, offered: offered}
		answer, err := a.carryOut(o, who, w)
		if fault := a.recordOrder(o, who, err); fault != nil {
			a.writeProblem(w, r, fault)
			return
		}
		if err != nil {
			a.writeProblem(w, r, err)
			return
		}
		if answer.location != "" {
			header.Set("Location", a.config.BaseURL+answer.location)
		}
		writeJSON(w, "application/json", answer.status, answer.content)
	})
}

// carryOut does what a request asks for, if its client is an administrator.
func (a *Access) carryOut(o *order, who fhir.Principal, w http.ResponseWriter) (reply, error) {
	o.find()
	if !who.Admin {
		return reply{}, fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "This is for administrators: it takes the scope %s.", AdminScope).Because(fhir.MissingScope(AdminScope))
	}
	if o.do == nil {
		allowed := methodsOf(o.offered)
		w.Header().Set("Allow", allowed)
		return reply{}, fhir.Errorf(fhir.MethodNotAllowed, fhir.CodeNotSupported, "The method %s is not offered here; what is: %s.", fhir.Quote(o.request.Method), allowed)
	}
	if o.request.Method == http.MethodPost {
		var err error
		if o.form, err = readForm(w, o.request); err != nil {
			return reply{}, err
		}
	}
	return o.do(a, o)
}

// find finds the errand of a request, and whom or what it concerns. Do is nil for a method that is not offered.
func (o *order) find() {
	segments := strings.Split(strings.TrimPrefix(o.request.URL.EscapedPath(), "/auth/"), "/")
	if len(segments) > 1 {
		o.subject, _ = url.PathUnescape(segments[1]) // what cannot be decoded is "", which names nothing
	}
	method := o.request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	o.errand = o.offered[method]
	if o.do == nil {
		o.name, o.told = "use "+segments[0], "by another method"
	}
	if validID(o.subject) || validSite(o.subject) {
		o.told = o.subject
	}
}

// methodsOf lists the methods of a path for the header Allow, with HEAD beside GET, sorted.
func methodsOf(offered map[string]errand) string {
	names := slices.Collect(maps.Keys(offered))
	if _, ok := offered[http.MethodGet]; ok {
		names = append(names, http.MethodHead)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// recordOrder records what an administrator had done, and that somebody was refused. What was changed is on record before it is answered, also if the program dies
// then. The error is Unavailable: the answer must not be given, which of a
// new key is all that there is of it. What was done stays done, and is in the log.
func (a *Access) recordOrder(o *order, who fhir.Principal, err error) error {
	who.Partition = audit.NoSite
	e := audit.Event{Who: who, Interaction: audit.Operation, Outcome: audit.OutcomeOf(err), Detail: strings.TrimSpace(o.name + " " + o.told)}
	if err != nil {
		e.Detail += ": " + fhir.AsError(err).Issues[0].Detail
	}
	fault := a.config.Audit.Record(e)
	if fault == nil && err == nil && o.request.Method == http.MethodPost {
		fault = a.config.Audit.Settle(o.request.Context(), audit.NoSite)
	}
	if fault != nil {
		a.config.Log.ErrorContext(o.request.Context(), "an order of an administrator cannot be recorded", slog.String("order", e.Detail), slog.String("client", who.Client),
			slog.String("request", who.Request), slog.Any("error", fault))
	}
	return fault
}

func (a *Access) listSites(o *order) (reply, error) {
	if _, err := o.parameters(); err != nil {
		return reply{}, err
	}
	sites, err := a.Sites(o.request.Context())
	return reply{status: http.StatusOK, content: map[string][]Site{"sites": orEmpty(sites)}}, err
}

func (a *Access) createSite(o *order) (reply, error) {
	name := o.form.text("name")
	if err := o.form.err(); err != nil {
		return reply{}, err
	}
	s, err := a.CreateSite(o.request.Context(), name)
	o.told = s.Name
	return reply{http.StatusCreated, SitesPath + "/" + s.Name, s}, err
}

func (a *Access) readSiteFor(o *order) (reply, error) {
	s, err := a.Site(o.request.Context(), o.subject)
	return reply{status: http.StatusOK, content: s}, err
}

func (a *Access) activateSite(o *order) (reply, error) {
	if err := o.form.err(); err != nil {
		return reply{}, err
	}
	s, err := a.ActivateSite(o.request.Context(), o.subject)
	return reply{status: http.StatusOK, content: s}, err
}

func (a *Access) suspendSite(o *order) (reply, error) {
	if err := o.form.err(); err != nil {
		return reply{}, err
	}
	s, err := a.SuspendSite(o.request.Context(), o.subject)
	return reply{status: http.StatusOK, content: s}, err
}

// told is a credential as an administrator sees it.
type told struct {
	Credential
	State string `json:"state"`         // "active", "expired", "revoked"
	Key   string `json:"key,omitempty"` // the whole text of the key, when it is new
}

func (a *Access) tell(c Credential, key string) told { return told{c, c.State(a.config.Now()), key} }

func (a *Access) listKeys(o *order) (reply, error) {
	asked, err := o.parameters("site")
	if err != nil {
		return reply{}, err
	}
	site := asked.Get("site")
	if site != "" {
		if _, err := a.Site(o.request.Context(), site); err != nil {
			return reply{}, err
		}
		o.told = "of " + site
	}
	list, err := a.Credentials(o.request.Context(), site)
	keys := make([]told, len(list))
	for i, c := range list {
		keys[i] = a.tell(c, "")
	}
	return reply{status: http.StatusOK, content: map[string][]told{"keys": keys}}, err
}

func (a *Access) createKey(o *order) (reply, error) {
	f := &o.form
	n := NewCredential{
		Name: f.text("name"), Mode: Mode(f.text("mode")), Sites: f.texts("sites"), Scopes: f.texts("scopes"), Expires: f.time("expires"), Allow: f.prefixes("allow"),
		JWKS: f.keys("jwks"), JWKSURL: f.text("jwks_url"),
	}
	if err := f.err(); err != nil {
		return reply{}, err
	}
	c, key, err := a.CreateCredential(o.request.Context(), n)
	o.told = c.ID
	return reply{http.StatusCreated, KeysPath + "/" + c.ID, a.tell(c, key)}, err
}

func (a *Access) readKey(o *order) (reply, error) {
	c, err := a.Credential(o.request.Context(), o.subject)
	return reply{status: http.StatusOK, content: a.tell(c, "")}, err
}

func (a *Access) rotateKey(o *order) (reply, error) {
	grace := o.form.duration("grace", DefaultGrace)
	if err := o.form.err(); err != nil {
		return reply{}, err
	}
	c, key, err := a.RotateCredential(o.request.Context(), o.subject, grace)
	return reply{status: http.StatusOK, content: a.tell(c, key)}, err
}

func (a *Access) revokeKey(o *order) (reply, error) {
	if err := o.form.err(); err != nil {
		return reply{}, err
	}
	c, err := a.RevokeCredential(o.request.Context(), o.subject)
	return reply{status: http.StatusOK, content: a.tell(c, "")}, err
}

// parameters are those of the URL, of which there are none but the known ones, once each.
func (o *order) parameters(known ...string) (url.Values, error) {
	asked, err := url.ParseQuery(o.request.URL.RawQuery)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The query of the URL cannot be read.").Because(err)
	}
	f := &faults{}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		switch {
		case !slices.Contains(known, name):
			f.add(name, "There is no such parameter here.")
		case len(asked[name]) > 1:
			f.add(name, "The parameter is given %d times, but can mean one thing.", len(asked[name]))
		}
	}
	return asked, f.err()
}

// orEmpty is the list, or one that JSON writes as an array without anything.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// writeJSON answers with a value as JSON, for a person's eyes too.
func writeJSON(w http.ResponseWriter, mediaType string, status int, content any) {
	text, _ := json.MarshalIndent(content, "", "  ") // texts, times and numbers, which can always be written
	text = append(text, '\n')
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that went away is told nothing
}
