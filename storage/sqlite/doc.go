// Package sqlite keeps a storage.Store in one SQLite file (https://www.sqlite.org, by way of
// modernc.org/sqlite: no C compiler needed). It is the embedded default.
//
// It owns the file, its layout and its SQL. It knows no FHIR: resources come encoded or to be encoded by fhir.Draft, and what a
// search asks comes as a search.Query. One goroutine writes, and makes one durable transaction of all commits that wait; a
// pool of connections reads. Several processes may open one file, of which one at most serves it.
//
// DESIGN.md beside this file tells the layout, the reasons and what was measured.
package sqlite
