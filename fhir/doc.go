// Package fhir holds the nouns that every other room speaks in: the resource as a
// JSON tree, its key and version, the partition it lives in, the principal who
// asks, instants and dates, and the one error type.
//
// It owns the JSON codec (https://hl7.org/fhir/R4/json.html): order of members,
// digits of numbers and every byte of text survive a round trip. It owns no rule of
// any resource type (fhir/r4, fhir/validate), no storage and no HTTP, and it imports
// the standard library alone.
//
// Measured on 2026-11-21 (two shared cores, Go 1.26.8, a Patient of 2 KB): decoding
// 10 µs, twice what json.Valid takes for the same bytes; encoding 2 µs. Decoding
// allocates five bytes for each one of such a text, and 61 for each one of the worst
// text that was found, an array of single digits.
package fhir
