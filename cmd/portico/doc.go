// Command portico is the program: its commands, its configuration, and the wiring that makes one
// server of the rooms. It also owns the HTTP that is not FHIR: TLS, proxies, pages of other origins, the headers of all
// answers and the number of requests at once; health, readiness, metrics and the request log.
//
// It holds no rule of FHIR and no storage. Run "portico help" for the commands.
package main
