// Command fhirgen turns the official FHIR R4 definitions into the tables of fhir/r4.
//
//	go run ./cmd/fhirgen fetch --out DIR
//	go run ./cmd/fhirgen generate --package DIR --out fhir/r4
//
// fetch gets the npm package hl7.fhir.r4.examples 4.0.1 (CC0 1.0; despite its name it holds all R4 definitions beside
// the official examples), checks it against the integrity pinned in fetch.go and unpacks it below DIR/package. That
// directory can be used as it is for PORTICO_TEST_EXAMPLES and PORTICO_TEST_DEFINITIONS: every file but package.json
// and ig-r4.json is one resource, named <Type>-<id>.json.
//
// generate reads that directory, or the .tgz, and writes elements.txt, searchparams.txt, codes.txt, compartments.txt
// and invariants.txt. Equal input gives equal bytes. Only facts are taken over: no definitions, comments or display
// texts. Where the definitions are at fault, the remedy is in the code with its reason (search for "Erratum"). What
// the program would have to guess at (a value set with filters, an element of several types that is no choice) stops
// it with an error that names the definition.
package main
