package patch_test

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/patch"
)

// trees makes any JSON value, objects and arrays up to the given depth, with names that need escapes.
func trees(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.StringMatching(`[a-c~/"é]{0,3}`).AsAny(),
		rapid.Map(rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9])?`), func(s string) any { return fhir.Number(s) }),
	}
	if depth > 0 {
		kinds = append(kinds, rapid.Map(rapid.SliceOfN(trees(depth-1), 0, 4), func(a []any) any { return a }), objects(depth).AsAny())
	}
	return rapid.OneOf(kinds...)
}

func objects(depth int) *rapid.Generator[*fhir.Object] {
	return rapid.Custom(func(t *rapid.T) *fhir.Object {
		o := fhir.NewObject()
		for _, name := range rapid.SliceOfN(rapid.StringMatching(`[ab0~/-]{0,2}`), 0, 4).Draw(t, "names") {
			o.Set(name, trees(depth-1).Draw(t, "value"))
		}
		return o
	})
}

func resources() *rapid.Generator[fhir.Resource] {
	return rapid.Map(objects(4), func(o *fhir.Object) fhir.Resource {
		o.SetAfter("resourceType", "Basic")
		return fhir.NewResource(o)
	})
}

// step is an operation as it stands in a document.
func step(op, path string, more ...fhir.Member) *fhir.Object {
	return fhir.NewObject(append([]fhir.Member{{Name: "op", Value: op}, {Name: "path", Value: path}}, more...)...)
}

func value(v any) fhir.Member      { return fhir.Member{Name: "value", Value: v} }
func from(path string) fhir.Member { return fhir.Member{Name: "from", Value: path} }

func apply(t *rapid.T, r fhir.Resource, steps ...any) fhir.Resource {
	t.Helper()
	text := fhir.AppendJSON(nil, steps)
	p, err := patch.Parse(text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	after, err := p.Apply(r)
	if err != nil {
		t.Fatalf("%v: %s on %s", err, text, encoded(r))
	}
	return after
}

// below writes the pointer of a name or index below a place.
func below(place, token string) string {
	return place + "/" + strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}

// diff makes the operations that turn one value into another.
func diff(place string, a, b any) []any {
	switch a := a.(type) {
	case *fhir.Object:
		if b, ok := b.(*fhir.Object); ok {
			return diffMembers(place, a, b)
		}
	case fhir.Array:
		if b, ok := b.(fhir.Array); ok {
			return diffItems(place, a, b)
		}
	}
	if fhir.Equal(a, b) {
		return nil
	}
	return []any{step("replace", place, value(b))}
}

func diffMembers(place string, a, b *fhir.Object) (steps []any) {
	for name, v := range a.All() {
		if other, ok := b.Get(name); ok {
			steps = append(steps, diff(below(place, name), v, other)...)
		} else {
			steps = append(steps, step("remove", below(place, name)))
		}
	}
	for name, v := range b.All() {
		if _, ok := a.Get(name); !ok {
			steps = append(steps, step("add", below(place, name), value(v)))
		}
	}
	return steps
}

func diffItems(place string, a, b fhir.Array) (steps []any) {
	both := min(len(a), len(b))
	for i := range both {
		steps = append(steps, diff(below(place, strconv.Itoa(i)), a[i], b[i])...)
	}
	for range len(a) - both {
		steps = append(steps, step("remove", below(place, strconv.Itoa(both))))
	}
	for _, v := range b[both:] {
		steps = append(steps, step("add", below(place, "-"), value(v)))
	}
	return steps
}

// The difference of two resources, applied to one, gives the other.
func TestApplyOfADifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := resources().Draw(t, "a"), resources().Draw(t, "b")
		got := apply(t, a, diff("", a.Root(), b.Root())...)
		if diff := cmp.Diff(fhir.Plain(b.Root()), fhir.Plain(got.Root())); diff != "" {
			t.Fatal(diff)
		}
		apply(t, got, step("test", "", value(b.Root())))
		if back := apply(t, got, diff("", got.Root(), a.Root())...); !cmp.Equal(fhir.Plain(a.Root()), fhir.Plain(back.Root())) {
			t.Fatalf("there and back: %s", encoded(back))
		}
	})
}

// places lists the pointers of all values below the root.
func places(place string, v any) (all []string) {
	switch v := v.(type) {
	case *fhir.Object:
		for name, member := range v.All() {
			all = append(append(all, below(place, name)), places(below(place, name), member)...)
		}
	case fhir.Array:
		for i, item := range v {
			all = append(append(all, below(place, strconv.Itoa(i))), places(below(place, strconv.Itoa(i)), item)...)
		}
	}
	return all
}

// at returns the value at a place of places.
func at(v any, place string) any {
	for token := range strings.SplitSeq(strings.TrimPrefix(place, "/"), "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch container := v.(type) {
		case *fhir.Object:
			v, _ = container.Get(token)
		case fhir.Array:
			i, _ := strconv.Atoi(token)
			v = container[i]
		}
	}
	return v
}

// An operation and its opposite leave everything as it was, and the resource that they were applied to is never changed.
func TestInverses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := resources().Draw(t, "resource")
		before := encoded(r)
		place := rapid.SampledFrom(places("", r.Root())).Draw(t, "place")
		old, other := at(r.Root(), place), trees(2).Draw(t, "value")
		fresh := "/new"
		for name, steps := range map[string][]any{
			"add, remove":      {step("add", fresh, value(other)), step("remove", fresh)},
			"copy, remove":     {step("copy", fresh, from(place)), step("remove", fresh)},
			"replace, replace": {step("replace", place, value(other)), step("replace", place, value(old))},
			"copy, move":       {step("copy", fresh, from(place)), step("move", place, from(fresh))},
			"test":             {step("test", place, value(old))},
		} {
			if name == "copy, move" && inArray(r, place) {
				continue // a move into an array adds an item
			}
			if after := encoded(apply(t, r, steps...)); after != before {
				t.Fatalf("%s at %s: %s", name, place, after)
			}
		}
		if place != "/resourceType" {
			back := apply(t, r, step("move", fresh, from(place)), step("move", place, from(fresh)))
			if !cmp.Equal(fhir.Plain(r.Root()), fhir.Plain(back.Root())) {
				t.Fatalf("move %s to and fro: %s", place, encoded(back))
			}
		}
		if encoded(r) != before {
			t.Fatal("the resource itself was changed")
		}
	})
}

func inArray(r fhir.Resource, place string) bool {
	parent := place[:strings.LastIndexByte(place, '/')]
	if parent == "" {
		return false
	}
	_, ok := at(r.Root(), parent).(fhir.Array)
	return ok
}

// Two numbers are the same to a test when they are to exact arithmetic.
func TestNumbersAreComparedByValue(t *testing.T) {
	numbers := rapid.StringMatching(`-?(0|[1-9]0{0,3}[0-9]?)(\.[05]{1,3}0?)?([eE][+-]?0?[0-4])?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers.Draw(t, "a"), numbers.Draw(t, "b")
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		p, err := patch.Parse([]byte(`[{"op":"test","path":"/n","value":` + b + `}]`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Apply(fhir.NewResource(fhir.NewObject(fhir.Member{Name: "resourceType", Value: "Basic"}, fhir.Member{Name: "n", Value: fhir.Number(a)})))
		if same := x.Cmp(y) == 0; same != (err == nil) {
			t.Fatalf("%s and %s: %v", a, b, err)
		}
	})
}

