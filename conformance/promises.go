package conformance

import (
	"cmp"
	"slices"
	"time"

	"github.com/portico-health/portico/fhir"
)

// Promises is the one table of what the server offers. The router mounts it, and CapabilityStatement, discovery
// document and everything else that advertises are functions of it: nothing is advertised and not
// routed, nor the reverse.
type Promises struct {
	Software string // "Portico"
	Release  string // the program's version
	BaseURL  string // of the FHIR face, without a slash at its end: "http://127.0.0.1:8080/fhir"
	Started  time.Time

	Versions []APIVersion // of HC-API-Version, oldest first; the first is served where none is asked for
	Types    []Type       // sorted by name

	SearchLimits SearchLimits
	Results      []string // the parameters that shape the result of a search: "_count"

	Params []Param // that every type has, so that all types can be searched by them at once

	// Compartments are the types whose compartments can be searched, "Patient", sorted.
	Compartments []string

	// Operations are those of the whole system.
	Operations []Operation

	// Security is who gets in, and how.
	Security Security

	// System are the interactions with all types at once. A store that cannot write several resources as one has no Transaction here.
	System []Interaction
}

// Security is how clients get in. The URLs are absolute. It is zero where there is no access control.
type Security struct {
	Issuer string // of tokens: the URL of the server

	TokenEndpoint, JWKS, Introspection, Revocation string

	GrantTypes        []string // of OAuth 2.0: "client_credentials"
	AuthMethods       []string // at the token endpoint: "private_key_jwt"
	SigningAlgorithms []string // of assertions: "ES384"
	CORS              bool     // pages of other origins may call
	Anonymous         bool     // whoever comes without a credential gets in
}

// APIVersion is a version of the FHIR face, chosen by the header HC-API-Version.
type APIVersion struct {
	Number        string    // "1"
	Strict        bool      // unknown search parameters are refused, unless Prefer: handling=lenient
	MatchRequired bool      // PUT, PATCH and DELETE of an existing resource need If-Match
	Deprecated    time.Time // zero: not deprecated (RFC 9745)
	Sunset        time.Time // zero: no end is set (RFC 8594)
}

// Interaction is a code of https://hl7.org/fhir/R4/valueset-type-restful-interaction.html.
type Interaction string

// The interactions that can be promised, for a type or for the whole system.
const (
	Read            Interaction = "read"
	Vread           Interaction = "vread"
	Update          Interaction = "update"
	Patch           Interaction = "patch"
	Delete          Interaction = "delete"
	HistoryInstance Interaction = "history-instance"
	HistoryType     Interaction = "history-type"
	Create          Interaction = "create"
	SearchType      Interaction = "search-type"

	Batch         Interaction = "batch"
	Transaction   Interaction = "transaction"
	HistorySystem Interaction = "history-system"
	SearchSystem  Interaction = "search-system"
)

// Type is what is promised for one resource type.
type Type struct {
	Name         string
	Interactions []Interaction
	Conditional  []Interaction // those that a search may select the resource for: create (when nothing matches), update, patch, delete
	Search
	Operations []Operation

	// Definitions are all resources of the type, where nothing is stored: definitions of this server's own, that its canonical URLs lead somewhere.
	Definitions []fhir.Resource

	Limit string // what of the type's meaning is not done, in a sentence; "" for nothing
	// Unchecked are the keys of invariants that R4 states for this type and its data types and that the
	// validator does not check.
	Unchecked []string
}

// Search is what is promised of the search of a type.
type Search struct {
	Params      []Param  // search parameters, sorted by name
	SortKeys    []string // parameters whose order an index has, so that _sort by them streams
	Gathered    []string // parameters that _sort takes beside them, of as many matches as SearchLimits say
	Includes    []string // values of _include, sorted: "Appointment:patient"
	RevIncludes []string // values of _revinclude, sorted
}

// SearchLimits are beyond what a search is refused as too costly.
type SearchLimits struct {
	Budget   int // resources and index entries that are looked at in vain for a page
	Includes int // resources that come with the matches of a page
	Gathered int // matches that are sorted where no index has the order
	Count    int // matches of a page: more are cut
	Links    int // references that a chain or _has follows one behind the other
}

// Param is a promised search parameter.
type Param struct {
	Name       string
	Type       string   // number, date, string, token, reference, composite, quantity, uri or special
	Definition string   // canonical URL
	Modifiers  []string // "exact", without the colon
}

// Operation is a promised operation.
type Operation struct {
	Name       string // without the dollar sign: "validate"
	Definition string // canonical URL of its OperationDefinition
	System     bool   // offered as $name, by GET too: such an operation changes nothing, and its parameters are primitive
	Type       bool   // offered as [type]/$name
	Instance   bool   // offered as [type]/[id]/$name
	Changes    bool   // it changes what is stored (OperationDefinition.affectsState)
}

// Type returns what is promised for a resource type, and whether it is served at all.
func (p Promises) Type(name string) (Type, bool) {
	i, found := slices.BinarySearchFunc(p.Types, name, func(t Type, name string) int { return cmp.Compare(t.Name, name) })
	if !found {
		return Type{}, false
	}
	return p.Types[i], true
}

// Version returns the version of the FHIR face with that number; the oldest one for "".
func (p Promises) Version(number string) (APIVersion, bool) {
	if number == "" {
		return p.Versions[0], true
	}
	i := slices.IndexFunc(p.Versions, func(v APIVersion) bool { return v.Number == number })
	if i < 0 {
		return APIVersion{}, false
	}
	return p.Versions[i], true
}

// VersionNumbers lists the versions that HC-API-Version may ask for, oldest first.
func (p Promises) VersionNumbers() []string {
	numbers := make([]string, len(p.Versions))
	for i, v := range p.Versions {
		numbers[i] = v.Number
	}
	return numbers
}

// OffersSystem says whether an interaction with all types at once is promised.
func (p Promises) OffersSystem(i Interaction) bool { return slices.Contains(p.System, i) }

// Offers says whether an interaction is promised for the type.
func (t Type) Offers(i Interaction) bool { return slices.Contains(t.Interactions, i) }

// OffersConditional says whether an interaction with what a search finds is promised for the type.
func (t Type) OffersConditional(i Interaction) bool { return slices.Contains(t.Conditional, i) }
