package search

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// Rules are the search parameters of the served types, compiled: they say how entries are extracted and what a search means.
// They never change and may be used by many goroutines at once.
type Rules struct {
	base        string
	served      []string // the types, sorted
	types       map[string]*typeRules
	stamps      map[string]map[string]string
	beyond      []Definition // of the parameters that R4's core does not have
	fingerprint string
}

// Param is a search parameter that is promised for a type.
type Param struct {
	Name       string   // "birthdate"
	Type       string   // number, date, string, token, reference, composite, quantity, uri or special
	Definition string   // canonical URL of the SearchParameter
	Modifiers  []string // without the colon, of https://hl7.org/fhir/R4/valueset-search-modifier-code.html: "missing", "exact"
	Targets    []string // resource types that a reference may point at; nil means any
	Sortable   bool     // _sort takes it
	Streams    bool     // its order comes from an index, however much is found: one of Rules.SortKeys
}

// pathsVersion is raised by whoever changes which values an expression selects. What becomes of the values is told by the stamp of
// each kind.
const pathsVersion = 1

// typeRules are the parameters of one type.
type typeRules struct {
	params []*param // sorted by name
	byName map[string]*param
}

// param is a compiled parameter.
type param struct {
	Param
	kind       kind
	sink       sink // nil where the version itself answers: ID and LastUpdated
	expression string
	absent     string // the index name of the resources without a value of the order; "" where entries do not tell
}

// kind is the behaviour of a parameter's type: how its values are read in a resource, and in a search.
type kind interface {
	// stamp tells by which rules entries are made of the values at a place: a number that is raised by whoever changes them, and what
	// they depend on beside the resource.
	stamp() string
	// index gives the sink for the values at a place, nil where values of that type are not searched.
	index(place) sink
	// modifiers are those that lower takes, beside missing.
	modifiers() []string
	// lower says by which tests the values of a criterion are found, one of which must hold.
	lower(criterion) (Any, *fhir.Error)
	// always says that no resource lacks a value.
	always() bool
}

// Config is what rules are made from.
type Config struct {
	Types   []string // the resource types that are served, in any order
	BaseURL string   // references below it ("https://example.org/fhir") are the same as relative ones

	Words  []string     // those of the types of which _text and _content search the words
	Custom []Definition // parameters beside those of R4's core and this server's own
}

// NewRules compiles the parameters of the types that are served: those of R4's core that have an expression, but for composites of more than two
// parts; this server's own and the configured ones. Invalid: a type that R4 does not have; configured parameters that cannot be served, with every
// fault of each and its source as the place.
func NewRules(c Config) (*Rules, error) {
	served := slices.Compact(slices.Sorted(slices.Values(c.Types)))
	r := &Rules{base: strings.TrimRight(c.BaseURL, "/"), served: served, types: make(map[string]*typeRules, len(served)), stamps: make(map[string]map[string]string, len(served))}
	for _, typ := range served {
		if !r4.IsResource(typ) {
			return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no resource type of R4.", fhir.Quote(typ))
		}
		r.types[typ], r.stamps[typ] = &typeRules{byName: make(map[string]*param)}, make(map[string]string)
		for _, definition := range definitions(typ) {
			p, err := r.compile(typ, definition, served)
			if err != nil {
				return nil, fhir.Errorf(fhir.Internal, fhir.CodeException, "The search parameter %s of %s cannot be compiled.", definition.Code, typ).Because(err)
			}
			if p != nil {
				r.add(typ, p)
			}
		}
		r.add(typ, sinceParam())
	}
	if err := r.addWords(c.Words); err != nil {
		return nil, err
	}
	if err := r.addCustom(c.Custom, served); err != nil {
		return nil, err
	}
	r.beyond = slices.Concat(ownOf(served), c.Custom)
	for typ, t := range r.types {
		slices.SortFunc(t.params, func(a, b *param) int { return strings.Compare(a.Name, b.Name) })
		t.promiseOrder()
		r.stamp(typ, t)
	}
	r.stampCalendar()
	r.stampArea()
	r.stampContained()
	r.fingerprint = digest(8, "%v", r.stamps) // maps are printed in the order of their keys
	return r, nil
}

// definitions are the parameters of a type that the program brings along.
func definitions(typ string) []r4.SearchParam {
	all := slices.Clone(r4.SearchParams(typ))
	for _, d := range own {
		if slices.Contains(d.Bases, typ) {
			all = append(all, d.SearchParam)
		}
	}
	return slices.DeleteFunc(all, func(d r4.SearchParam) bool { return d.Code == "phonetic" }) // sounds like: that is no comparison of strings
}

