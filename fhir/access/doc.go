// Package access decides who gets in: sites and their credentials, tokens, limits, and from them the fhir.Principal that every call into
// the engine carries.
//
// It owns sites, API keys, OAuth clients, access tokens, the limits of what a credential may ask for, and everything at /auth. It owns no rule about what
// a scope permits with which resource: that is the engine's (fhir.Principal.Needs). All that it keeps are records of a store
// (storage.Records), so that the command line and other nodes see the same; secrets of clients are among them as hashes alone. The private keys that sign tokens are there as
// they are, because every node needs them: whoever can read the records of the store can sign.
//
// # A site
//
// A site is a tenant. It has two partitions, test and live; the mode of a credential picks one. Live credentials can be made at any time, and work when the site
// was activated; none of a suspended one works. The operator's own site is _portico: it is always there, and active.
//
// # A credential
//
// A key is its id, which is the client_id too, and a secret of 256 bits of chance; of that the store has the SHA-256 alone, for nobody tries so many, and a slow hash
// would only make every request slow. Holders and digests tell a log no more than the id. A rotation gives another secret; the former ones work for the grace time of
// the last rotation at most, and no more than four of them. A revocation is for ever.
//
// AdminScope may stand beside any other scopes and sites: whoever has it operates the whole server, whichever site the request is for. Alone it opens no data. A
// credential for nothing else is best made for _portico.
//
// # A request
//
// A credential comes as "Authorization: KEY", "Authorization: Bearer KEY", "Authorization: Bearer TOKEN" or "x-api-key: KEY". Two different ones are
// refused (400), and so is one in the query. SU-SiteId or x-practice-group-id names the site; both may be there if they agree. It may be left out
// when the credential has one site.
//
// Unknown credentials and wrong secrets have the same answer (401) and take the same time; that a credential was revoked or has expired is told to who has its secret.
// Unknown sites, sites of others and suspended ones have the same answer too (403).
//
// Credentials and sites are looked up in a memory that is half a second old at most, so that a revocation holds on every node within a second, and at once where it
// was made. When the store cannot be reached, nobody is let in on anything older: 503. A request whose credential and site are remembered takes about
// 0.8 µs of processor time with limits, and three allocations (BenchmarkAuthenticate; two shared cores, 2026-11-21).
//
// # Limits and the record
//
// A credential has its limit of requests, which only who has proved to hold it uses up. Requests without a credential and with a wrong one count for their address (of
// IPv6: for its network of 64 bits): beyond the limit they are answered with 429. Right credentials from the same address go on; of those that this node does not
// know yet, and of wrong ones, 50 a second are looked for or have their signature verified, and the others are answered with 429 as well. Both limits are windows that
// slide: what counts is what was let through in the second, or minute, that ends now.
//
// Each refusal is recorded, a 429 is not; it is recorded with the site that it concerns where the credential is known and may use that site, else with the operator's own.
// Of strangers, from however many addresses, 1000 refusals a second are recorded, and of the others the number, with the next that is. A key that lets in is no
// sign-in: what is done with it is recorded by the engine.
//
// # Tokens
//
// TokenPath gives an access token for client_credentials (RFC 6749 4.4, https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html): a JWT
// (RFC 9068) of five minutes, signed by ES256. Its issuer is Config.BaseURL, its audience that and /fhir, on whichever face it is used.
//
//   - It is a token of the credential: the site is chosen with each request, as with a key, and what was decided about credential and site since holds for it, too.
//   - Its scopes are those that were asked for as far as the credential has them; none asked: all. The answer has them as they were written, where the whole of one is granted.
//   - The clients' clocks may be wrong by 30 seconds. The end of an access token is exact.
//   - An assertion (private_key_jwt) is for the token endpoint and nobody else: its aud is that URL, alone. It counts once, on all nodes together. A client has
//     its keys with its registration, or at a URL, which is asked when they are five minutes old (or as old as its Cache-Control permits), or for a kid that is not known,
//     but every ten seconds at most. Keys that an assertion itself shows or points to are not looked at, and a jku other than the registered URL
//     is refused.
//   - Each client signs in 100 times a minute (Limits.SignIns); for those who are refused that of their address holds, as above. What comes beyond is answered with 429, and
//     not recorded; an assertion that was refused so is not used up, and can be sent again.
//   - While the store is out of reach nobody gets a token, and none is taken: 503.
//   - IntrospectPath and RevokePath are for the token's own client, and for administrators. For others every token is one that there is not.
//
// A signing key is published at JWKSPath for a day before it signs, signs for thirty days, and stays published until an hour after the last token by it has
// expired. All nodes have the same keys: one record, which whichever node is first changes. Only the very first key signs at once, and the first after keys were retired
// (Registry.RetireSigningKeys), as they are to be when somebody may have seen them: their tokens end within a second on every node.
//
// What was verified is remembered by the digest of its text, so that the next request costs a hash: 1 µs instead of the 0.1 ms of a signature (BenchmarkVerified; two
// shared cores, 2026-11-21). Whether the token or its credential was revoked is looked at again
// after half a second: a revocation holds on every node within a second.
package access
