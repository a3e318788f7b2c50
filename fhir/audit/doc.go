// Package audit keeps the record of who did what to whose data: every read, search, write, refusal and sign-in of a client, for as long as the
// operator wants (https://profiles.ihe.net/ITI/BALP/, https://hl7.org/fhir/R4/auditevent.html).
//
// It owns the events, the blocks in which they are kept among the records of a store, and the AuditEvent resources that are made of them when somebody reads
// or searches; it owns no rule about who may do what. Rooms above tell it what happened; nobody outside can write or delete.
//
//   - What reads, and what is refused, is recorded by Trail.Record into memory, and written in blocks within a second. What was recorded in the last
//     second before a crash is lost. While it cannot be written, Record takes up to a bound, and then refuses: nothing is read without a record.
//   - What writes is told by the events of the store, which are in the same commit as the change (storage.Op.Origin): Trail.Project makes the record of it, also
//     after a crash. Nothing of it is lost or doubled.
//   - Trail.Over puts the AuditEvents before a store: searches and reads of that type are answered from the blocks, everything else from the store.
package audit
