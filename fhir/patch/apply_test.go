package patch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/patch"
)

func resource(t testing.TB, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.ParseResource([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return r
}

func parse(t testing.TB, text string) patch.Patch {
	t.Helper()
	p, err := patch.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return p
}

func encoded(r fhir.Resource) string { return string(fhir.AppendJSON(nil, r.Root())) }

func wantKind(t *testing.T, err error, kind fhir.Kind, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want kind %q", err, kind)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the error: %v", part, err)
		}
	}
}

// basic is a resource with the given members behind its type.
func basic(members string) string {
	if members == "" {
		return `{"resourceType":"Basic"}`
	}
	return `{"resourceType":"Basic",` + members + `}`
}

// What operations do: https://www.rfc-editor.org/rfc/rfc6902#section-4, and the situations of its appendix A.
func TestApply(t *testing.T) {
	for _, s := range []struct {
		name, before, patch, after string // before and after: the members behind resourceType
	}{
		{"nothing to do", `"a":1`, `[]`, `"a":1`},

		// RFC 6902 appendix A, by its numbers.
		{"A.1 add a member", `"city":"Leeds"`, `[{"op":"add","path":"/line","value":"1 High St"}]`, `"city":"Leeds","line":"1 High St"`},
		{"A.2 add an item", `"given":["Ann","Eve"]`, `[{"op":"add","path":"/given/1","value":"Bea"}]`, `"given":["Ann","Bea","Eve"]`},
		{"A.3 remove a member", `"a":"x","b":"y"`, `[{"op":"remove","path":"/a"}]`, `"b":"y"`},
		{"A.4 remove an item", `"given":["Ann","Bea","Eve"]`, `[{"op":"remove","path":"/given/1"}]`, `"given":["Ann","Eve"]`},
		{"A.5 replace a value", `"a":"x","b":"y"`, `[{"op":"replace","path":"/a","value":"z"}]`, `"a":"z","b":"y"`},
		{"A.6 move a value", `"first":{"street":"Elm","no":4},"last":{"no":9}`, `[{"op":"move","from":"/first/street","path":"/last/street"}]`, `"first":{"no":4},"last":{"no":9,"street":"Elm"}`},
		{"A.7 move an item", `"steps":["a","d","b","c"]`, `[{"op":"move","from":"/steps/1","path":"/steps/3"}]`, `"steps":["a","b","c","d"]`},
		{"A.8 test that holds", `"a":"x","b":["p",2,"q"]`, `[{"op":"test","path":"/a","value":"x"},{"op":"test","path":"/b/1","value":2}]`, `"a":"x","b":["p",2,"q"]`},
		{"A.10 add a nested object", `"a":"x"`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `"a":"x","child":{"grandchild":{}}`},
		{"A.11 unknown members are ignored", `"a":"x"`, `[{"op":"add","path":"/b","value":"y","note":[1]}]`, `"a":"x","b":"y"`},
		{"A.14 escapes", `"/":9,"~1":10`, `[{"op":"test","path":"/~01","value":10},{"op":"replace","path":"/~1","value":8}]`, `"/":8,"~1":10`},
		{"A.16 add an array as an item", `"a":["x"]`, `[{"op":"add","path":"/a/-","value":["y","z"]}]`, `"a":["x",["y","z"]]`},

		{"add replaces a member in its place", `"a":1,"b":2`, `[{"op":"add","path":"/a","value":3}]`, `"a":3,"b":2`},
		{"add before the first item", `"a":[1]`, `[{"op":"add","path":"/a/0","value":0}]`, `"a":[0,1]`},
		{"add behind the last item by its index", `"a":[1]`, `[{"op":"add","path":"/a/1","value":2}]`, `"a":[1,2]`},
		{"add to an empty array", `"a":[]`, `[{"op":"add","path":"/a/-","value":2}]`, `"a":[2]`},
		{"add null", `"a":[]`, `[{"op":"add","path":"/a/-","value":null},{"op":"add","path":"/b","value":null}]`, `"a":[null],"b":null`},
		{"items are added in order", `"a":[]`, `[{"op":"add","path":"/a/-","value":1},{"op":"add","path":"/a/-","value":2},{"op":"add","path":"/a/0","value":3}]`, `"a":[3,1,2]`},
		{"a later operation changes what an earlier one added", ``, `[{"op":"add","path":"/a","value":{"b":[1]}},{"op":"add","path":"/a/b/-","value":2}]`, `"a":{"b":[1,2]}`},
		{"an array in an array", `"a":[[1],[2]]`, `[{"op":"add","path":"/a/1/0","value":3},{"op":"remove","path":"/a/0/0"}]`, `"a":[[],[3,2]]`},
		{"a member without a name", `"":{"":1}`, `[{"op":"replace","path":"//","value":2}]`, `"":{"":2}`},
		{"a dash is a name in an object", `"a":{"-":1}`, `[{"op":"replace","path":"/a/-","value":2}]`, `"a":{"-":2}`},
		{"an index is a name in an object", `"a":{"0":1}`, `[{"op":"remove","path":"/a/0"}]`, `"a":{}`},
		{"~01 is ~1, not a slash", `"~1":1,"/":2`, `[{"op":"remove","path":"/~01"}]`, `"/":2`},
		{"digits stay as they are written", `"a":1.10,"b":[1e2]`, `[{"op":"add","path":"/c","value":2.500},{"op":"copy","from":"/b/0","path":"/d"}]`, `"a":1.10,"b":[1e2],"c":2.500,"d":1e2`},

		{"replace an item", `"a":[1,2,3]`, `[{"op":"replace","path":"/a/1","value":{"x":1}}]`, `"a":[1,{"x":1},3]`},
		{"replace the whole", `"a":1`, `[{"op":"replace","path":"","value":{"resourceType":"Basic","b":2}}]`, `"b":2`},
		{"add the whole", `"a":1`, `[{"op":"add","path":"","value":{"resourceType":"Basic"}}]`, ``},
		{"test the whole", `"a":1`, `[{"op":"test","path":"","value":{"a":1,"resourceType":"Basic"}}]`, `"a":1`},
		{"the whole is no resource for a while", `"a":1`, `[{"op":"replace","path":"","value":[]},{"op":"add","path":"/-","value":{"resourceType":"Basic"}},{"op":"move","from":"/0","path":""}]`, ``},

		{"move over a member", `"a":1,"b":2,"c":3`, `[{"op":"move","from":"/c","path":"/a"}]`, `"a":3,"b":2`},
		{"move to where it is", `"a":1,"b":2`, `[{"op":"move","from":"/a","path":"/a"}]`, `"a":1,"b":2`},
		{"move the whole to where it is", `"a":1`, `[{"op":"move","from":"","path":""}]`, `"a":1`},
		{"move to the end of the array", `"a":[1,2,3]`, `[{"op":"move","from":"/a/0","path":"/a/-"}]`, `"a":[2,3,1]`},
		{"move towards the root", `"a":{"b":{"c":1}}`, `[{"op":"move","from":"/a/b","path":"/a"}]`, `"a":{"c":1}`},
		{"move to a name that begins like its own", `"a":{"x":1},"ab":{}`, `[{"op":"move","from":"/a","path":"/ab/a"}]`, `"ab":{"a":{"x":1}}`},

		{"copy an item", `"a":[{"x":1}]`, `[{"op":"copy","from":"/a/0","path":"/a/-"}]`, `"a":[{"x":1},{"x":1}]`},
		{"a copy is a thing of its own", `"a":{"x":[1]}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/x/-","value":2}]`, `"a":{"x":[1]},"b":{"x":[1,2]}`},
		{"copy the whole into itself", `"a":[]`, `[{"op":"copy","from":"","path":"/a/0"}]`, `"a":[{"resourceType":"Basic","a":[]}]`},
		{"copy to the whole", `"a":{"resourceType":"Basic","b":1}`, `[{"op":"copy","from":"/a","path":""}]`, `"b":1`},
	} {
		t.Run(s.name, func(t *testing.T) {
			before := resource(t, basic(s.before))
			after, err := parse(t, s.patch).Apply(before)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(basic(s.after), encoded(after)); diff != "" {
				t.Error(diff)
			}
			if encoded(before) != basic(s.before) {
				t.Errorf("the resource itself was changed: %s", encoded(before))
			}
		})
	}
}

