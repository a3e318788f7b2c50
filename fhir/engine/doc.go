// Package engine carries out the FHIR interactions (https://hl7.org/fhir/R4/http.html), once, for every
// face: read, create, update, patch, delete, history, search and validation. Whatever face a request comes
// by, it passes here, so that validation, the business rules and the fence between partitions cannot be walked
// around.
//
// It knows no HTTP. It prepares a write completely (checked, in UTC, with index entries) and hands it to storage with
// its condition, which is decided inside the write.
//
// Index entries are made by rules (package search), of which the base URL and the served types are a part. A record in the
// store tells by which rules its entries were made, with a stamp for each parameter of each type. A parameter whose stamp is another now, or that is new, is
// unfinished: New takes it out of the record before the first write, and Reindex makes the entries of all resources anew, beside
// requests. Until it is done, searches and conditional writes by such a parameter are Unavailable, since they would
// find too much or too little without a sign of it; everything else is served, and what is written carries new entries at once. A crash leaves
// the record as it is, and the next New begins with that; a store from a backup, or one without a record, goes the same way. Where rules
// have only lost parameters or types, nothing waits, and the same pass takes their entries away.
//
// Processes that serve one store at the same time must have the same rules. Where they do not, the record belongs to the one that began
// last: one whose pass is under way finds that out at its end, and keeps refusing. One that is idle does not: it finds by the
// rules of the other, and what it writes lacks those entries until the next pass. So stop it before another with other rules begins.
package engine
