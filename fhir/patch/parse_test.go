package patch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/patch"
)

func TestParseRefuses(t *testing.T) {
	for _, s := range []struct {
		name, text string
		places     []string // of all faults, in order
		words      string
	}{
		{"nothing", ``, []string{""}, "end of the text"},
		{"no JSON", `[{]`, []string{"[0]"}, "name of a member"},
		{"A.13 a name that comes twice", `[{"op":"add","path":"/a","value":1,"op":"remove"}]`, []string{"[0].op"}, "op"},
		{"an object", `{"op":"remove","path":"/a"}`, []string{""}, "an array of operations"},
		{"a resource", `{"resourceType":"Patient"}`, []string{""}, "an array of operations"},
		{"no operation", `[5,null,[]]`, []string{"[0]", "[1]", "[2]"}, "the number 5"},
		{"an empty operation", `[{}]`, []string{"[0].op", "[0].path"}, "missing"},
		{"an unknown operation", `[{"op":"merge","path":"/a"}]`, []string{"[0].op"}, `"merge" is no operation`},
		{"an operation in capitals", `[{"op":"ADD","path":"/a","value":1}]`, []string{"[0].op"}, "add, remove"},
		{"an operation that is no text", `[{"op":1,"path":"/a","value":1}]`, []string{"[0].op"}, "the number 1"},
		{"no path", `[{"op":"remove"}]`, []string{"[0].path"}, "missing"},
		{"a path that is no text", `[{"op":"remove","path":["a"]}]`, []string{"[0].path"}, "an array"},
		{"a path without a slash", `[{"op":"remove","path":"a/b"}]`, []string{"[0].path"}, `"a/b" is no JSON Pointer`},
		{"a path of a URI", `[{"op":"remove","path":"#/a"}]`, []string{"[0].path"}, "no JSON Pointer"},
		{"a path of FHIRPath", `[{"op":"remove","path":"Patient.name[0]"}]`, []string{"[0].path"}, "as in /name/0/family"},
		{"a tilde alone", `[{"op":"remove","path":"/a~"}]`, []string{"[0].path"}, "~0 for ~"},
		{"a tilde before another digit", `[{"op":"remove","path":"/a~2"}]`, []string{"[0].path"}, "~0 for ~"},
		{"tildes that look escaped", `[{"op":"remove","path":"/~~10"}]`, []string{"[0].path"}, "~0 for ~"},
		{"no value", `[{"op":"add","path":"/a"},{"op":"replace","path":"/a"},{"op":"test","path":"/a"}]`, []string{"[0].value", "[1].value", "[2].value"}, "test needs it"},
		{"no from", `[{"op":"move","path":"/a"},{"op":"copy","path":"/a"}]`, []string{"[0].from", "[1].from"}, "missing"},
		{"a bad from", `[{"op":"copy","path":"/a","from":"b"}]`, []string{"[0].from"}, "no JSON Pointer"},
		{"a move into itself", `[{"op":"move","from":"/a","path":"/a/b"}]`, []string{"[0].from"}, `from "/a" to "/a/b"`},
		{"a move of the whole into itself", `[{"op":"move","from":"","path":"/a"}]`, []string{"[0].from"}, "from the root"},
		{"a move into itself, escaped", `[{"op":"move","from":"/a~1b","path":"/a~1b/c"}]`, []string{"[0].from"}, "into itself"},
		{"every fault", `[{"op":"add"},{"op":"test","path":"/a","value":1},{"op":"copy","from":1,"path":"x"}]`, []string{"[0].path", "[0].value", "[2].path", "[2].from"}, "Operation 2 (counted from 0)"},
	} {
		t.Run(s.name, func(t *testing.T) {
			_, err := patch.Parse([]byte(s.text))
			wantKind(t, err, fhir.Invalid, s.words)
			var e *fhir.Error
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			var places []string
			for _, issue := range e.Issues {
				places = append(places, issue.Path)
			}
			if diff := cmp.Diff(s.places, places); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseCountsOperations(t *testing.T) {
	const one = `{"op":"test","path":"","value":1},`
	text := "[" + strings.Repeat(one, patch.MaxOperations) + strings.TrimSuffix(one, ",") + "]"
	_, err := patch.Parse([]byte(text))
	wantKind(t, err, fhir.TooCostly, "1001 operations", "1000")
}

func TestTouches(t *testing.T) {
	for text, want := range map[string]bool{
		`[]`:                                false,
		`[{"op":"remove","path":"/text"}]`:  true,
		`[{"op":"remove","path":"/texts"}]`: false,
		`[{"op":"replace","path":"/text/div","value":""}]`:                     true,
		`[{"op":"replace","path":"","value":{}}]`:                              true,
		`[{"op":"add","path":"/name/0/text","value":""}]`:                      false,
		`[{"op":"test","path":"/text","value":""}]`:                            false,
		`[{"op":"test","path":"","value":""}]`:                                 false,
		`[{"op":"move","from":"/text","path":"/a"}]`:                           true,
		`[{"op":"move","from":"/a","path":"/text"}]`:                           true,
		`[{"op":"copy","from":"/text","path":"/a"}]`:                           false,
		`[{"op":"copy","from":"/a","path":"/text/div"}]`:                       true,
		`[{"op":"add","path":"/a","value":{"path":"/text"}}]`:                  false,
		`[{"op":"add","path":"/~0","value":1},{"op":"remove","path":"/text"}]`: true,
	} {
		if got := parse(t, text).Touches("text"); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
