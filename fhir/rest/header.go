package rest

import (
	"net/http"
	"strings"
)

// field is the value of a header: that of all its lines together, with commas between (RFC 9110 5.2). What has one
// value is read by it, so that a second line makes it malformed and is not passed over. The name is in the form in which Go keys it.
func field(h http.Header, name string) string { return strings.Join(h[name], ", ") }
