// Package storage is the contract between the engine and the databases: Store keeps the
// resources, their history, their index entries and the change events; Records keeps
// everything else that must survive a restart.
//
// A driver knows no FHIR. It gets resources with their index entries made, stores and compares. What a
// driver must do is written here and proved by storage/storagetest, the law that every
// driver obeys. Drivers are rooms of their own: storage/sqlite.
//
// Errors of every method are *fhir.Error of one of the kinds that the method names, or Unavailable
// (the database is out of reach or busy beyond patience), or Internal; a context that ended gives an
// error for which errors.Is(err, ctx.Err()) holds, and nothing was written unless the method says so. An
// Unavailable has a cause where the operator should hear of it; that too many calls wait is none.
package storage
