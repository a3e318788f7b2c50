// Package outward reaches out: an HTTP client for addresses that others have named, which does not let them reach what only this
// machine and its network can (server-side request forgery, OWASP API7:2023).
//
// It owns that guard alone. Who fetches what, how often, and how much of an answer is read, is the business of those who use it.
//
// The guard looks at each connection when it is made, not at names: whatever a resolver says first and later, and however an address is
// spelled, what counts is where the packets would go. Redirects are not followed but returned, for they would let a public server choose the URL.
package outward
