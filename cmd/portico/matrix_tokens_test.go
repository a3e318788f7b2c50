package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir/access"
)

// bearer presents a token, or a key.
func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// tokenRequest asks for a token for a key, with a scope or, where that is "", with all that the key has.
func (m *matrix) tokenRequest(key, scope string) *http.Request {
	m.Helper()
	id, secret, _ := strings.Cut(key, ".")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	if scope != "" {
		form.Set("scope", scope)
	}
	request, err := http.NewRequestWithContext(m.Context(), http.MethodPost, m.server.url+access.TokenPath, strings.NewReader(form.Encode()))
	must(m.T, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request
}

// token is an access token for a key.
func (m *matrix) token(key, scope string) string {
	m.Helper()
	response, err := m.client.Do(m.tokenRequest(key, scope))
	must(m.T, err)
	defer response.Body.Close()
	return m.tokenIn(response.StatusCode, response.Body)
}

// tokenIn is the token in an answer.
func (m *matrix) tokenIn(status int, answer io.Reader) string {
	m.Helper()
	var told struct {
		Token string `json:"access_token"`
		Error string `json:"error_description"`
	}
	must(m.T, json.NewDecoder(answer).Decode(&told))
	if told.Token == "" {
		m.Fatalf("there is no token: %d %s", status, told.Error)
	}
	return told.Token
}

// expiredToken is one that this server, by its clock, gave out ten minutes ago.
func (m *matrix) expiredToken() string {
	m.Helper()
	before := m.accessTo(m.server, func() time.Time { return time.Now().Add(-2 * access.TokenLife) })
	_, key, err := before.CreateCredential(m.Context(), access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}})
	must(m.T, err)
	answer := httptest.NewRecorder()
	before.Handlers()[access.TokenPath].ServeHTTP(answer, m.tokenRequest(key, ""))
	return m.tokenIn(answer.Code, answer.Body)
}

// accessTo decides as a server does, by another clock.
func (m *matrix) accessTo(server *running, now func() time.Time) *access.Access {
	return access.New(access.Config{Records: server.store.Records(), Now: now, Log: slog.New(slog.DiscardHandler), Audit: server.trail, BaseURL: server.Config.BaseURL})
}

// revokedToken is one of which its client said that it is not to be used any more.
func (m *matrix) revokedToken() string {
	m.Helper()
	token := m.token(m.right, "")
	id, secret, _ := strings.Cut(m.right, ".")
	revoke := address{method: "POST", body: url.Values{"token": {token}}.Encode()}
	if status, _, body := m.knock(access.RevokePath, revoke, map[string]string{"Authorization": basic(id, secret)}); status != http.StatusOK {
		m.Fatalf("to revoke a token answers %d: %s", status, body)
	}
	return token
}

// orphanedToken is one whose key was revoked.
func (m *matrix) orphanedToken() string {
	m.Helper()
	key := m.key(access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}})
	token := m.token(key, "")
	id, _, _ := strings.Cut(key, ".")
	_, err := m.server.access.RevokeCredential(m.Context(), id)
	must(m.T, err)
	return token
}

// foreignToken is one of another server, with the same name and the same credential, but keys of its own.
func (m *matrix) foreignToken() string {
	m.Helper()
	other := start(m.T, m.TempDir(), nil)
	id, _, _ := strings.Cut(m.right, ".")
	for _, name := range []string{"access/credential/" + id, "access/site/alpha"} {
		kept, err := m.server.store.Records().Get(m.Context(), name)
		must(m.T, err)
		_, err = other.store.Records().Swap(m.Context(), name, 0, kept.Value, kept.Expires)
		must(m.T, err)
	}
	answer := httptest.NewRecorder()
	m.accessTo(other, time.Now).Handlers()[access.TokenPath].ServeHTTP(answer, m.tokenRequest(m.right, ""))
	return m.tokenIn(answer.Code, answer.Body)
}
