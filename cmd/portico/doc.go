// Command portico is the program: its commands, its configuration, and the wiring that makes one
// server of the rooms. It also owns the HTTP that is not FHIR: health, readiness, metrics and the request log.
//
// It holds no rule of FHIR and no storage. Run "portico help" for the commands.
package main
