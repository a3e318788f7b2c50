// Package fhir holds the nouns that every other room speaks in: the resource as a
// JSON tree, its key and version, the partition it lives in, the principal who
// asks, instants and dates, and the one error type.
//
// It owns the JSON codec (https://hl7.org/fhir/R4/json.html): order of members,
// digits of numbers and every byte of text survive a round trip. It owns no rule of
// any resource type (fhir/r4, fhir/validate), no storage and no HTTP, and it imports
// the standard library alone.
package fhir
