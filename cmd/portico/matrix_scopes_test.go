package main

import (
	"net/http"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
)

// scopes sends the requests of all rows with a scope for something else.
func (m *matrix) scopes() {
	m.Helper()
	other := map[string]string{"Authorization": m.key(access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}, Scopes: []string{"system/Basic.cruds"}})}
	for _, d := range m.rows {
		status, _, body := m.ask(d, m.own[d.resourceType], "of-a-visitor", other)
		want := http.StatusForbidden
		if d.public || d.scopeless || d.entries {
			want = d.status
		}
		if status != want || strings.Contains(body, ofAlpha) || d.entries && strings.Count(body, `"status":"403`) != 3 {
			m.Errorf("%s: %s %s answers a wrong scope %d, want %d: %s", d.name, d.verb(), d.path, status, want, body)
		}
	}
}

// nearScopes sends the request of each row with every scope that is just too little: all letters but one that it takes, with everything that can be done with all other
// types; once of a key, once of a token of the key that may do everything. So whoever looks at the wrong letter or the wrong type is found out.
func (m *matrix) nearScopes() {
	m.Helper()
	known := map[string][]map[string]string{}
	clerk := map[string]string{"Authorization": m.key(access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}})}
	for _, d := range m.rows {
		if d.admin {
			if status, _, body := m.ask(d, m.own[d.resourceType], "", clerk); status != http.StatusForbidden {
				m.Errorf("%s: %s is for administrators, and answers others %d: %s", d.name, d.path, status, body)
			}
		}
		for _, scope := range strings.Fields(d.scope) {
			typ, letters, _ := strings.Cut(scope, ".")
			for _, letter := range letters {
				short := typ + "." + strings.Replace(fhir.MayEverything.String(), string(letter), "", 1)
				if known[short] == nil {
					known[short] = m.allBut(typ, short)
				}
				m.leavesNoTrace("the scope "+short, "", func() {
					for _, header := range known[short] {
						if status, _, body := m.ask(d, m.own[d.resourceType], "of-a-visitor", header); status != http.StatusForbidden || strings.Contains(body, ofAlpha) {
							m.Errorf("%s: %s %s takes %s, and answers all others and %s %d: %s", d.name, d.verb(), d.path, scope, short, status, body)
						}
					}
				})
			}
		}
	}
}

// allBut are a key and a token with a scope for a type, and with all scopes for all other types.
func (m *matrix) allBut(typ, short string) []map[string]string {
	scopes := []string{"system/" + short}
	for _, other := range m.promises.Types {
		if other.Name != typ {
			scopes = append(scopes, "system/"+other.Name+".cruds")
		}
	}
	key := m.key(access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}, Scopes: scopes})
	return []map[string]string{{"Authorization": key}, bearer(m.token(m.right, strings.Join(scopes, " ")))}
}

// least is a key with no scope but what a row takes; where that depends, the right key.
func (m *matrix) least(d row) string {
	m.Helper()
	if d.scope == "" {
		return m.right
	}
	var scopes []string
	for _, scope := range strings.Fields(d.scope) {
		scopes = append(scopes, "system/"+scope)
	}
	if d.resourceType == "Subscription" && d.verb() != http.MethodGet {
		scopes = append(scopes, "system/Slot.s") // what it is about
	}
	return m.key(access.NewCredential{Mode: access.Live, Sites: []string{"alpha"}, Scopes: scopes})
}
