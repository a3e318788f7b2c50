// Package conformance owns the table of promises and every document that tells the world what the
// server can do: CapabilityStatement (https://hl7.org/fhir/R4/capabilitystatement.html), the
// discovery document and the metadata of access at well-known paths, and the definitions of this server's own operations and extensions
// (https://hl7.org/fhir/R4/structuredefinition.html). The documents are pure functions of the table.
//
// It owns no route and no rule: fhir/rest mounts what the table promises, the engine does it.
package conformance
