// Package outward reaches out: an HTTP client for addresses that others have named, which does not let them reach what only this
// machine and its network can (server-side request forgery, OWASP API7:2023).
//
// It owns that guard alone. Who fetches what, and how often, is the business of those who use it.
package outward
