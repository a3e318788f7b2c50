// Package engine carries out the FHIR interactions (https://hl7.org/fhir/R4/http.html), once, for every
// face: read, create, update, patch, delete, history, search and validation. Whatever face a request comes
// by, it passes here, so that validation, the business rules and the fence between partitions cannot be walked
// around.
//
// It knows no HTTP. It prepares a write completely (checked, in UTC, with index entries) and hands it to storage with
// its condition, which is decided inside the write.
package engine
