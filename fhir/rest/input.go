package rest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// takes is a parameter that an operation takes in its Parameters (https://hl7.org/fhir/R4/parameters.html).
type takes struct {
	name     string
	types    []string // of its value, "dateTime"; or of the resource that it is, "Patient"
	required bool
	repeats  bool
}

// given is a parameter as it came.
type given struct {
	place string // "Parameters.parameter[2]"
	value any    // the value[x], or the resource
}

// input are the parameters of an operation. Faults in their values are gathered by whoever reads them.
type input struct {
	s      *server
	all    map[string][]given
	faults []error
}

// input reads the body of an operation. What is wrong with it as Parameters is its error; what they hold that the operation does not take, or misses, is among
// the faults.
func (s *server) input(x *exchange, operation string, known []takes) (*input, error) {
	r, err := x.parse(maxBody)
	switch {
	case err != nil:
		return nil, err
	case r.IsZero():
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "The request has no body, where $%s takes its Parameters.", operation)
	case r.Type() != "Parameters":
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "$%s takes Parameters, not a resource of type %s.", operation, fhir.Quote(r.Type())).At("resourceType")
	}
	if err := s.Engine.Validator.Check(r); err != nil {
		return nil, malformed(err)
	}
	in := &input{s: s, all: map[string][]given{}}
	for i, p := range r.Root().Objects("parameter") {
		in.take(operation, known, p, "Parameters.parameter["+strconv.Itoa(i)+"]")
	}
	for _, t := range known {
		if t.required && len(in.all[t.name]) == 0 {
			in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "$%s needs the parameter %s, of type %s.", operation, t.name, t.typeNames()).At("Parameters.parameter"))
		}
	}
	return in, nil
}

// malformed is what is wrong with Parameters as the fault of a request: Invalid, also where it is a rule of R4 that they break. In a resource that a parameter brings
// that stays what it is.
func malformed(err error) error {
	e := fhir.AsError(err)
	if e.Kind != fhir.Unprocessable || !slices.ContainsFunc(e.Issues, func(i fhir.Issue) bool { return !strings.Contains(i.Path, "].resource") }) {
		return err
	}
	told := *e
	told.Kind = fhir.Invalid
	return &told
}

// take takes a parameter in, if it is one that the operation takes.
func (in *input) take(operation string, known []takes, p *fhir.Object, place string) {
	name := p.Text("name")
	i := slices.IndexFunc(known, func(t takes) bool { return t.name == name })
	if i < 0 {
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "$%s has no parameter %s; it has %s.", operation, fhir.Quote(name), namesOf(known)).At(place + ".name"))
		return
	}
	value, typ := valueOf(p)
	switch t := known[i]; {
	case !slices.Contains(t.types, typ):
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "The parameter %s is of type %s, and this is %s.", name, t.typeNames(), inWords(typ)).At(place))
	case !t.repeats && len(in.all[name]) > 0:
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The parameter %s may be given once, and stands in %s already.", name, in.all[name][0].place).At(place))
	default:
		in.all[name] = append(in.all[name], given{place, value})
	}
}

// valueOf is the value of a parameter, and its type: that of value[x] or of the resource; "" for one that has parts or nothing.
func valueOf(p *fhir.Object) (value any, typ string) {
	for name, v := range p.All() {
		if name == "resource" {
			o, _ := v.(*fhir.Object)
			return o, o.Text("resourceType")
		}
		if typ, isValue := strings.CutPrefix(name, "value"); isValue && typ != "" {
			if primitive := strings.ToLower(typ[:1]) + typ[1:]; isPrimitive(v) {
				return v, primitive
			}
			return v, typ
		}
	}
	return nil, ""
}

// isPrimitive says whether a value is of a primitive type, whose name begins with a small letter.
func isPrimitive(v any) bool {
	_, isObject := v.(*fhir.Object)
	return !isObject
}

func inWords(typ string) string {
	if typ == "" {
		return "none"
	}
	return "of type " + typ
}

func (t takes) typeNames() string { return strings.Join(t.types, " or ") }

func namesOf(known []takes) string {
	names := make([]string, len(known))
	for i, t := range known {
		names[i] = t.name
	}
	return strings.Join(names, ", ")
}

func (in *input) fault(err error) { in.faults = append(in.faults, err) }

// refuseURL makes faults of what the URL has beside how the answer is to be written and the given names: parameters stand in the body.
func (in *input) refuseURL(params url.Values, but ...string) {
	for name := range params {
		if !slices.Contains(but, name) && name != "_format" && name != "_pretty" {
			in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "The parameters of this operation stand in its body, in Parameters, and not in the URL.").At(ofHTTP(name)))
		}
	}
}