// add puts a compiled parameter among those of its type.
func (r *Rules) add(typ string, p *param) {
	t := r.types[typ]
	t.params = append(t.params, p)
	t.byName[p.Name] = p
}

// stamp gives the parameters of a type their stamps. Which orders are promised is among what they depend on.
func (r *Rules) stamp(typ string, t *typeRules) {
	for _, p := range t.params {
		if p.sink == nil {
			continue
		}
		how := p.kind.stamp()
		if p.absent != "" {
			how += " " + absenceStamp
		}
		r.stamps[typ][p.Name] = digest(6, "%d %s %s", pathsVersion, how, p.expression)
	}
}

// digest is a short text that stands for a longer one: twice as many characters as it has bytes.
func digest(bytes int, format string, args ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, format, args...))
	return hex.EncodeToString(sum[:bytes])
}

// compile makes a parameter of its definition; nil for one that is not promised.
func (r *Rules) compile(typ string, d r4.SearchParam, served []string) (*param, error) {
	p := &param{expression: d.Expression, Param: Param{Name: d.Code, Type: d.Type, Definition: d.URL, Targets: d.Targets, Modifiers: []string{"missing"}}}
	if d.Expression == "" {
		return nil, nil
	}
	if p.kind = r.kind(typ, d, served); p.kind == nil {
		return nil, nil
	}
	_, p.Sortable = basis(d.Type)
	var err error
	p.sink, err = compile(typ, d.Expression, p.kind.index)
	if c, isComposite := p.kind.(*composite); isComposite && c.fault != nil {
		return nil, nil // it has a part that is not relative to its element
	}
	if err != nil {
		return nil, err
	}
	if p.sink == nil {
		return nil, fmt.Errorf("the expression %q selects nothing that a %s parameter is searched by", d.Expression, d.Type)
	}
	p.Modifiers = append(p.Modifiers, p.promised()...)
	if t, isText := p.kind.(*text); isText && t.sorted {
		p.sink = t.withOrder(p.sink)
	}
	if d.Code == ID || d.Code == LastUpdated {
		p.sink = nil
	}
	return p, nil
}

// promised are the modifiers that the kind takes, with one word for the names of types.
func (p *param) promised() []string {
	r, isReference := p.kind.(*reference)
	switch {
	case isReference && r.logical:
		return []string{"type", "identifier"}
	case isReference:
		return []string{"type"}
	default:
		return p.kind.modifiers()
	}
}

// kind is the behaviour of a parameter; nil where its type, or what it is made of, is not promised.
func (r *Rules) kind(typ string, d r4.SearchParam, served []string) kind {
	switch d.Type {
	case "token":
		return &token{name: d.Code}
	case "string":
		return &text{name: d.Code, sorted: sortsText(typ, d.Code)}
	case "reference":
		return &reference{name: d.Code, base: r.base, targets: d.Targets, served: served}
	case "date":
		return &date{name: d.Code}
	case "number":
		return &number{name: d.Code}
	case "quantity":
		return &quantity{name: d.Code}
	case "uri":
		return &uri{name: d.Code}
	case "special":
		return &near{name: d.Code}
	case "composite":
		if u := r.union(typ, d, served); u != nil {
			return u
		}
		return r.composite(typ, d, served)
	default:
		return nil
	}
}

// Params lists what is promised for a type, sorted by name; nil for a type that is not served. It is shared and must not
// be changed.
func (r *Rules) Params(typ string) []Param {
	t := r.types[typ]
	if t == nil {
		return nil
	}
	params := make([]Param, len(t.params))
	for i, p := range t.params {
		params[i] = p.Param
	}
	return params
}

// BaseURL is that below which references are the same as relative ones, without a slash at its end; "" where there is none.
func (r *Rules) BaseURL() string { return r.base }

// Relative returns a reference without the base URL of the rules, where it begins with it: it means the same.
func (r *Rules) Relative(reference string) string { return relative(reference, r.base) }

// Fingerprint is a short text that changes when the rules would extract other entries.
func (r *Rules) Fingerprint() string { return r.fingerprint }

// Stamps are short texts, by type and parameter, each of which changes when the rules would extract other entries of that parameter.
// Parameters that are answered from the version itself have none. They are shared and must not be changed.
func (r *Rules) Stamps() map[string]map[string]string { return r.stamps }