// When a test holds: https://www.rfc-editor.org/rfc/rfc6902#section-4.6.
func TestTest(t *testing.T) {
	for _, s := range []struct {
		value, expected string
		holds           bool
	}{
		{`1`, `1.0`, true}, {`1`, `1e0`, true}, {`10`, `1E+1`, true}, {`0.5`, `5e-1`, true}, {`0`, `-0.0e9`, true}, {`100`, `1e2`, true}, {`-1.50`, `-15e-1`, true},
		{`9007199254740993`, `9007199254740992`, false}, {`1e6000`, `10e5999`, true}, {`1e6000`, `1e5999`, false}, {`1`, `-1`, false}, {`0.1`, `0.10000000000000000000000000000001`, false},
		{`1`, `"1"`, false}, {`1`, `true`, false}, {`0`, `null`, false}, {`false`, `null`, false}, {`null`, `null`, true}, {`true`, `true`, true}, {`true`, `false`, false},
		{`"é"`, `"\u00e9"`, true}, {`"e\u0301"`, `"é"`, false}, {`"a"`, `"A"`, false}, {`""`, `null`, false},
		{`{"a":1,"b":[2]}`, `{"b":[2.0],"a":1}`, true}, {`{"a":1}`, `{"a":1,"b":2}`, false}, {`{"a":1,"b":2}`, `{"a":1}`, false}, {`{"a":null}`, `{"b":null}`, false}, {`{}`, `[]`, false}, {`{}`, `{}`, true},
		{`[1,2]`, `[2,1]`, false}, {`[1,2]`, `[1]`, false}, {`[]`, `[]`, true}, {`[{"a":1}]`, `[{"a":1}]`, true}, {`[1]`, `{"0":1}`, false},
	} {
		r := resource(t, basic(`"v":`+s.value))
		_, err := parse(t, `[{"op":"test","path":"/v","value":`+s.expected+`}]`).Apply(r)
		switch {
		case s.holds && err != nil:
			t.Errorf("%s is %s, but: %v", s.value, s.expected, err)
		case !s.holds:
			wantKind(t, err, fhir.Unprocessable, "[0]", "Operation 0", "test", `"/v"`)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40)
	for _, s := range []struct {
		name, before, patch string
		kind                fhir.Kind
		words               []string
	}{
		{"A.9 a test that fails", `"a":"x"`, `[{"op":"test","path":"/a","value":"y"}]`, fhir.Unprocessable, []string{"[0]", "Operation 0", "not the one"}},
		{"A.12 add below nothing", `"a":"x"`, `[{"op":"add","path":"/b/c","value":1}]`, fhir.Unprocessable, []string{`nothing at "/b"`}},
		{"A.15 a text is no number", `"~1":10`, `[{"op":"test","path":"/~01","value":"10"}]`, fhir.Unprocessable, nil},
		{"the operation is named", `"a":1`, `[{"op":"add","path":"/b","value":1},{"op":"remove","path":"/c"}]`, fhir.Unprocessable, []string{"[1]", "Operation 1", "remove", `"/c"`}},
		{"remove what is not there", `"a":1`, `[{"op":"remove","path":"/b"}]`, fhir.Unprocessable, nil},
		{"remove twice", `"a":1`, `[{"op":"remove","path":"/a"},{"op":"remove","path":"/a"}]`, fhir.Unprocessable, []string{"[1]"}},
		{"remove the whole", `"a":1`, `[{"op":"remove","path":""}]`, fhir.Unprocessable, []string{"DELETE"}},
		{"move the whole away", `"a":[1]`, `[{"op":"move","from":"/a/1","path":"/b"}]`, fhir.Unprocessable, []string{"length 1"}},
		{"replace what is not there", `"a":1`, `[{"op":"replace","path":"/b","value":1}]`, fhir.Unprocessable, []string{`nothing at "/b"`}},
		{"replace an item that is not there", `"a":[1]`, `[{"op":"replace","path":"/a/1","value":1}]`, fhir.Unprocessable, []string{"length 1"}},
		{"remove an item that is not there", `"a":[1]`, `[{"op":"remove","path":"/a/1"}]`, fhir.Unprocessable, []string{"length 1"}},
		{"remove below a text", `"a":"x"`, `[{"op":"remove","path":"/a/b"}]`, fhir.Unprocessable, []string{"neither"}},
		{"add below a text", `"a":"x"`, `[{"op":"add","path":"/a/b","value":1}]`, fhir.Unprocessable, []string{"neither"}},
		{"replace below null", `"a":null`, `[{"op":"replace","path":"/a/b","value":1}]`, fhir.Unprocessable, []string{"neither"}},
		{"test below a number", `"a":1`, `[{"op":"test","path":"/a/0","value":1}]`, fhir.Unprocessable, []string{"neither"}},
		{"copy what is not there", `"a":1`, `[{"op":"copy","from":"/b","path":"/c"}]`, fhir.Unprocessable, []string{`nothing at "/b"`}},
		{"move what is not there to where it is not", `"a":1`, `[{"op":"move","from":"/b","path":"/b"}]`, fhir.Unprocessable, []string{`nothing at "/b"`}},
		{"add beyond the end", `"a":[1]`, `[{"op":"add","path":"/a/2","value":1}]`, fhir.Unprocessable, []string{"length 1"}},
		{"move beyond the end, which has come nearer", `"a":[1,2]`, `[{"op":"move","from":"/a/0","path":"/a/2"}]`, fhir.Unprocessable, []string{"length 1"}},
		{"an index with a zero before it", `"a":[1,2]`, `[{"op":"test","path":"/a/01","value":2}]`, fhir.Unprocessable, []string{"no index", `"01"`}},
		{"a negative index", `"a":[1,2]`, `[{"op":"remove","path":"/a/-1"}]`, fhir.Unprocessable, []string{"no index"}},
		{"an index with a sign", `"a":[1,2]`, `[{"op":"remove","path":"/a/+1"}]`, fhir.Unprocessable, []string{"no index"}},
		{"an index of nothing", `"a":[1,2]`, `[{"op":"remove","path":"/a/"}]`, fhir.Unprocessable, []string{"no index"}},
		{"an index beyond all numbers", `"a":[1,2]`, `[{"op":"remove","path":"/a/99999999999999999999"}]`, fhir.Unprocessable, []string{"length 2"}},
		{"a name in an array", `"a":[1,2]`, `[{"op":"add","path":"/a/b","value":1}]`, fhir.Unprocessable, []string{"no index"}},
		{"remove behind the end", `"a":[1]`, `[{"op":"remove","path":"/a/-"}]`, fhir.Unprocessable, []string{"behind the last"}},
		{"replace behind the end", `"a":[1]`, `[{"op":"replace","path":"/a/-","value":2}]`, fhir.Unprocessable, []string{"behind the last"}},
		{"add below what is behind the end", `"a":[{}]`, `[{"op":"add","path":"/a/-/b","value":2}]`, fhir.Unprocessable, []string{"behind the last"}},

		{"an array instead of a resource", ``, `[{"op":"replace","path":"","value":[]}]`, fhir.Invalid, []string{"an array"}},
		{"no type", ``, `[{"op":"remove","path":"/resourceType"}]`, fhir.Invalid, []string{"resourceType"}},
		{"a type that is no text", ``, `[{"op":"replace","path":"/resourceType","value":1}]`, fhir.Invalid, []string{"resourceType"}},
		{"too deep by add", `"a":` + deep, `[{"op":"add","path":"/a` + strings.Repeat("/a", 39) + `/b","value":` + deep + `}]`, fhir.Invalid, []string{"[0]", "64"}},
		{"too deep by replace", `"a":` + deep, `[{"op":"replace","path":"/a` + strings.Repeat("/a", 40) + `","value":` + deep + `}]`, fhir.Invalid, []string{"[0]", "64"}},
		{"too deep by copy", `"a":` + deep, `[{"op":"copy","from":"","path":"/a` + strings.Repeat("/a", 39) + `"}]`, fhir.Invalid, []string{"64"}},
		{"too deep by move", `"a":` + deep + `,"b":` + deep, `[{"op":"move","from":"/a","path":"/b` + strings.Repeat("/a", 39) + `"}]`, fhir.Invalid, []string{"64"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			before := resource(t, basic(s.before))
			_, err := parse(t, s.patch).Apply(before)
			wantKind(t, err, s.kind, s.words...)
			if encoded(before) != basic(s.before) {
				t.Errorf("the resource itself was changed: %s", encoded(before))
			}
		})
	}
}

// The deepest value that fits is kept, so that the limit is neither higher nor lower than that of a text.
func TestDepth(t *testing.T) {
	nest := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for levels, fits := range map[int]bool{fhir.MaxDepth - 1: true, fhir.MaxDepth: false} {
		r := resource(t, basic(`"a":`+nest(levels-1)))
		after, err := parse(t, `[{"op":"add","path":"/b","value":[0]},{"op":"move","from":"/a","path":"/b/0"}]`).Apply(r)
		if (err == nil) != fits {
			t.Fatalf("%d levels, and one more: %v", levels, err)
		}
		if fits {
			resource(t, encoded(after))
		}
	}
}

func TestCost(t *testing.T) {
	operations := func(n int, format string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(format+",", n), ",") + "]"
	}
	large := strings.Repeat("x", 3<<20)
	for _, s := range []struct {
		name, before, patch string
		kind                fhir.Kind
		words               string
	}{
		{"copies that double", `"a":["0123456789"]`, operations(patch.MaxOperations, `{"op":"copy","from":"/a","path":"/a/-"}`), fhir.TooCostly, "5 MiB together"},
		{"copies that nest", `"a":{}`, operations(patch.MaxOperations, `{"op":"copy","from":"","path":"/a/b"}`), fhir.Invalid, "64"},
		{"copies that go again", `"a":"` + large + `"`, operations(3, `{"op":"copy","from":"/a","path":"/b"},{"op":"remove","path":"/b"}`), fhir.TooCostly, "5 MiB together"},
		{"moves to and fro", `"a":"` + large + `"`, `[{"op":"move","from":"/a","path":"/b"},{"op":"move","from":"/b","path":"/a"}]`, fhir.TooCostly, "5 MiB together"},
		{"a result that is too large", `"a":"` + large + `"`, `[{"op":"add","path":"/b","value":"` + large + `"}]`, fhir.TooLarge, "5 MiB"},
		{"shifting a long array", `"a":[` + strings.Repeat("0,", 1<<18) + `0]`, operations(patch.MaxOperations, `{"op":"add","path":"/a/0","value":0}`), fhir.TooCostly, "as large as these"},
	} {
		t.Run(s.name, func(t *testing.T) {
			_, err := parse(t, s.patch).Apply(resource(t, basic(s.before)))
			wantKind(t, err, s.kind, s.words)
		})
	}
	t.Run("a large value may go", func(t *testing.T) {
		r := resource(t, basic(`"a":"`+large+`"`))
		if _, err := parse(t, `[{"op":"replace","path":"/a","value":"`+large+`"}]`).Apply(r); err != nil {
			t.Error(err)
		}
	})
	t.Run("as many operations as there may be", func(t *testing.T) {
		after, err := parse(t, operations(patch.MaxOperations, `{"op":"add","path":"/a/-","value":0}`)).Apply(resource(t, basic(`"a":[]`)))
		if err != nil || len(after.Root().Array("a")) != patch.MaxOperations {
			t.Error(err)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	r := resource(b, benchPatient())
	text := []byte(`[{"op":"test","path":"/id","value":"a"},{"op":"replace","path":"/active","value":false},` +
		`{"op":"add","path":"/name/0/given/-","value":"Eve"},{"op":"remove","path":"/name/3"}]`)
	b.ReportAllocs()
	for b.Loop() {
		p, err := patch.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Apply(r); err != nil {
			b.Fatal(err)
		}
	}
}

// benchPatient is a Patient of 2 KB.
func benchPatient() string {
	names := make([]string, 12)
	for i := range names {
		names[i] = fmt.Sprintf(`{"use":"official","family":"Ashworth%d","given":["George","Alan"],"prefix":["Mr"],"period":{"start":"1970-01-31","end":"2020-01-31"},"text":"Mr George Alan Ashworth"}`, i)
	}
	return `{"resourceType":"Patient","id":"a","active":true,"name":[` + strings.Join(names, ",") + `]}`
}