// instant reads the dateTime of a parameter; 0 where there is none. A date without a time means its beginning, or its end.
func (in *input) instant(name string, end bool) fhir.Instant {
	text, place, is := in.text(name)
	if !is {
		return 0
	}
	d, err := fhir.ParseDateTime(text)
	switch {
	case err != nil:
		in.fault(fhir.AsError(err).At(place))
		return 0
	case end && d.Precision <= fhir.Day:
		return d.Interval().High
	default:
		return d.Interval().Low
	}
}

// text is the value of a parameter that does not repeat, and where it stands, if it was given.
func (in *input) text(name string) (text, place string, is bool) {
	all := in.all[name]
	if len(all) == 0 {
		return "", "", false
	}
	text, _ = all[0].value.(string)
	return text, all[0].place + ".value", true
}

// tokens reads the strings of a parameter, each a code with its system: "system|code".
func (in *input) tokens(name string) []string {
	var all []string
	for _, g := range in.all[name] {
		text, _ := g.value.(string)
		if system, code, both := strings.Cut(text, "|"); !both || system == "" || code == "" {
			in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no code with its system: write [system]|[code], as in http://snomed.info/sct|394814009.", fhir.Quote(text)).At(g.place + ".value"))
			continue
		}
		all = append(all, text)
	}
	return all
}

// references reads what a parameter refers to: resources of this server, of some of these types (none: of any), or their identifiers.
func (in *input) references(name string, types ...string) []engine.Reference {
	var all []engine.Reference
	for _, g := range in.all[name] {
		o, _ := g.value.(*fhir.Object)
		if identifier := o.Object("identifier"); identifier != nil && o.Text("reference") == "" {
			r, ok := in.logical(identifier, g.place+".value.identifier")
			switch r.Key.Type = o.Text("type"); {
			case r.Key.Type != "" && len(types) > 0 && !slices.Contains(types, r.Key.Type):
				in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "This refers to a resource of type %s, where there should be one of type %s.", fhir.Quote(r.Key.Type), strings.Join(types, " or ")).At(g.place + ".value.type"))
			case ok:
				all = append(all, r)
			}
			continue
		}
		if key, ok := in.key(g, types...); ok {
			all = append(all, engine.Reference{Key: key})
		}
	}
	return all
}

// logical reads an identifier in the place of a reference.
func (in *input) logical(identifier *fhir.Object, place string) (engine.Reference, bool) {
	r := engine.Reference{System: identifier.Text("system"), Value: identifier.Text("value")}
	if r.Value == "" {
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "An identifier is known by its value, and this has none.").At(place + ".value"))
		return r, false
	}
	return r, true
}

// key reads which resource of this server a parameter refers to.
func (in *input) key(g given, types ...string) (fhir.Key, bool) {
	o, _ := g.value.(*fhir.Object)
	text, wanted := o.Text("reference"), strings.Join(types, " or ")
	if wanted == "" {
		wanted = "[type]"
	}
	name, _, _ := strings.Cut(in.s.Engine.Rules.Relative(text), "/_history/")
	typ, id, _ := strings.Cut(name, "/")
	key, place := fhir.Key{Type: typ, ID: id}, g.place+".value"
	switch {
	case text == "":
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "This refers to nothing by its id: write the reference as in %s/[id].", wanted).At(place))
	case !fhir.ValidID(typ) || !fhir.ValidID(id):
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s refers to nothing of this server: write %s/[id], or the same below %s.", fhir.Quote(text), wanted, in.s.Promises.BaseURL).At(place + ".reference"))
	case len(types) > 0 && !slices.Contains(types, typ):
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s refers to a resource of another type, where there should be %s/[id].", fhir.Quote(text), wanted).At(place + ".reference"))
	default:
		return key, true
	}
	return key, false
}

// located puts the names of parameters, as the engine has them for places, in the places where they stand.
func (in *input) located(err error) error {
	return placed(err, func(issue *fhir.Issue) { issue.Path = in.placeOf(issue.Path) })
}

// placeOf is where the first parameter of a name stands; behind a dot is a place within its value.
func (in *input) placeOf(path string) string {
	name, below, isBelow := strings.Cut(path, ".")
	all := in.all[name]
	switch {
	case len(all) == 0:
		return path
	case isBelow:
		return all[0].place + ".value." + below
	default:
		return all[0].place
	}
}
