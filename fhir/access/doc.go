// Package access decides who gets in: sites and their credentials, tokens, limits, and from them the fhir.Principal that every call into
// the engine carries.
//
// It owns sites, API keys, OAuth clients, access tokens, the limits of what a credential may ask for, and everything at /auth. It owns no rule about what
// a scope permits with which resource: that is the engine's (fhir.Principal.Needs). All that it keeps are records of a store
// (storage.Records), so that the command line and other nodes see the same; secrets are among them as hashes alone.
//
// # A site
//
// A site is a tenant. It has two partitions, test and live; the mode of a credential picks one. Live credentials work only when the site was activated, and
// none of a suspended one. The operator's own site is _portico: it is always there, and active.
//
// # A request
//
// A credential comes as "Authorization: KEY", "Authorization: Bearer KEY", "Authorization: Bearer TOKEN" or "x-api-key: KEY". Two different ones are
// refused, and so is one in the query. SU-SiteId or x-practice-group-id names the site; both may be there if they agree.
// Credentials are looked up in a memory that is half a second old at most, so that a revocation holds on every node within a second.
package access
