package fhir_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
)

// mustParse reads a tree for a test that is not about reading.
func mustParse(t testing.TB, text string) any {
	t.Helper()
	v, err := fhir.ParseJSON([]byte(text))
	if err != nil {
		t.Fatalf("ParseJSON(%s): %v", text, err)
	}
	return v
}

func object(t testing.TB, text string) *fhir.Object {
	t.Helper()
	o, ok := mustParse(t, text).(*fhir.Object)
	if !ok {
		t.Fatalf("%s is no object", text)
	}
	return o
}

func encoded(v any) string { return string(fhir.AppendJSON(nil, v)) }

// trees makes any value of the tree, objects and arrays up to the given depth.
func trees(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		texts().AsAny(),
		numbers().AsAny(),
	}
	if depth > 0 {
		kinds = append(kinds,
			rapid.Custom(func(t *rapid.T) any {
				return rapid.SliceOfN(trees(depth-1), 0, 5).Draw(t, "items")
			}),
			rapid.Custom(func(t *rapid.T) any {
				o := fhir.NewObject()
				for _, name := range rapid.SliceOfN(texts(), 0, 5).Draw(t, "names") {
					o.Set(name, trees(depth-1).Draw(t, "value"))
				}
				return o
			}))
	}
	return rapid.OneOf(kinds...)
}

// texts makes strings of every sort of character, those with an escape of their own often.
func texts() *rapid.Generator[string] {
	return rapid.StringOf(rapid.OneOf(
		rapid.RuneFrom([]rune("\"\\/\b\f\n\r\t\x00\x1f\x7f\u2028\ufffd\U0001f3e0")),
		rapid.RuneFrom([]rune("abcXYZ019 _-.`")),
		rapid.Rune(),
	))
}

func numbers() *rapid.Generator[fhir.Number] {
	return rapid.Map(rapid.StringMatching(`-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?`),
		func(s string) fhir.Number { return fhir.Number(s) })
}

func TestObject(t *testing.T) {
	scenarios := []struct {
		name   string
		before string
		change func(o *fhir.Object)
		after  string
	}{
		{"Set replaces in place", `{"a":1,"b":2}`, func(o *fhir.Object) { o.Set("a", "x") }, `{"a":"x","b":2}`},
		{"Set appends", `{"a":1}`, func(o *fhir.Object) { o.Set("", nil) }, `{"a":1,"":null}`},
		{"SetAfter replaces in place", `{"a":1,"b":2}`, func(o *fhir.Object) { o.SetAfter("a", true, "b") }, `{"a":true,"b":2}`},
		{"SetAfter takes the first name that exists", `{"a":1,"b":2}`, func(o *fhir.Object) { o.SetAfter("c", true, "x", "a", "b") }, `{"a":1,"c":true,"b":2}`},
		{"SetAfter goes to the front else", `{"a":1}`, func(o *fhir.Object) { o.SetAfter("c", true, "x") }, `{"c":true,"a":1}`},
		{"Delete keeps the order", `{"a":1,"b":2,"c":3}`, func(o *fhir.Object) { o.Delete("b") }, `{"a":1,"c":3}`},
		{"Delete of an absent one", `{"a":1}`, func(o *fhir.Object) { o.Delete("b") }, `{"a":1}`},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			o := object(t, s.before)
			s.change(o)
			if got := encoded(o); got != s.after {
				t.Errorf("got %s, want %s", got, s.after)
			}
		})
	}
}

