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
		e := example{t: t, rules: rules, typ: r.Type(), x: search.Indexed{ID: r.ID(), Instant: now, Entries: rules.Extract(r)}}
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

func (e *example) findByEntries() {
	kinds := map[string]string{}
	for _, p := range e.rules.Params(e.typ) {
		kinds[p.Name] = p.Type
	}
	for _, term := range e.x.Entries.Terms {
		name, modifier, _ := strings.Cut(term.Param, ":")
		e.find(name+":missing", "false")
		switch {
		case term.Value == "":
		case kinds[name] == "composite": // is written as a search is: a bar in it divides, a dollar sign is where it is
			e.find(name, strings.ReplaceAll(term.Value, ",", `\,`))
		case kinds[name] == "token" || modifier == "identifier": // is written as a search is, but for the comma
			e.find(term.Param, strings.NewReplacer(",", `\,`, "$", `\$`).Replace(term.Value))
		default:
			e.find(term.Param, escapes.Replace(term.Value))
		}
	}
	for _, text := range e.x.Entries.Texts {
		e.find(text.Param, escapes.Replace(text.Folded))
		if strings.Contains(text.Param, ":") { // what only a modifier looks at
			continue
		}
		e.find(text.Param+":contains", escapes.Replace(text.Folded))
		if text.Exact == "" { // a part of a family name
			continue
		}
		e.find(text.Param+":exact", escapes.Replace(text.Exact))
		if utf8.RuneCountInString(text.Folded) < search.MaxFolded {
			e.find(text.Param, escapes.Replace(text.Exact))
			e.find(text.Param+":contains", escapes.Replace(text.Exact))
		}
	}
	for _, r := range e.x.Entries.Ranges {
		e.find(r.Param+":missing", "false")
		if r.Low != fhir.Beginning {
			e.find(r.Param, "ge"+r.Low.String())
		}
		if r.High != fhir.End {
			e.find(r.Param, "le"+r.High.String())
		}
	}
	for _, o := range e.x.Entries.Ordereds {
		e.findByOrdered(kinds[search.Owner(o.Param)], o)
	}
	for _, p := range e.x.Entries.Places {
		e.find(p.Param+":missing", "false")
		e.find(p.Param, fmt.Sprintf("%v|%v|0.001", p.Latitude, p.Longitude))
	}
}

// findByOrdered finds by a number, by a quantity with and without its unit, by the beginning of a URL, and by both parts of a composite.
func (e *example) findByOrdered(kind string, o search.Ordered) {
	name, index, _ := strings.Cut(o.Param, ":")
	name, hasUnit := strings.CutSuffix(name, "|")
	value, first := o.Low, ""
	switch {
	case index == "sort":
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