func FuzzPatch(f *testing.F) {
	f.Add(`{"resourceType":"Basic","a":[1,{"b":"x"}]}`, `[{"op":"add","path":"/a/-","value":{"c":[2]}},{"op":"move","from":"/a/1","path":"/d"},{"op":"copy","from":"","path":"/d/e"}]`)
	f.Add(`{"resourceType":"Basic","~":1.0}`, `[{"op":"test","path":"/~0","value":1},{"op":"remove","path":"/~0"},{"op":"replace","path":"","value":{"resourceType":"X"}}]`)
	f.Add(`{"resourceType":"Basic","a":[[]]}`, `[{"op":"copy","from":"/a","path":"/a/0/0"},{"op":"move","from":"/a/0","path":"/a"},{"op":"remove","path":""}]`)
	f.Fuzz(func(t *testing.T, document, text string) {
		r, err := fhir.ParseResource([]byte(document))
		if err != nil {
			return
		}
		p, err := patch.Parse([]byte(text))
		if err != nil {
			if !errors.Is(err, fhir.Invalid) && !errors.Is(err, fhir.TooCostly) {
				t.Fatal(err)
			}
			return
		}
		before := encoded(r)
		after, err := p.Apply(r)
		if encoded(r) != before {
			t.Fatalf("%s was changed to %s", before, encoded(r))
		}
		if err != nil {
			if errors.Is(err, fhir.Internal) {
				t.Fatal(err)
			}
			return
		}
		back, err := fhir.ParseResource([]byte(encoded(after)))
		if err != nil || !fhir.Equal(after.Root(), back.Root()) {
			t.Fatalf("%v: %s", err, encoded(after))
		}
		again, err := p.Apply(r)
		if err != nil || encoded(again) != encoded(after) {
			t.Fatalf("the second time: %v, %s", err, encoded(again))
		}
	})
}
