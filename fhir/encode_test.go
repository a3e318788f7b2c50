package fhir_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
)

func TestAppendJSON(t *testing.T) {
	scenarios := []struct {
		name string
		tree any
		want string
	}{
		{"null", nil, `null`},
		{"booleans", fhir.Array{true, false}, `[true,false]`},
		{"a number in its digits", fhir.Number("-1.500E+07"), `-1.500E+07`},
		{"empty ones", fhir.NewObject(fhir.Member{Name: "", Value: fhir.Array{}}, fhir.Member{Name: "o", Value: fhir.NewObject()}), `{"":[],"o":{}}`},
		{"markup as it is", `<b class='x'>&amp;</b>`, `"<b class='x'>&amp;</b>"`},
		{"characters as they are", "é\u2028🏠\x7f�", "\"é\u2028🏠\x7f�\""},
		{"what must be escaped", "\"\\\n\r\t\b\f\x00\x1f/", `"\"\\\n\r\t\u0008\u000c\u0000\u001f/"`},
		{"names are escaped as values are", fhir.NewObject(fhir.Member{Name: "a\"\n", Value: nil}), `{"a\"\n":null}`},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			if got := string(fhir.AppendJSON([]byte("before "), s.tree)); got != "before "+s.want {
				t.Errorf("got %s, want %s", got, s.want)
			}
		})
	}
}

func TestAppendJSONWritesCompactTextAsItWas(t *testing.T) {
	text := string(patientText(t))
	if got := encoded(mustParse(t, text)); got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
}

func TestAppendJSONPanicsOnWhatIsNoTree(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an int was written")
		}
	}()
	fhir.AppendJSON(nil, 1)
}

const (
	stampNumber  = 7
	stampInstant = fhir.Instant(1_769_851_800_000_001) // 2026-01-31T09:30:00.000001Z
	stamp        = `"versionId":"7","lastUpdated":"2026-01-31T09:30:00.000001Z"`
)

func stamped(t testing.TB, text string) string {
	t.Helper()
	return string(fhir.NewDraft(fhir.NewResource(object(t, text))).Stamp(stampNumber, stampInstant))
}

func TestStamp(t *testing.T) {
	scenarios := []struct{ name, text, want string }{
		{"meta is made behind id", `{"resourceType":"Task","id":"1","status":"draft"}`, `{"resourceType":"Task","id":"1","meta":{` + stamp + `},"status":"draft"}`},
		{"wherever id stands", `{"status":"draft","id":"1","resourceType":"Task"}`, `{"status":"draft","id":"1","meta":{` + stamp + `},"resourceType":"Task"}`},
		{"behind resourceType without id", `{"resourceType":"Task","status":"draft"}`, `{"resourceType":"Task","meta":{` + stamp + `},"status":"draft"}`},
		{"in front without either", `{"status":"draft"}`, `{"meta":{` + stamp + `},"status":"draft"}`},
		{"in an empty object", `{}`, `{"meta":{` + stamp + `}}`},
		{"an id that is empty", `{"id":"","status":"draft"}`, `{"id":"","meta":{` + stamp + `},"status":"draft"}`},
		{"an id that is no string", `{"id":1}`, `{"id":1,"meta":{` + stamp + `}}`},
		{"an empty meta", `{"resourceType":"Task","meta":{}}`, `{"resourceType":"Task","meta":{` + stamp + `}}`},
		{"meta stays in its place", `{"status":"draft","meta":{"source":"#a"},"id":"1"}`, `{"status":"draft","meta":{` + stamp + `,"source":"#a"},"id":"1"}`},
		{"meta as the first member", `{"meta":{"tag":[{"code":"x"}]},"resourceType":"Task"}`, `{"meta":{` + stamp + `,"tag":[{"code":"x"}]},"resourceType":"Task"}`},
		{"the client's stamp gives way", `{"meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}`, `{"meta":{` + stamp + `}}`},
		{"also between other members", `{"meta":{"profile":["p"],"lastUpdated":1,"source":"s","versionId":{},"tag":[]}}`, `{"meta":{` + stamp + `,"profile":["p"],"source":"s","tag":[]}}`},
		{"an extension of the client's stays", `{"meta":{"_lastUpdated":{"id":"x"},"versionId":"1"}}`, `{"meta":{` + stamp + `,"_lastUpdated":{"id":"x"}}}`},
		{"a meta that is null gives way", `{"id":"1","meta":null,"x":1}`, `{"id":"1","meta":{` + stamp + `},"x":1}`},
		{"a meta that is an array gives way", `{"meta":[{"versionId":"1"}],"id":"1"}`, `{"meta":{` + stamp + `},"id":"1"}`},
		{"a meta that is a string gives way", `{"id":"1","meta":"x"}`, `{"id":"1","meta":{` + stamp + `}}`},
		{"a meta further down is not ours", `{"id":"1","contained":[{"id":"c","meta":{"versionId":"1"}}]}`, `{"id":"1","meta":{` + stamp + `},"contained":[{"id":"c","meta":{"versionId":"1"}}]}`},
		{"a text that looks like meta", `{"id":"\"meta\":{","x":"\"meta\":{}"}`, `{"id":"\"meta\":{","meta":{` + stamp + `},"x":"\"meta\":{}"}`},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			if got := stamped(t, s.text); got != s.want {
				t.Errorf("\ngot  %s\nwant %s", got, s.want)
			}
		})
	}
}

func TestStampLeavesEverythingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := fhir.NewObject()
		for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"resourceType", "id", "meta", "text", "", "a"}), 0, 5).Draw(t, "names") {
			root.Set(name, trees(2).Draw(t, "value"))
		}
		if meta := root.Object("meta"); meta != nil && rapid.Bool().Draw(t, "stamped before") {
			meta.Set("versionId", "1")
			meta.SetAfter("lastUpdated", "2020-01-01T00:00:00Z")
		}
		before := encoded(root)

		draft := fhir.NewDraft(fhir.NewResource(root))
		text := draft.Stamp(stampNumber, stampInstant)
		if again := draft.Stamp(stampNumber, stampInstant); !bytes.Equal(again, text) {
			t.Fatalf("the second stamp of a draft gives %s, the first %s", again, text)
		}
		if got := encoded(root); got != before {
			t.Fatalf("NewDraft made %s of %s", got, before)
		}

		v, err := fhir.ParseJSON(text) // which refuses a member that comes twice
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := v.(*fhir.Object)
		if m := got.Object("meta"); m.Text("versionId") != "7" || m.Text("lastUpdated") != stampInstant.String() {
			t.Fatalf("the stamp is not in %s", text)
		}
		if got, want := encoded(unstamped(got)), encoded(unstamped(root)); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

// unstamped is a copy without the stamp, and without a meta that has nothing else or is no object.
func unstamped(root *fhir.Object) *fhir.Object {
	root = fhir.Clone(root).(*fhir.Object)
	meta := root.Object("meta")
	meta.Delete("versionId")
	meta.Delete("lastUpdated")
	if meta.Len() == 0 {
		root.Delete("meta")
	}
	return root
}

// Stamps are made for the same draft when a commit is tried again, and must not write over each other.
func TestStampsOfADraftAreApart(t *testing.T) {
	draft := fhir.NewDraft(fhir.NewResource(object(t, `{"id":"1"}`)))
	first := draft.Stamp(1, 0)
	kept := string(first)
	second := draft.Stamp(1<<63-1, fhir.InstantOf(stampInstant.Time()))
	if added := len(second) - draft.Size(); added < len(`"versionId":"","lastUpdated":""`) || added >= 100 {
		t.Errorf("a draft of %d bytes became %d", draft.Size(), len(second))
	}
	if string(first) != kept || bytes.Equal(first, second) || !strings.Contains(string(second), `"9223372036854775807"`) {
		t.Errorf("first %s, second %s", first, second)
	}
}

// Measured on 2026-11-21 (two shared cores, Go 1.26.8, Patient of 2 126 bytes): AppendJSON 1.6 µs without an
// allocation; NewDraft and Stamp together 5.5 µs, 7.1 KB in 4 allocations; json.Marshal of the same as a map, which
// orders the members anew, 23 µs.
func BenchmarkAppendJSON(b *testing.B) {
	tree := mustParse(b, string(patientText(b)))
	text := fhir.AppendJSON(nil, tree)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		text = fhir.AppendJSON(text[:0], tree)
	}
}

func BenchmarkDraftAndStamp(b *testing.B) {
	r := fhir.NewResource(object(b, string(patientText(b))))
	b.ReportAllocs()
	for b.Loop() {
		fhir.NewDraft(r).Stamp(stampNumber, stampInstant)
	}
}

func BenchmarkJSONMarshal(b *testing.B) {
	plain := fhir.Plain(mustParse(b, string(patientText(b))))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(plain); err != nil {
			b.Fatal(err)
		}
	}
}
