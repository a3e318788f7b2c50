package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/access"
)

// The resources of the matrix: of each type the live site alpha has one under ownID, and nobody ever has one under neverID.
const (
	ownID   = "own-000001"
	neverID = "nil-000001"
	ofAlpha = "ofAlpha-of-alpha"
)

// matrix is a server with two sites, and data at one of them.
type matrix struct {
	*testing.T
	server *running
	client *http.Client

	promises conformance.Promises
	rows     []row
	own      map[string]string // ids of what there is at alpha, by type
	right    string            // the key that may do everything with the live data of alpha
	places   map[string]string // keys that may read everything in a partition, by its name
}

// visitor is who comes with a credential, or without.
type visitor struct {
	name   string
	header map[string]string
	status int    // what they are answered; 0 for those who get in, and are somewhere else
	place  string // where that is, of matrix.places: there they may change what they like
}

func openMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{T: t, server: start(t, t.TempDir(), func(c *Config) { c.SecurityContact = "mailto:security@example.org" }), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}, own: map[string]string{}}
	t.Cleanup(m.client.CloseIdleConnections)
	for _, site := range []string{"alpha", "beta", "asleep", "new"} {
		_, err := m.server.access.CreateSite(t.Context(), site)
		must(t, err)
	}
	for _, site := range []string{"alpha", "beta", "asleep"} {
		_, err := m.server.access.ActivateSite(t.Context(), site)
		must(t, err)
	}
	m.right = m.key(access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}, Scopes: []string{access.DefaultScope, access.AdminScope}})
	m.places = map[string]string{}
	for _, site := range []string{"alpha", "beta", access.OperatorSite} {
		for _, mode := range []access.Mode{access.Test, access.Live} {
			m.places[site+" "+string(mode)] = m.key(access.NewCredential{Mode: mode, Sites: []string{site}, Scopes: []string{"system/*.rs"}})
		}
	}
	m.promises = promisesOf(m.server.App)
	m.rows = rowsOf(t, m.promises)
	for _, typ := range m.promises.Types {
		m.own[typ.Name] = ownID
		switch {
		case typ.Definitions != nil:
			m.own[typ.Name] = typ.Definitions[0].ID()
		case typ.Offers(conformance.Update):
			m.must(row{method: "PUT", path: "/" + typ.Name + "/{id}", body: bodyOf(t, typ.Name), resourceType: typ.Name, status: 201}, ofAlpha)
		}
	}
	m.own["AuditEvent"] = m.event()
	return m
}

// key makes a key.
func (m *matrix) key(n access.NewCredential) string {
	m.Helper()
	_, key, err := m.server.access.CreateCredential(m.Context(), n)
	must(m.T, err)
	return key
}

// event is the id of a record of what happened at alpha.
func (m *matrix) event() string {
	m.Helper()
	var found struct {
		Entry []struct{ Resource struct{ ID string } }
	}
	m.must(row{path: "/Patient/{id}", resourceType: "Patient", status: 200}, "")
	_, _, body := m.ask(row{path: "/AuditEvent?_count=1"}, ownID, ofAlpha, map[string]string{"Authorization": m.right})
	if err := json.Unmarshal([]byte(body), &found); err != nil || len(found.Entry) == 0 {
		m.Fatalf("there is no record of what happened at alpha (%v): %s", err, body)
	}
	return found.Entry[0].Resource.ID
}

// must sends the request of a row with the right key, and looks that it is answered as it should be.
func (m *matrix) must(d row, mark string) {
	m.Helper()
	status, _, body := m.ask(d, m.own[d.resourceType], mark, map[string]string{"Authorization": m.right})
	if status != d.status {
		m.Errorf("%s: %s %s answers %d, want %d: %s", d.name, d.verb(), d.path, status, d.status, body)
	}
}

