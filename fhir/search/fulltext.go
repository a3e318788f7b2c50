package search

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// Full text is what _text and _content search: the words of the narrative, and those of everything that is written in the resource, narrative,
// codes and ids included, but no addresses (URIs), times, numbers or binary data (https://hl7.org/fhir/R4/search.html#content). A word is letters and
// digits, folded as strings are; each has one Term. A search finds what has all of its words, in any order. There is no ranking, and no stemming.
//
// They cost: a page of text has some hundred different words. So they are made for the types alone for which this is switched on (Config.Words), of a
// resource for at most MaxWords different words of at most maxWordLength characters.
type fullText struct{ name string }

// Bounds of the words of one resource that _text, and that _content, finds.
const (
	MaxWords      = 1000 // different ones; what comes later in the resource is not found
	maxWordLength = 64   // characters; longer ones are not found
)

// wordSources are the parameters of words, with what hands over the texts.
var wordSources = map[string]func(resource *fhir.Object, text func(string)){
	"_text": func(resource *fhir.Object, text func(string)) { text(plainText(resource.Object("text").Text("div"))) },
	"_content": func(resource *fhir.Object, text func(string)) {
		if t := r4.Lookup(resource.Text("resourceType")); t != nil {
			everyText(t.Root, resource, text)
		}
	},
}

// wordsParam is the parameter of a type whose definition, which has no expression, is given.
func wordsParam(d r4.SearchParam) *param {
	w := fullText{d.Code}
	return &param{
		Param: Param{Name: d.Code, Type: d.Type, Definition: d.URL, Modifiers: []string{"missing"}},
		kind:  w, sink: w.sink(wordSources[d.Code]),
	}
}

// addWords switches the search of words on for types.
func (r *Rules) addWords(types []string) error {
	for _, typ := range types {
		if t := r.types[typ]; t == nil {
			return fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no resource type that this server serves; there are %s.", fhir.Quote(typ), list(r.served))
		}
		for _, d := range r4.SearchParams(typ) {
			if wordSources[d.Code] != nil && r.types[typ].byName[d.Code] == nil {
				r.add(typ, wordsParam(d))
			}
		}
	}
	return nil
}

func (w fullText) stamp() string { return "words 1" }

func (w fullText) index(place) sink { return nil }

func (w fullText) modifiers() []string { return nil }

func (w fullText) always() bool { return false }

// sink leaves a Term for each different word.
func (w fullText) sink(source func(*fhir.Object, func(string))) sink {
	return func(x *extraction, v any) {
		resource, _ := v.(*fhir.Object)
		seen := make(map[string]bool)
		source(resource, func(s string) {
			for word := range splitWords(s) {
				if len(seen) < MaxWords && !seen[word] && utf8.RuneCountInString(word) <= maxWordLength {
					seen[word] = true
					x.term(w.name, word)
				}
			}
		})
	}
}

// splitWords yields the words of a text, folded.
func splitWords(s string) func(yield func(string) bool) {
	return strings.FieldsFuncSeq(fold(s), func(c rune) bool { return !unicode.In(c, unicode.L, unicode.N, unicode.M) })
}

// operators of search languages that a client may expect; as words they would find something else.
var operators = []string{"AND", "OR", "NOT"}

func (w fullText) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		v = unescape(v)
		var all []string
		for word := range splitWords(v) {
			if all = append(all, word); len(all) > MaxTests {
				return nil, fhir.Errorf(fhir.Invalid, fhir.CodeTooLong, "%s has more than %d words; at most so many are looked for together.", fhir.Quote(v), MaxTests)
			}
		}
		refused := func(code fhir.IssueCode, why string) ([]Test, *fhir.Error) {
			return nil, fhir.Errorf(fhir.Invalid, code, "%s %s", fhir.Quote(v), why)
		}
		switch {
		case len(all) == 0:
			return refused(fhir.CodeValue, "has no word in it: write words of letters or digits, all of which are to be found.")
		case slices.ContainsFunc(strings.Fields(v), func(f string) bool { return slices.Contains(operators, f) }):
			return refused(fhir.CodeNotSupported, "has an operator, which is not supported: write the words that must all be found with spaces between them, and alternatives with commas.")
		case slices.ContainsFunc(all, func(word string) bool { return utf8.RuneCountInString(word) > maxWordLength }):
			return refused(fhir.CodeTooLong, "has a word that is too long: words of at most "+strconv.Itoa(maxWordLength)+" characters are found.")
		}
		every := make(Every, len(all))
		for i, word := range all {
			every[i] = Any{Equal{w.name, word}}
		}
		if len(every) == 1 {
			return every[0], nil
		}
		return []Test{every}, nil
	})
}
