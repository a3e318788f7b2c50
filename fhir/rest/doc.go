// Package rest is the FHIR face: the RESTful API of R4 (https://hl7.org/fhir/R4/http.html) over the engine.
//
// It owns HTTP: routes, headers, content negotiation, limits of a request, preconditions, and the form of answers
// and errors. It owns no rule of FHIR and reaches data by the engine alone. Which types, interactions and operations there
// are is read from the table of promises (package conformance): what is not promised is not routed.
//
// A write is read into an engine.Change (its plan), and answered from the engine.Outcome; an entry of a Bundle (part) is an exchange
// like that of a request of its own, with the resource in hand and its answer kept: single requests and Bundles share every rule.
//
// Where R4 leaves a choice:
//
//   - A path with a slash at its end, but for the base, or with an empty segment, is not found. A client that builds [type]/[id] with an
//     empty id must not be answered with a search, nor later delete by one.
//   - Segments are decoded after they were told apart: %2F is part of an id (and makes it invalid), %24validate is $validate.
//   - The documents of access stand below the base too, at .well-known/smart-configuration and .well-known/openid-configuration: public, for pages of any
//     origin, application/json whatever is accepted, and without HC-API-Version, for they are no answers of FHIR.
//   - A URL longer than 8 KiB is 414 (RFC 9110 15.5.15); no [fhir.Kind] stands for that, as it concerns HTTP alone.
//   - The media type of an answer is the one that was asked for, of application/fhir+json, application/json and text/json;
//     application/fhir+json where that is left open and for _format.
//   - A fault of a header or parameter is placed in OperationOutcome.issue.location as "http." and its name
//     (https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location), a fault of
//     a resource in issue.expression.
//   - PATCH takes JSON Patch alone; 415 says so in Accept-Patch (RFC 5789 2.2).
//   - A conditional delete takes one match; several are 412. Where a search selects what to write, If-Match names one version, or *, and
//     holds for the match; where nothing matches it fails.
//   - _summary and _elements make parts of what is found, and of what a read or vread answers, under the tag of the whole version; names that the type does
//     not have are refused there. A history has no parts. An update by a resource with the tag SUBSETTED is 422, a create is not.
//   - SearchParameters, OperationDefinitions and StructureDefinitions of this server's own are read and searched as if they were stored: they are in no store, have no
//     versions, and searches of all types do not have them. Where the type is a stored one, it has what is stored and not these.
//   - A history of all types takes _type, a list of types, which R4 does not have. AuditEvents never change, and have no history.
//     _list is refused. Of a long history the total is left out, but for _count=0.
//   - $find, $hold and $book of IHE's ITI Scheduling take POST alone: $find hands ids out, which a cache must not. Their URL has no parameters but _count of $find
//     and those of the answer's form. What is wrong with a request is 4xx; what the rules of booking refuse is answered 200, in a searchset: of $hold the
//     appointment as cancelled, of which nothing is stored, and an OperationOutcome with the issue fatal, not-found; of $book an OperationOutcome alone. Of an
//     Appointment that is stored as something else a rejected $hold shows nothing. A reference that leads to no proposal (any more) is 404. Holding
//     again does not lengthen a hold. What is so already is answered as it is, so that a lost answer can be asked for again. To $book, an Appointment that is
//     sent as pending is to be booked, whether it is new or there; an id that it brings stays its id. If-Match is heeded where it comes, and no version of the
//     API demands it; $hold refuses it, for a proposal has no version. $hold and $book are no entries of a transaction, which writes the Appointment itself.
//   - A search of all types is newest first, or by _lastUpdated, and leaves AuditEvent out: _type names it alone, or not at all.
//     The resource of a compartment need not be here, and a type that R4 has not in it is 404. [type]/[id]/* is all of them; a form goes to
//     [type]/[id]/[member]/_search, [type]/[id]/*/_search or [type]/[id]/_search. A segment behind an id is a type when it begins with a capital letter.
//   - The entries of a batch are carried out in the order given. The url of an entry is relative to the base, with or without a slash before it, or
//     begins with the base. An entry that is malformed is answered 400 or 422 in its place; the rest of the Bundle must be valid. The places
//     of an entry's faults are in the Bundle, Bundle.entry[3].resource.birthDate, and a parameter or an operation of a patch is named in words.
//     What an entry carries that is no resource, a patch, stands in a Binary; a search by a form, and a Bundle, do not come in an entry.
//   - The entries of a transaction that read are tried before anything is written: what could not be answered fails the whole, but that a resource
//     which the transaction writes is not there (yet). After the commit they are answered, each with its status. $validate is among them.
//   - A transaction that fails has the status of its first fault, but 400 where one of them is: sending it again is of no use then.
//   - An answer to a Bundle that has grown beyond 64 MiB goes on without resources: entries that read are refused, and those that
//     write are answered as return=minimal asks.
//   - Bodies beyond 64 KiB are read on and decoded as long as no more than 64 MiB of them are under way; others wait, and are 503 when their time is
//     over. The rest of one must come within 20 s, or it is 408 (RFC 9110 15.5.9).
//   - Preconditions are If-Match and If-None-Match; If-Unmodified-Since is not evaluated, for a second is too coarse.
//   - If-Modified-Since with the very second of the current version is answered 304 only if the version before is of an earlier
//     second. Otherwise the client may hold that one, and gets the current one with 200.
//   - Who may not do something for the want of a scope is told in WWW-Authenticate which scope it takes (RFC 6750 3.1); of the entries of a Bundle, the first one.
//     What the engine answers without a body, for the client may not read it, is answered as return=minimal asks, without Preference-Applied.
//   - What is refused here, before the engine is asked, is recorded as what the engine refuses is: once, by the method and the path. Of a Bundle it is each entry
//     that is at fault, where the Bundle itself can be read. What is refused before it is known who asks, for HC-API-Version or the length of the URL, is not.
//   - A header that has one value and comes in several lines is read as one text with commas (RFC 9110 5.2), which is
//     malformed: SU-SiteId and HC-API-Version 400, Content-Type 415, and X-Request-Id, traceparent and If-Modified-Since as if
//     they were not there. A credential in any line counts.
//
// Measured on 2026-11-21 (BenchmarkFace with -cpu 1 on a shared machine, Go 1.26.8): the face adds 2.5 µs and 12 allocations to a
// read, for which the engine on SQLite needs 0.3 µs from memory, and 10 to 30 µs to a page of 50 small resources, for which the engine needs
// 150 µs. A hundred small updates by one transaction took a fourth to a sixth of the time of a hundred requests one after the other, and by
// one batch about as long as those (BenchmarkBundle, on the busy machine). A page of 50 slots with what they refer to took three times as long as
// without, for each is parsed; 500 slots that refer to a page about 10 µs each; and a page of all nineteen types eight times as long as
// one of a type (BenchmarkMoreThanMatches, one run on the busy machine).
package rest