// ask sends the request of a row about a resource, and returns what is answered.
func (m *matrix) ask(d row, id, mark string, header map[string]string) (status int, answered http.Header, body string) {
	m.Helper()
	fill := strings.NewReplacer("{id}", id, "{mark}", mark)
	request, err := http.NewRequestWithContext(m.Context(), d.verb(), m.server.url+conformance.FHIRPath+fill.Replace(d.path), strings.NewReader(fill.Replace(d.body)))
	must(m.T, err)
	if d.body != "" {
		request.Header.Set("Content-Type", "application/fhir+json")
	}
	for _, more := range []map[string]string{d.header, header} {
		for name, value := range more {
			request.Header.Set(name, fill.Replace(value))
		}
	}
	response, err := m.client.Do(request)
	must(m.T, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(m.T, err)
	return response.StatusCode, response.Header, string(text)
}

// strangers are those who do not get in.
func (m *matrix) strangers() []visitor {
	live := access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}}
	before := access.Registry{Records: m.server.store.Records(), Now: func() time.Time { return time.Now().Add(-2 * time.Hour) }}
	expiring := live
	expiring.Expires = time.Now().Add(-time.Hour)
	_, expired, err := before.CreateCredential(m.Context(), expiring)
	must(m.T, err)
	revoke := m.key(live)
	id, _, _ := strings.Cut(revoke, ".")
	_, err = m.server.access.RevokeCredential(m.Context(), id)
	must(m.T, err)
	rotated := m.key(live)
	id, _, _ = strings.Cut(rotated, ".")
	_, _, err = m.server.access.RotateCredential(m.Context(), id, 0)
	must(m.T, err)
	wrong := m.right[:len(m.right)-4] + "aaaa"
	token := m.token(m.right, "")
	head, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	tampered := head + "." + payload + "." + strings.Map(func(c rune) rune { return map[bool]rune{true: 'b', false: 'a'}[c == 'a'] }, signature)
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + payload + "."
	bare := func(credential string) map[string]string { return map[string]string{"Authorization": credential} }
	return []visitor{
		{name: "nobody", status: 401},
		{name: "a malformed key", header: bare("live_abc"), status: 401},
		{name: "a key that nobody has", header: bare("live_0000000000000000000000.0000000000000000000000000000000000000000000"), status: 401},
		{name: "a wrong secret", header: bare(wrong), status: 401},
		{name: "a wrong secret as bearer", header: bare("Bearer " + wrong), status: 401},
		{name: "a wrong secret in x-api-key", header: map[string]string{"X-Api-Key": wrong}, status: 401},
		{name: "another scheme", header: bare("Basic " + m.right), status: 401},
		{name: "an expired key", header: bare(expired), status: 401},
		{name: "a revoked key", header: bare(revoke), status: 401},
		{name: "a former secret", header: bare(rotated), status: 401},
		{name: "a tampered token", header: bare("Bearer " + tampered), status: 401},
		{name: "a token without signature", header: bare("Bearer " + head + "." + payload + "."), status: 401},
		{name: "a token by no algorithm", header: bearer(none), status: 401},
		{name: "an expired token", header: bearer(m.expiredToken()), status: 401},
		{name: "a revoked token", header: bearer(m.revokedToken()), status: 401},
		{name: "a token of a key that was revoked since", header: bearer(m.orphanedToken()), status: 401},
		{name: "another server's token", header: bearer(m.foreignToken()), status: 401},
		{name: "two keys", header: map[string]string{"Authorization": m.right, "X-Api-Key": wrong}, status: 400},
	}
}

