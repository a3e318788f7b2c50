package search_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/search"
)

// TestExamples extracts the entries of all official examples, and finds each of them by each of its entries.
func TestExamples(t *testing.T) {
	dir := os.Getenv("PORTICO_TEST_EXAMPLES")
	if dir == "" {
		t.Skip("PORTICO_TEST_EXAMPLES does not name the unpacked npm package hl7.fhir.r4.examples")
	}
	rules, err := newRules(r4.ResourceTypes()...)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files in %s: %v", len(files), dir, err)
	}
	searches, identified := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.ParseResource(text)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		e := example{t: t, rules: rules, typ: r.Type(), x: search.Indexed{ID: r.ID(), Instant: now, Entries: withoutBooking(rules.Extract(r))}}
		e.findByEntries()
		for _, identifier := range r.Root().Objects("identifier") {
			if identifier.Text("value") == "" || !hasParam(rules, r.Type(), "identifier") {
				continue
			}
			e.find("identifier", escapes.Replace(identifier.Text("system"))+"|"+escapes.Replace(identifier.Text("value")))
			identified++
		}
		e.find("_id", r.ID())
		searches += e.searches
	}
	t.Logf("%d searches in %d files, %d by an identifier", searches, len(files), identified)
	if identified < 100 {
		t.Errorf("only %d identifiers", identified)
	}
}

func hasParam(rules *search.Rules, typ, name string) bool {
	return slices.ContainsFunc(rules.Params(typ), func(p search.Param) bool { return p.Name == name })
}

// withoutBooking leaves out what no parameter of a search asks for: the calendar of slots and the postal areas.
func withoutBooking(e search.Entries) search.Entries {
	internal := func(index string) bool {
		name := index[strings.LastIndex(index, ".")+1:]
		return slices.Contains([]string{"_calendar", "_free", "_area"}, search.Owner(name))
	}
	e.Terms = slices.DeleteFunc(e.Terms, func(x search.Term) bool { return internal(x.Param) })
	e.Texts = slices.DeleteFunc(e.Texts, func(x search.Text) bool { return internal(x.Param) })
	e.Ordereds = slices.DeleteFunc(e.Ordereds, func(x search.Ordered) bool { return internal(x.Param) })
	return e
}

type example struct {
	t        *testing.T
	rules    *search.Rules
	typ      string
	x        search.Indexed
	searches int
}

func (e *example) find(name, value string) {
	e.searches++
	req, err := e.rules.Parse(e.typ, []search.Pair{{Name: name, Value: value}}, search.Options{Strict: true, Now: now})
	if err != nil {
		e.t.Errorf("%s/%s: %s=%s: %v", e.typ, e.x.ID, name, value, err)
		return
	}
	if !search.Match(req.Query, e.x) {
		e.t.Errorf("%s/%s is not found by %s=%s", e.typ, e.x.ID, name, value)
	}
}

// asked is how a search names what has entries under an index name, with a modifier if one alone looks there, and of which type the
// parameter is. "patient.Patient.name" are entries of a contained resource, to which a chain leads.
func (e *example) asked(index string) (name, kind string) {
	steps := strings.Split(index, ".")
	typ, last := e.typ, len(steps)-1
	for i := 0; i < last; i += 2 {
		name += steps[i] + ":" + steps[i+1] + "."
		typ = steps[i+1]
	}
	own := search.Owner(steps[last])
	for _, p := range e.rules.Params(typ) {
		if p.Name == own {
			kind = p.Type
		}
	}
	return name + steps[last], kind
}

func (e *example) findByEntries() {
	for _, term := range e.x.Entries.Terms {
		e.findByTerm(term)
	}
	for _, text := range e.x.Entries.Texts {
		e.findByText(text)
	}
	for _, r := range e.x.Entries.Ranges {
		name, _ := e.asked(r.Param)
		e.find(name+":missing", "false")
		if r.Low != fhir.Beginning {
			e.find(name, "ge"+r.Low.String())
		}
		if r.High != fhir.End {
			e.find(name, "le"+r.High.String())
		}
	}
	for _, o := range e.x.Entries.Ordereds {
		e.findByOrdered(o)
	}
	for _, p := range e.x.Entries.Places {
		name, _ := e.asked(p.Param)
		e.find(name+":missing", "false")
		e.find(name, fmt.Sprintf("%v|%v|0.001", p.Latitude, p.Longitude))
	}
}

func (e *example) findByTerm(term search.Term) {
	name, kind := e.asked(term.Param)
	bare, modifier, hasModifier := name, "", false
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, ".") {
		bare, modifier, hasModifier = name[:i], name[i+1:], true
	}
	if !hasModifier {
		e.find(bare+":missing", "false")
	}
	if modifier == "none" && kind == "date" { // it has no value
		e.find(bare+":missing", "true")
	}
	switch {
	case term.Value == "" || strings.HasSuffix(name, "."+search.ID):
	case kind == "composite": // is written as a search is: a bar in it divides, a dollar sign is where it is
		e.find(name, strings.ReplaceAll(term.Value, ",", `\,`))
	case kind == "token" || modifier == "identifier": // is written as a search is, but for the comma
		e.find(name, strings.NewReplacer(",", `\,`, "$", `\$`).Replace(term.Value))
	default:
		e.find(name, escapes.Replace(term.Value))
	}
}

func (e *example) findByText(text search.Text) {
	name, kind := e.asked(text.Param)
	e.find(name, escapes.Replace(text.Folded))
	if kind != "string" { // what only a modifier looks at
		return
	}
	e.find(name+":contains", escapes.Replace(text.Folded))
	if text.Exact == "" { // a part of a family name
		return
	}
	e.find(name+":exact", escapes.Replace(text.Exact))
	if utf8.RuneCountInString(text.Folded) < search.MaxFolded {
		e.find(name, escapes.Replace(text.Exact))
		e.find(name+":contains", escapes.Replace(text.Exact))
	}
}

// findByOrdered finds by a number, by a quantity with and without its unit, by the beginning of a URL, and by both parts of a composite.
func (e *example) findByOrdered(o search.Ordered) {
	name, kind := e.asked(o.Param)
	name, hasUnit := strings.CutSuffix(name, "|")
	value, first := o.Low, ""
	switch {
	case kind == "string": // the order of names
		return
	case kind == "uri":
		e.find(name+":below", strings.ReplaceAll(value, ",", `\,`))
		e.find(name+":above", strings.ReplaceAll(value, ",", `\,`)+"/x")
		return
	case kind == "composite":
		end := strings.LastIndex(value, "$")
		value, first = value[end+1:], strings.ReplaceAll(value[:end+1], ",", `\,`)
	}
	e.find(name+":missing", "false")
	unit := ""
	if hasUnit {
		end := strings.LastIndex(value, "|")
		value, unit = value[end+1:], "|"+strings.NewReplacer(",", `\,`, "$", `\$`).Replace(value[:end])
	}
	switch {
	case kind == "composite" && strings.HasSuffix(name, "-date"):
		e.find(name, first+"ge0001")
	case kind == "composite" && strings.HasSuffix(name, "-string"):
		e.find(name, first+escapes.Replace(value))
	case value == "!": // open below
		e.find(name, first+"le-1e100"+unit)
	case strings.HasSuffix(value, "!"): // above a number
		e.find(name, first+"gt"+numberOf(strings.TrimSuffix(value, "!"))+unit)
	default:
		e.find(name, first+"ge"+numberOf(value)+unit)
		e.find(name, first+"ap"+numberOf(value)+unit)
	}
}
