package access

import "net/http"

// Administer is the handler for administrators alone.
func (a *Access) Administer() http.Handler { return a.administer() }
