// Package validate says whether a resource is valid FHIR R4, and brings its instants to UTC.
//
// It owns what R4 itself demands of one resource: its structure (https://hl7.org/fhir/R4/json.html), the form of
// primitive values (datatypes.html), required bindings whose codes R4 lists, the invariants, the types that references
// may point at, the content of the narrative. It knows no business rules, no profiles, no terminology server, no store:
// whether a reference's target exists is not asked. It reads JSON through package fhir and never writes it.
//
// # One walk
//
// Check goes down a resource once, with the definition (fhir/r4) beside the value. Each JSON object is held against the JSON
// Schema of its structure, which decides on unknown elements, required elements, JSON types and arrays. The walk tells, from the value
// and the definition, why the schema refused something; and it checks what a schema cannot say or says dearly: one type
// of a choice, codes, calendar days, ranges of integers, null in arrays and its counterpart, references, invariants,
// XHTML. An instant or dateTime with a time is written back in UTC on the way, but for those below a Signature. Contained
// resources, entries of Bundles and Parameters are checked by their own types.
//
// # A schema for each structure
//
// There is no schema of a whole Patient, but one of Patient, one of Patient.contact, one of HumanName: each draft 7, compiled when first
// needed, and shared by all that use the structure. What the schema gets to see is the shape of an object (shape.go), not its
// values. Against one schema for each resource type, which repeats all data types since any extension may hold any of them, this
// takes little memory and no noticeable time to compile; what is found carries the place without parsing it from messages; and a
// hostile body cannot make the schema library work: it would compute 1e6000 as a fraction, and describe each of a million
// faulty items in a kilobyte.
//
// # Decisions
//
//   - A choice in a path has no type, as in FHIRPath: Patient.deceased. An unknown element stands in the path by its own name. div is an
//     operator of FHIRPath; the element stands in backticks, Patient.text.`div`.
//   - A hundred faults are told; then the walk ends.
//   - A CodeableConcept with a required binding needs one coding of the value set (terminologies.html#required); today only types that
//     are not served by default have any.
//   - Media types (RFC 6838, with the parameters of RFC 2045), currencies (three capital letters) and languages (the grammar of
//     BCP 47, for elements of type code and for codings that name BCP 47 as their system) are checked by their form only: who has
//     registered them is not known here. CapabilityStatement and TestScript may also say xml, json and ttl. Not even the form is checked
//     of the units of UCUM that three types of the evaluation of evidence bind a concept to, nor of MolecularSequence's variantType.
//   - A contained resource needs an id that no other one has, and something that points at it; the expression
//     of dom-3 lets one without an id pass, its words do not. Only one that points at its container with # may do without.
//   - A relative reference that is not Type/id is a fault of form (400); a type that R4 does not have, or that the element
//     does not allow, is not (422). In an entry of a Bundle the reference may be conditional, Patient?identifier=….
//   - app-4: the expression says no-show, which is no code; noshow is meant.
//   - per-1 and Task's inv-1 compare what is certain: 2026-05 and 2026-05-03 are in order both ways, and what has no zone may be
//     fourteen hours away from UTC.
//   - obs-7 compares codings by system, version, code and display, as the equality of its expression does.
//   - Images of a narrative may be http(s), relative, or data URLs of raster pictures; SVG can hold scripts. Of named entities there are the
//     five of XML.
//
// # Figures
//
// 2026-11-21, Go 1.26, two cores of an Intel Xeon; CPU (user and system) of GOMAXPROCS=1, best of two, while the machine was busy with
// other work. The patient is that of testdata, 1922 bytes, 27 objects.
//
//	decode and check        64 µs   446 allocations   BenchmarkDecodeAndCheckPatient2KB; the budget is 150 µs
//	  of it decode          11 µs   156               BenchmarkDecodePatient2KB
//	  of it the schemas     32 µs   246               BenchmarkSchemasPatient2KB
//	the first patient      1.1 ms                     BenchmarkFirstPatient2KB: 14 schemas are compiled
//	all served types         6 ms, 2.5 MB of heap     115 schemas; all types of R4: 733 schemas, 18 MB
//
// On a machine at rest the first line took 50 µs by the clock.
package validate