func TestNewObjectKeepsFirstPlaceAndLastValue(t *testing.T) {
	o := fhir.NewObject(fhir.Member{Name: "a", Value: "1"}, fhir.Member{Name: "b", Value: "2"}, fhir.Member{Name: "a", Value: "3"})
	if got, want := encoded(o), `{"a":"3","b":"2"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestObjectReads(t *testing.T) {
	o := object(t, `{"s":"text","n":1.50,"o":{"x":null},"a":[{"i":"0"},"no object",{"i":"2"}],"z":null}`)

	if v, ok := o.Get("z"); v != nil || !ok {
		t.Errorf("Get of a null member: %v, %v", v, ok)
	}
	if v, ok := o.Get("absent"); v != nil || ok {
		t.Errorf("Get of an absent member: %v, %v", v, ok)
	}
	if v, _ := o.Get("n"); v != fhir.Number("1.50") {
		t.Errorf("Get of a number: %v", v)
	}
	if got := o.Text("s") + "|" + o.Text("n") + "|" + o.Text("absent"); got != "text||" {
		t.Errorf("Text: %q", got)
	}
	if o.Object("o").Len() != 1 || o.Object("s") != nil || o.Object("absent") != nil {
		t.Error("Object gives the object alone")
	}
	if len(o.Array("a")) != 3 || o.Array("o") != nil {
		t.Error("Array gives the array alone")
	}
	var seen []string
	for i, child := range o.Objects("a") {
		seen = append(seen, string(rune('0'+i))+"="+child.Text("i"))
	}
	if diff := cmp.Diff([]string{"0=0", "2=2"}, seen); diff != "" {
		t.Errorf("Objects (-want +got):\n%s", diff)
	}
	for i := range o.Objects("a") {
		if i > 0 {
			t.Error("Objects goes on behind a break")
		}
		break
	}
	var names []string
	for name := range o.All() {
		if names = append(names, name); name == "o" {
			break
		}
	}
	if diff := cmp.Diff([]string{"s", "n", "o"}, names); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
}

func TestNilObjectHasNoMembers(t *testing.T) {
	var o *fhir.Object
	o.Delete("a")
	if _, ok := o.Get("a"); ok || o.Len() != 0 || o.Text("a") != "" || o.Object("a").Object("b") != nil || o.Array("a") != nil {
		t.Error("a nil object has a member")
	}
	for range o.All() {
		t.Error("All of a nil object yields")
	}
	for range o.Objects("a") {
		t.Error("Objects of a nil object yields")
	}
}

func TestEqual(t *testing.T) {
	scenarios := []struct {
		a, b  string
		equal bool
	}{
		{`{"a":[1,{"b":null}]}`, ` { "a" : [ 1 , { "b" : null } ] } `, true},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1}`, `{"b":1}`, false},
		{`1.0`, `1.00`, false},
		{`"1"`, `1`, false},
		{`[]`, `{}`, false},
		{`{}`, `[]`, false},
		{`[]`, `null`, false},
		{`null`, `[]`, false},
		{`false`, `null`, false},
		{`[1,2]`, `[1]`, false},
		{`"\u00e9"`, `"é"`, true},
	}
	for _, s := range scenarios {
		if got := fhir.Equal(mustParse(t, s.a), mustParse(t, s.b)); got != s.equal {
			t.Errorf("Equal(%s, %s) = %v", s.a, s.b, got)
		}
	}
}

func TestCloneIsEqualAndApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := trees(3).Draw(t, "tree")
		before := encoded(tree)
		clone := fhir.Clone(tree)
		if !fhir.Equal(tree, clone) {
			t.Fatalf("the clone of %s is %s", before, encoded(clone))
		}
		scribble(clone)
		if got := encoded(tree); got != before {
			t.Fatalf("a change of the clone made %s of %s", got, before)
		}
	})
}

// scribble changes a tree wherever it can be changed.
func scribble(v any) {
	switch v := v.(type) {
	case *fhir.Object:
		for _, child := range v.All() {
			scribble(child)
		}
		for name := range v.All() {
			v.Set(name, "scribbled")
		}
		v.Set("scribbled", true)
	case fhir.Array:
		for i := range v {
			scribble(v[i])
			v[i] = "scribbled"
		}
	}
}

func TestPlainIsWhatEncodingJSONReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := trees(3).Draw(t, "tree")
		if diff := cmp.Diff(decodeStandard(t, encoded(tree)), fhir.Plain(tree)); diff != "" {
			t.Fatalf("(-encoding/json +Plain):\n%s", diff)
		}
	})
}

// decodeStandard reads valid JSON with encoding/json, numbers in their digits.
func decodeStandard(t rapid.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json refuses %s: %v", text, err)
	}
	return v
}

func TestTreesOfTheParserDoNotShareGrowth(t *testing.T) {
	// Members and items are gathered on one stack while reading; what is added to one object or array
	// afterwards must not appear in its neighbour.
	o := object(t, `{"a":{"x":1},"b":{"y":2},"c":[1],"d":[2]}`)
	o.Object("a").Set("more", true)
	_ = append(o.Array("c"), "more")
	if got, want := encoded(o), `{"a":{"x":1,"more":true},"b":{"y":2},"c":[1],"d":[2]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !slices.Equal(o.Array("d"), fhir.Array{fhir.Number("2")}) {
		t.Errorf("d is %v", o.Array("d"))
	}
}