// outsiders are known, and not let in where they want to go.
func (m *matrix) outsiders() []visitor {
	key := func(mode access.Mode, site string) map[string]string {
		return map[string]string{"Authorization": m.key(access.NewCredential{Mode: mode, Sites: []string{site}})}
	}
	at := func(header map[string]string, name, site string) map[string]string {
		header = maps.Clone(header)
		header[name] = site
		return header
	}
	right := map[string]string{"Authorization": m.right}
	asleep := key(access.Live, "asleep")
	drowsy := bearer(m.token(asleep["Authorization"], ""))
	_, err := m.server.access.SuspendSite(m.Context(), "asleep")
	must(m.T, err)
	return []visitor{
		{name: "another site by SU-SiteId", header: at(right, "SU-SiteId", "beta"), status: 403},
		{name: "another site by x-practice-group-id", header: at(right, "x-practice-group-id", "beta"), status: 403},
		{name: "a site that is not there", header: at(right, "SU-SiteId", "nowhere"), status: 403},
		{name: "another site with a token", header: at(bearer(m.token(m.right, "")), "SU-SiteId", "beta"), status: 403},
		{name: "another site's key for this one", header: at(key(access.Live, "beta"), "SU-SiteId", "alpha"), status: 403},
		{name: "a suspended site", header: asleep, status: 403},
		{name: "a site that was not activated", header: key(access.Live, "new"), status: 403},
		{name: "a token for a suspended site", header: drowsy, status: 403},
		{name: "another site", header: key(access.Live, "beta"), place: "beta live"},
		{name: "another site's token, for tests", header: bearer(m.token(key(access.Test, "beta")["Authorization"], "")), place: "beta test"},
		{name: "the same site, for tests", header: key(access.Test, "alpha"), place: "alpha test"},
		{name: "the operator's own site", header: map[string]string{"Authorization": m.key(access.NewCredential{Mode: access.Live, Sites: []string{access.OperatorSite}, Scopes: []string{access.DefaultScope, access.AdminScope}})}, place: access.OperatorSite + " live"},
	}
}

// TestMatrix asks for everything that is promised: without a credential, with one that is wrong in every way, with one of another site, of the other mode, of another
// scope, and with the right one. Nobody but the last sees or changes anything of what there is, nor learns that it is there.
func TestMatrix(t *testing.T) {
	m := openMatrix(t)
	for _, v := range slices.Concat(m.strangers(), m.outsiders()) {
		m.leavesNoTrace(v.name, v.place, func() {
			for _, d := range m.rows {
				m.visit(v, d)
			}
		})
	}
	m.sameForEverySite()
	m.leavesNoTrace("a scope for another type", "", m.scopes)
	m.nearScopes()
	bare, key := map[string]string{"X-Api-Key": m.right}, bearer(m.right)
	token := map[string]string{"Authorization": "Bearer " + m.token(m.right, ""), "SU-SiteId": "ALPHA"}
	for i, d := range m.rows {
		if d.verb() == http.MethodGet {
			for _, header := range []map[string]string{bare, key, token} {
				if status, _, body := m.ask(d, m.own[d.resourceType], "", header); status != d.status {
					t.Errorf("%s: %s with %v answers %d: %s", d.name, d.path, slices.Collect(maps.Keys(header)), status, body)
				}
			}
		}
		before := m.latest("alpha live")
		status, _, body := m.ask(d, m.own[d.resourceType], fmt.Sprint("anew-", i), map[string]string{"Authorization": m.least(d)})
		if status != d.status {
			t.Errorf("%s: %s %s answers the scope %s %d, want %d: %s", d.name, d.verb(), d.path, d.scope, status, d.status, body)
		}
		if changed := m.latest("alpha live") != before; changed != d.changes {
			t.Errorf("%s: %s %s leaves a trace: %t, want %t", d.name, d.verb(), d.path, changed, d.changes)
		}
	}
}

// visit has a visitor send the request of a row, and looks what comes of it.
func (m *matrix) visit(v visitor, d row) {
	m.Helper()
	status, header, body := m.ask(d, m.own[d.resourceType], "of-a-visitor", v.header)
	if strings.Contains(body, ofAlpha) {
		m.Errorf("%s: %s %s shows %s what is alpha's: %s", d.name, d.verb(), d.path, v.name, body)
	}
	switch {
	case d.public:
		if status != d.status {
			m.Errorf("%s: %s is public, but answers %s %d: %s", d.name, d.path, v.name, status, body)
		}
	case v.status != 0:
		if status != v.status || !strings.Contains(body, `"resourceType":"OperationOutcome"`) {
			m.Errorf("%s: %s %s answers %s %d, want %d: %s", d.name, d.verb(), d.path, v.name, status, v.status, body)
		}
		if challenged := header.Get("WWW-Authenticate") != ""; challenged != (v.status == http.StatusUnauthorized) {
			m.Errorf("%s: %s answers %s %d, with a challenge: %t", d.name, d.path, v.name, status, challenged)
		}
	case d.names() && !d.scopeless:
		m.neverWas(v, d, status, header, body)
	}
}

