// Package search owns R4 search (https://hl7.org/fhir/R4/search.html) from its text to its meaning: it parses a query string into a Query,
// extracts the index entries of a resource, and decides in memory whether a resource matches, which is the oracle that every storage driver
// is held against.
//
// One file per parameter type holds parse, extract and lowering together: token.go, string.go, reference.go, date.go, number.go,
// quantity.go, uri.go, near.go, composite.go (with union.go). decimal.go has the order of numbers, sort.go what _sort goes by,
// token_modifier.go what the modifiers of tokens look at, since.go _since, fulltext.go _text and _content. Rules compiles the parameters of
// R4's core, our own and configured ones (definition.go) for the served types; fhirpath.go turns their expressions into closures that know
// the FHIR type of everything that they select. It does no I/O and knows no database; HTTP, paging tokens and bundles belong to the faces
// and the engine.
//
// Entries outlive the program that made them. Each parameter has a stamp (Rules.Stamps), which changes with whatever decides its entries;
// the engine compares them with those of the store. What only a modifier asks for has an index name of its own ("code:text"), which goes
// with its parameter's stamp (Owner). So has the absence of a promised sort key ("birthdate:none", absence.go): who sorts, or asks
// :missing=true, need not look at every resource for it. Of the demo data of 500 patients that is 2 080 of 153 470 entries. What the server
// alone asks for, the calendar of a schedule and the area of a postal code, has index names and stamps that belong to no parameter (calendar.go, area.go).
//
// Where R4 leaves a choice: tokens are compared with case, but for strings and contact points (token.go says why); family names are also
// found by each of their words; punctuation does not count in strings, of which the first MaxFolded characters are compared (also with
// :contains), but all with :exact; a reference by id alone means any type that the parameter may point at, or, where that is any, every
// served type; a date without a zone is UTC; :text of a token finds the beginning of a text, as a string does; :not-in wants a value, and
// no code in the set, as :not wants no match. :in and :not-in know the value sets alone of which a required binding of R4 lists every code;
// :above and :below of tokens and references are refused, for no hierarchy is known here. A number without a prefix is what rounds to it as
// it is written, where scientific notation without a point counts as written with one more digit, for R4 lets 1e2 mean 95 to 105; ap is a
// tenth more or less. Units of quantities are compared as they are written, nothing is converted. near without a distance is within 50 km.
// Nothing is above or below a URN. A composite needs a code in its first part, not a system alone, and finds the first 512 pairs of an
// element. A value that R4 calls illegal (a backslash that escapes nothing, a system where values have none, a vertical bar with nothing on
// either side or a second one, a boolean that is neither true nor false) is refused, one that cannot match anything is not.
//
// What a search is made of has a file each: chain.go follows chained parameters and _has, contained.go what stands within the same
// resource, filter.go and filter_lower.go read _filter, include.go _include and _revinclude, result.go the rest that shapes a result,
// system.go searches several types, compartment.go one compartment. request.go is what comes of the reading, escape.go what all values have
// in common, ordered.go the order of values in an index, describe.go says a query in words, publish.go makes SearchParameters of
// definitions, and plaintext.go finds the texts whose words are searched. A chain without a type ("actor.name") is what it would be for
// each served type that it may lead to and that has the parameter; each chain and each _has of a search is judged by itself, so that two of
// them may be met by different resources. It goes along at most MaxLinks references. Of several contained resources that one parameter
// points at, :not and :missing=true ask all together, and several words of _text or _content may be found in several of them. A filter
// compares tokens with case, as every search does; its ne wants a parameter
// that is known to have one value at most, or has an order, its eq of a string is all of the text as folded; filters in brackets, and gt to
// le of strings, are refused. What selects the resource to write (Criteria) takes neither chains nor _has nor _filter: it is decided within
// the write, on one resource.
//
// Names that are unknown, or that R4 knows and this server does not support, are ignored and said so, or refused where the search is
// strict; in _sort too. A parameter that is supported but cannot be sorted by is refused either way, with the names that can be: the client
// knows what it wants, and pages in another order would look like what it asked for. So are modifiers, prefixes and values that are not
// understood: ignored, they would widen what is found.
//
// Measured on 2026-11-21 (CPU time by profile on one of two shared cores, Go 1.26.8): Extract takes 10.8 µs and 51 allocations for the
// entries of a Patient of 2 KB, 4.2 times the floor of the same run, which visits each value of its tree once and allocates as many entries
// in 2.6 µs (BenchmarkExtractPatient2KB, BenchmarkFloorPatient2KB). A blood pressure of two components with two codings each (R4's example)
// leaves 49 Ordereds. NewRules for all 146 types takes 15 ms, a third of them for the stamps of contained resources
// (BenchmarkNewRulesOfAllTypes). TestExamples finds each of the 5306 official examples by each of its entries: 349 544 searches in 6 s.
// Where words are switched on, Extract takes 0.4 ms for an example of 4 KB instead of 0.03 ms, and leaves 112 Terms of words; the demo data
// has 36 words a resource.
package search
