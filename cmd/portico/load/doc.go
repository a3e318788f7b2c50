// Package load sends resources from files into a FHIR server, one request each: PUT where a resource has an id, POST
// where it has none (https://hl7.org/fhir/R4/http.html#update, #create).
//
// It reads newline-delimited JSON, single resources, Bundles, all of these packed with gzip, directories of them, and
// standard input. Nothing is read into memory whole: neither a file nor, unless it is posted so, a Bundle. A fault in one resource is no fault of the
// next: what the server refuses, and what is no JSON, is told with its place and reason, and the rest is loaded.
//
// A Bundle is taken apart, and each entry sent for itself. Its request, and all or nothing, are lost by that. Who needs them has Bundles of
// type transaction and batch posted whole to the base (https://hl7.org/fhir/R4/http.html#transaction), one after the other;
// what became of each entry is then told by the server. Of a Bundle that is taken apart, a reference to urn:uuid of another entry becomes a reference to its type and id when that entry has an
// id and does not come more than 5 MiB later; otherwise the resource is refused.
//
// Resources of one type and id are sent in the order in which they come; others may overtake each other, but no appointment the slots that it takes and the
// services that it is for, and in a directory the files of appointments (Appointment.ndjson) come last. Other references need not resolve when they are
// sent: Portico accepts that.
package load
