// Package r4 holds the facts of the FHIR R4 (4.0.1) definitions that the program works with: the elements of all resource and data
// types, the core search parameters, the codes of required bindings, the compartments and the invariants.
//
// It owns the tables (the .txt files, written by cmd/fhirgen from the official definitions and never by hand) and
// the functions that read them. It judges nothing: what an element means for a resource is the business of
// fhir/validate, what an expression selects that of fhir/search. There is no prose of the specification in it: no definitions, no display
// texts, no explanations of invariants.
//
// The tables are embedded as text. Nothing is read when the program starts; the first call finds the sections
// of a table, and each type is decoded when it is first asked for and then shared. All returned definitions are
// read-only, and all functions may be called concurrently.
//
// Source: http://hl7.org/fhir/R4/, licensed CC0 1.0 ("FHIR" is a registered trademark of HL7).
package r4
