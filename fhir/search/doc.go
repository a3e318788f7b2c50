// Package search owns R4 search (https://hl7.org/fhir/R4/search.html) from its text to its meaning: it parses
// a query string into a Query, extracts the index entries of a resource, and decides in memory whether a
// resource matches, which is the oracle that every storage driver is held against.
//
// One file per parameter type holds parse, extract and lowering together. It does no I/O and knows no database;
// HTTP, paging tokens and bundles belong to the faces and the engine.
package search
