package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// TestNobodyGetsInByChance: without a credential the public documents are there and nothing else; in --dev everything is, and what is no credential is refused
// all the same.
func TestNobodyGetsInByChance(t *testing.T) {
	closed, open := start(t, t.TempDir(), nil), start(t, t.TempDir(), func(c *Config) { c.Dev = true; c.Resources = []string{"Patient"} })
	const none, unknown = "", "test_0000000000000000000000.0000000000000000000000000000000000000000000"
	for _, c := range []struct {
		path, credential, site string
		closed, open           int
	}{
		{"/fhir/metadata", none, "", 200, 200},
		{"/.well-known/discovery-document.json", none, "", 200, 200},
		{"/healthz", none, "", 200, 200},
		{"/fhir/Patient", none, "", 401, 200},
		{"/fhir/Patient", none, "DEMO", 401, 200},
		{"/fhir/Patient", none, "elm", 401, 403},
		{"/fhir/Patient/x", none, "", 401, 404},
		{"/fhir/Nothing", none, "", 401, 404},
		{"/fhir/Patient", unknown, "", 401, 401},
		{"/fhir/Patient", "Bearer " + unknown, "", 401, 401},
		{"/fhir/Patient", "Bearer x.y.z", "", 401, 401},
		{"/fhir/Patient", closed.key, "", 200, 401},
		{"/fhir/Patient", closed.key, "demo", 200, 401},
		{"/fhir/Patient", closed.key, "elm", 403, 401},
	} {
		for r, want := range map[*running]int{closed: c.closed, open: c.open} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+c.path, nil)
			must(t, err)
			request.Header["Authorization"] = nil // not that of the server
			if c.credential != none {
				request.Header.Set("Authorization", c.credential)
			}
			if c.site != "" {
				request.Header.Set("SU-SiteId", c.site)
			}
			response, err := http.DefaultClient.Do(request)
			must(t, err)
			must(t, response.Body.Close())
			if response.StatusCode != want {
				t.Errorf("%s with %q for %q answers %d, want %d (dev: %t)", c.path, c.credential, c.site, response.StatusCode, want, r.Config.Dev)
			}
			if challenged := response.Header.Get("WWW-Authenticate") != ""; challenged != (want == 401) {
				t.Errorf("%s with %q answers %d with a challenge: %t", c.path, c.credential, want, challenged)
			}
		}
	}
}

// TestKeyOfARunningDevServer: the demo site is a site like others, for which keys can be made.
func TestKeyOfARunningDevServer(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	r := start(t, dir, func(c *Config) { c.Dev = true; c.Resources = []string{"Patient"} })
	key := strings.TrimSpace(operating{anystore.Setting(t, dir)}.ok(t, "key", "create", "--site", demoSite, "--mode", "test", "--scope", "system/Slot.rs"))
	keys.hand(r.Address(), key)
	if status, body := r.get(t, "/fhir/Patient"); status != http.StatusForbidden || !strings.Contains(body, "system/Patient.s") {
		t.Errorf("a key for slots reads patients: %d %s", status, body)
	}
}

// TestInvitation: a server without any credential says in its log how to make one, and one that has some says nothing.
func TestInvitation(t *testing.T) {
	dir := t.TempDir()
	config := start(t, t.TempDir(), nil).Config
	config.Store = anystore.Setting(t, dir)
	for _, invited := range []bool{true, false} {
		log := &lockedBuffer{}
		startKeyless(t, config, log).end(t)
		if got := strings.Contains(log.String(), "portico key create --site"); got != invited {
			t.Errorf("it invites: %t, want %t: %s", got, invited, log)
		}
		keyFor(t, config.Store)
	}
}
