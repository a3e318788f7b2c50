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
// # Free time
//
// $find (find.go) proposes Appointments in time that is free (availability.go). The schedules that may have it are found first (diaries.go); each is read by
// its calendar, an index entry of its free slots by their start (diary.go), and the times of all are merged, the soonest first. What is proposed is no resource
// (proposal.go): a read finds it for half an hour under its id; vread, history and search know nothing of it, and it has no version and no ETag. All that $find
// determines comes at once, so that there are no pages.
//
// # Who may do what
//
// Whatever takes a Principal stands in gate.go. It asks what the client's scopes permit (scopes.go;
// https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html), and tells the recorder how it ended (record.go). What is found out on the way to
// an answer (what a patch is applied to, what criteria select, what is included) is part of that interaction: it has no record of its own.
//
//   - r is read, vread and the history of a resource; s every search, and the history of a type or of all types, for these show whole resources of which nobody
//     gave the id; c create, u update (also one that creates) and patch, d delete. Criteria that select what to write, and conditional references, take s on
//     their type as well, and so do the criteria of a Subscription.
//   - A chain, _has or _filter that leads to a type takes s on it. A chain that does not say its type leads to all that are possible
//     but AuditEvent.
//   - Of all types, those count that the client may search, unless _type or a cursor names others: these are refused. The link of the first page names what
//     it was narrowed to. A cursor belongs to the partition, and gives no permission to whoever follows it.
//   - _include brings what the client may read, _revinclude what they may search; a warning names the types that are left out.
//   - A patch takes u alone. Who may not read what is patched is not shown what it left, nor why it failed; a test in it takes r.
//   - $find takes s on Schedule and Slot, for it shows what is free, and r on Appointment, for what it proposes can be read. An identifier or a text that it is
//     given is looked for, which takes s on that type. The services, roles and locations that stand for what is asked for are the server's business: they take nothing.
//   - $hold takes c on Appointment, and $book c for what is not stored yet; both take u to change what is. Slots and Tasks change with it, for which they take nothing. What came
//     of it is shown to whom r is given. Who has c alone, and knows the id of an Appointment, learns by $hold whether it is held; in which status else it is learns who has r.
//   - $validate takes any permission on the type, $explain the operator. The server's own definitions are open to everybody who is known.
//   - What is not served is told before what is not permitted: it is the same for everybody.
//
// The record has one event for each interaction that reads or fails, also for each entry of a Bundle; of a change that was made the store tells, by its origin.
// A conditional create that found a match is recorded as the search that it was, a delete of nothing as a delete without a version. Of a failure the
// kind and the codes are kept, and no sentence: it might quote a patient's data. An answer of which no record can be kept is not given; what a transaction
// has written stays, and is answered without what it did not write. $hold and $book that write are told by the store as the create or update that they were; what they
// did not change, or what the rules refused, is an operation. What a face refuses before it asks the engine, for its form or because it is not offered, it has
// recorded by Refused.
//
// Whose condition on a version does not hold is told the number of the current one, also who may only update: the ETag of the next update tells it anyway.
//
// Reading a small resource from memory takes 0.18 µs, as it did without scopes, and 0.29 µs with a recorder that keeps nothing (BenchmarkRead, four runs on a
// shared machine, 2026-11-21).
//
// # Booking
//
// A change of an Appointment brings changes of Slots and of its fulfilment Task with it (book.go; fhir/booking/DESIGN.md tells what and why). They are found when
// a change is decided, whatever it is, as the difference between what was stored and what will be; therefore an Appointment, a Slot and a Schedule are changed in the version
// that was read, also where the client demands none. They are written with it, in one commit, or in steps where the store has no transactions (steps.go). A ledger
// (book_ledger.go) has all resources that are looked at, as they are and as the transaction leaves them. The client's scopes for the Appointment decide: the rest
// follows from it, and is recorded as that client's.
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
