// Package engine carries out the FHIR interactions (https://hl7.org/fhir/R4/http.html), once, for every
// face: read, create, update, patch, delete, their conditional forms, transactions, history, search and validation. Whatever face a request
// comes by, it passes here, so that validation, the business rules and the fence between partitions cannot be walked
// around.
//
// It knows no HTTP, and no Bundle: a transaction is a list of changes. It prepares a write completely (checked, in UTC, with index entries)
// and hands it to storage with its condition, which is decided inside the write.
//
// # A write
//
// A single write is a transaction of one change. Each change becomes a draft: it is read and prepared once, outside the store; aimed at what
// is in the store (aim.go); linked to the others, in a transaction (references.go, resolve.go); and committed with all that the
// decisions rest on, as conditions and guards. Where another write came between, all is aimed and linked anew, but not
// checked again: the definitions of R4 ask of which type a link's target is, which never changes, and not which one it is.
//
// # A search
//
// A page of matches is found by the store, within a budget; what is included is gathered behind it (include.go), from the matches of that page
// alone, so that a resource may come on several pages. A reference to one version brings that version, also beside the current one; one to another
// server, to a type that is not served, and to what is not there or deleted brings nothing. Includes by a reference go by what the matches say,
// those the other way by the index. _summary makes parts of what is included too, _elements does not.
//
// A search of several types (types.go) is one of each type, put together by instant, which is unique in a store and therefore all that a cursor needs.
// All that the store is searched for on one page shares one budget (finder.go). Matches are counted for the first page alone; the cursor carries the total.
//
// What the server defines itself is read and searched by an engine of its own, on a shelf in the place of a store (definitions.go).
//
// # Decisions
//
//   - Two changes of a transaction that find one resource are refused even when neither writes it, as two equal conditional creates are: what comes of
//     a Bundle should not depend on what was there before.
//   - A condition that is satisfied by what another change of the transaction writes is refused: R4 does not say which of
//     them is first. Of deletes it does; therefore a conditional delete and a create of what it selects replace one by the other.
//   - A link to a version of an entry's resource names the version that the transaction makes, whatever number it came with; a fragment is kept.
//   - oid and uuid are not replaced, though the rules list them: no value of these types is the relative URL of a resource. Nor are uri elements by
//     the name of url and system, which are canonical URLs in all but their type: eachLink tells which elements are links.
//   - A patch is looked at for the links that it brings; what is stored stays as it is.
//   - A urn:uuid: or urn:oid: that is no entry's fullUrl is refused in Reference.reference: nobody could ever follow it.
//   - A conditional reference sees what the transaction writes, with every link set but conditional references.
//
// A transaction of 500 creates without links takes 1.04 to 1.14 times as long as the creates one by one, on one core and without a store
// (BenchmarkTransact500 and BenchmarkWrite500, three runs, 2026-11-21).
//
// # Index
//
// Index entries are made by rules (package search), of which the base URL and the served types are a part. A record in the
// store tells by which rules its entries were made, with a stamp for each parameter of each type. A parameter whose stamp is another now, or that is new, is
// unfinished: New takes it out of the record before the first write, and Reindex makes the entries of all resources anew, beside
// requests. Until it is done, searches and conditional writes by such a parameter are Unavailable, since they would
// find too much or too little without a sign of it; everything else is served, and what is written carries new entries at once. A crash leaves
// the record as it is, and the next New begins with that; a store from a backup, or one without a record, goes the same way. Where rules
// have only lost parameters or types, nothing waits, and the same pass takes their entries away.
//
// Processes that serve one store at the same time must have the same rules (an SQLite file has one server alone). Where they do not, the record
// belongs to the one that began last: one whose pass is under way finds that out at its end, and keeps refusing. One that is idle does not: it finds by the
// rules of the other, and what it writes lacks those entries until the next pass. So stop it before another with other rules begins.
package engine