// neverWas compares an answer with that for a resource that nobody ever had.
func (m *matrix) neverWas(v visitor, d row, status int, header http.Header, body string) {
	m.Helper()
	own := m.own[d.resourceType]
	never := neverID + strings.Repeat("0", max(len(own)-len(neverID), 0))
	wantStatus, wantHeader, wantBody := m.ask(d, never, "of-a-visitor", v.header)
	ids := strings.NewReplacer(never, "ID", own, "ID", ownID, "ID") // the last is in what visitors bring
	if diff := cmp.Diff(told(wantStatus, wantHeader, wantBody, ids), told(status, header, body, ids)); diff != "" {
		m.Errorf("%s: %s %s tells %s that it is there: %s", d.name, d.verb(), d.path, v.name, diff)
	}
}

// what an answer has of its own, whatever it is about: ids that the server makes, instants, numbers that count on.
var own = regexp.MustCompile(`[0-9A-Za-z]{20,22}|\d{4}-\d\d-\d\dT[0-9:.]+Z|"total":\d+|"value(Integer|UnsignedInt)":\d+`)

// told is an answer without what it has of its own.
func told(status int, header http.Header, body string, ids *strings.Replacer) map[string]any {
	header = header.Clone()
	for _, name := range []string{"X-Request-Id", "Date", "Last-Modified", "Content-Length"} {
		if header.Get(name) != "" {
			header.Set(name, "there")
		}
	}
	for name, lines := range header {
		for i := range lines {
			header[name][i] = own.ReplaceAllString(ids.Replace(lines[i]), "…")
		}
	}
	return map[string]any{"status": status, "header": header, "body": own.ReplaceAllString(ids.Replace(body), "…")}
}

// sameForEverySite: a site that there is and one that there is not are refused in the same bytes.
func (m *matrix) sameForEverySite() {
	m.Helper()
	d := row{path: "/Patient/{id}", resourceType: "Patient"}
	_, there, one := m.ask(d, ownID, "", map[string]string{"Authorization": m.right, "SU-SiteId": "beta", "X-Request-Id": "request-1"})
	_, away, other := m.ask(d, ownID, "", map[string]string{"Authorization": m.right, "SU-SiteId": "nowhere", "X-Request-Id": "request-1"})
	there.Del("Date")
	away.Del("Date")
	if diff := cmp.Diff(one, other) + cmp.Diff(there, away); diff != "" {
		m.Errorf("a refusal tells which sites there are: %s", diff)
	}
}

// cursor is what is new in each page.
var cursor = regexp.MustCompile(`_cursor=[^"]*`)

// latest are the latest versions in a partition: whatever is written there comes first.
func (m *matrix) latest(place string) string {
	m.Helper()
	status, _, body := m.ask(row{path: "/_history?_count=20"}, "", "", map[string]string{"Authorization": m.places[place]})
	if status != http.StatusOK {
		m.Fatalf("the history of %s answers %d: %s", place, status, body)
	}
	return cursor.ReplaceAllString(body, "")
}

// leavesNoTrace does something, and looks that nothing is written in any partition but one.
func (m *matrix) leavesNoTrace(who, but string, do func()) {
	m.Helper()
	before := map[string]string{}
	for place := range m.places {
		before[place] = m.latest(place)
	}
	do()
	for place := range m.places {
		if diff := cmp.Diff(before[place], m.latest(place)); diff != "" && place != but {
			m.Errorf("%s changed what there is in %s: %s", who, place, diff)
		}
	}
}
