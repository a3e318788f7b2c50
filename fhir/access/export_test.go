package access

import "net/http"

// Handler serves all Handlers at their paths, as a router does.
func (a *Access) Handler() http.Handler {
	router := http.NewServeMux()
	for path, handler := range a.Handlers() {
		router.Handle(path, handler)
	}
	return router
}
