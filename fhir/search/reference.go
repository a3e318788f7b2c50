package search

import (
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// A reference is the text that points at another resource (https://hl7.org/fhir/R4/search.html#reference). Its Term is that text; below the
// server's own base it is "Patient/1", for "a relative reference resolving to the same value as a specified absolute URL, or vice
// versa, qualifies as a match". A reference to one version has a second Term without the version, and so has a canonical
// URL. What only means something inside its own resource (#1), and a reference that is an identifier or a text alone, is
// nameless.
type reference struct {
	name    string
	base    string   // "https://example.org/fhir"
	targets []string // nil: any
	served  []string // what a bare id may belong to where any type may be pointed at
	url     bool     // there are canonical URLs among the values: a text without a slash may be one
	logical bool     // there are References among the values, which may have an identifier
}

const historySegment = "/_history/"

func (r *reference) stamp() string { return "reference 2 " + r.base }

func (r *reference) index(at place) sink {
	switch at.code() {
	case "Reference":
		r.logical = true
		identifier := r.identifier()
		return func(x *extraction, v any) {
			o, _ := v.(*fhir.Object)
			r.pointer(x, o.Text("reference"), historySegment)
			if id := o.Object("identifier"); !x.plain {
				identifier.pair(x, id.Text("system"), id.Text("value"))
			}
		}
	case "canonical", "uri", "url", "oid", "uuid":
		r.url = true
		return func(x *extraction, v any) {
			s, _ := v.(string)
			r.pointer(x, s, "|")
		}
	case "Resource":
		return func(x *extraction, v any) {
			if o, ok := v.(*fhir.Object); ok {
				r.nested(x, fhir.NewResource(o))
			}
		}
	}
	return nil
}

// pointer indexes a text that points at a resource, with the version, if any, behind a mark.
func (r *reference) pointer(x *extraction, s, mark string) {
	if s == "" || s[0] == '#' {
		x.nameless(r.name)
		if len(s) > 1 {
			x.point(r, s[1:])
		}
		return
	}
	s = relative(s, r.base)
	x.term(r.name, s)
	if i := strings.LastIndex(s, mark); i > 0 {
		x.term(r.name, s[:i])
	}
}

// nested indexes a resource that stands in the place of a reference.
func (r *reference) nested(x *extraction, res fhir.Resource) {
	if res.ID() == "" {
		x.nameless(r.name)
		return
	}
	x.term(r.name, res.Key().String())
}

// relative cuts the server's own base off, where there is one.
func relative(s, base string) string {
	if rest, ok := strings.CutPrefix(s, base); ok && base != "" && len(rest) > 1 && rest[0] == '/' {
		return rest[1:]
	}
	return s
}

// referencedType is the type of what a Reference points at, as far as it says so itself: by its text, by the contained
// resource that it names, or by its element type. "" when it does not.
func (x *extraction) referencedType(v any) string {
	o, _ := v.(*fhir.Object)
	s := o.Text("reference")
	if strings.HasPrefix(s, "#") {
		return x.containedType(s[1:])
	}
	if typ := typeInURL(s); typ != "" {
		return typ
	}
	return o.Text("type")
}

// containedType is the type of a contained resource, or of the resource itself for the empty id
// (https://hl7.org/fhir/R4/references.html#contained).
func (x *extraction) containedType(id string) string {
	if id == "" {
		return x.root.Text("resourceType")
	}
	return x.containedResource(id).Text("resourceType")
}

// typeInURL is the resource type in "Patient/1", "https://example.org/fhir/Patient/1" or either with a version behind
// it, or "" where there is none.
func typeInURL(s string) string {
	s, _, _ = strings.Cut(s, historySegment)
	end := strings.LastIndexByte(s, '/')
	if end < 0 {
		return ""
	}
	typ := s[strings.LastIndexByte(s[:end], '/')+1 : end]
	if !r4.IsResource(typ) {
		return ""
	}
	return typ
}

func (r *reference) always() bool { return false }

// identifier reads Reference.identifier, whose Terms have an index name of their own: "the search value works as a token search".
func (r *reference) identifier() *token { return &token{name: r.name + ":identifier", coded: true} }

// types are those that the parameter may point at.
func (r *reference) types() []string {
	if r.targets != nil {
		return r.targets
	}
	return r.served
}

// modifiers are the names of types (:Patient), and :identifier.
func (r *reference) modifiers() []string {
	if r.logical {
		return append([]string{"identifier"}, r.types()...)
	}
	return r.types()
}

// noAncestry is why :above and :below are not taken.
const noAncestry = "what is part of what is not followed here; give each reference itself, with commas between them"

// noVersions is why they are not taken of canonical URLs, where they mean versions (https://hl7.org/fhir/R4/search.html#versions).
const noVersions = "versions of a canonical URL are not compared; write the URL alone for all of its versions, or each with its version (url|version), with commas between them"

func (r *reference) lower(c criterion) (Any, *fhir.Error) {
	if c.modifier == "identifier" {
		return r.identifier().lower(criterion{values: c.values, now: c.now})
	}
	return c.each(func(v string) ([]Test, *fhir.Error) {
		v = relative(unescape(v), r.base)
		if c.modifier != "" {
			return r.typed(c.modifier, v)
		}
		if !fhir.ValidID(v) {
			return []Test{Equal{r.name, v}}, nil
		}
		var tests []Test
		for _, typ := range r.types() {
			tests = append(tests, Equal{r.name, typ + "/" + v})
		}
		if r.url {
			tests = append(tests, Equal{r.name, v})
		}
		return tests, nil
	})
}

// typed reads a value whose type is said by the modifier: subject:Patient=1, and also subject:Patient=Patient/1.
func (r *reference) typed(typ, v string) ([]Test, *fhir.Error) {
	switch {
	case fhir.ValidID(v):
		return []Test{Equal{r.name, typ + "/" + v}}, nil
	case strings.HasPrefix(v, typ+"/"):
		return []Test{Equal{r.name, v}}, nil
	default:
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue,
			"%s is no %s of this server: with the modifier :%s write its id alone.", fhir.Quote(v), typ, typ)
	}
}
