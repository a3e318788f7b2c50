package mongo

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// texts makes strings of every sort of character but NUL, those that mean something to MongoDB or are escaped in JSON often.
func texts() *rapid.Generator[string] {
	return rapid.StringOf(rapid.OneOf(
		rapid.RuneFrom([]rune("$.\"\\/\b\f\n\r\t\x01\x1f\x7f\u2028\ufffd\U0001f3e0")),
		rapid.RuneFrom([]rune("abcXYZ019 _-=|")),
		rapid.Rune().Filter(func(r rune) bool { return r != 0 }),
	))
}

// numbers makes those that fhir.ParseJSON reads, of every size and spelling.
func numbers() *rapid.Generator[fhir.Number] {
	exponent := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[eE][+-]?[0-9]`), rapid.StringMatching(`[eE][+-]?[0-9]{1,4}`))
	return rapid.Custom(func(t *rapid.T) fhir.Number {
		mantissa := rapid.OneOf(
			rapid.StringMatching(`-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,3})?`),
			rapid.StringMatching(`-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,16})?`),
			rapid.StringMatching(`-?[1-9][0-9]{0,33}`),
			rapid.StringMatching(`-?0\.0{0,20}[0-9]{1,34}`),
			rapid.Map(rapid.Int64(), func(n int64) string { return strconv.FormatInt(n, 10) }),
			rapid.SampledFrom([]string{"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", strings.Repeat("9", 34)}),
		).Draw(t, "mantissa")
		return fhir.Number(mantissa + exponent.Draw(t, "exponent"))
	}).Filter(func(n fhir.Number) bool {
		_, err := fhir.ParseJSON([]byte(n))
		return err == nil
	})
}

// trees makes values of a JSON tree.
func trees(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{rapid.Just[any](nil), rapid.Bool().AsAny(), numbers().AsAny(), rapid.OneOf(texts(), rapid.Just("\x00")).AsAny()}
	if depth > 0 {
		kinds = append(kinds, rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return trees(depth - 1) }), 0, 12).AsAny(), objects(depth).AsAny())
	}
	return rapid.OneOf(kinds...)
}

func objects(depth int) *rapid.Generator[*fhir.Object] {
	return rapid.Custom(func(t *rapid.T) *fhir.Object {
		o := fhir.NewObject()
		for _, name := range rapid.SliceOfN(texts(), 0, 6).Draw(t, "names") {
			o.Set(name, trees(depth-1).Draw(t, "value"))
		}
		return o
	})
}

// stamped is the text of a resource of such members as Commit gets it.
func stamped(o *fhir.Object) string {
	o.Set("resourceType", "Basic")
	return string(fhir.NewDraft(fhir.NewResource(o)).Stamp(7, 1_769_851_800_000_001))
}

func TestBodiesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkBody(t, stamped(objects(3).Draw(t, "resource")))
	})
}

// TestExamplesComeBack takes all official examples through both ways.
func TestExamplesComeBack(t *testing.T) {
	dir := os.Getenv("PORTICO_TEST_EXAMPLES")
	if dir == "" {
		t.Skip("PORTICO_TEST_EXAMPLES does not name the unpacked npm package hl7.fhir.r4.examples")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files in %s: %v", len(files), dir, err)
	}
	asJSON, asBSON, respelled := 0, 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.ParseResource(text)
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		body := string(fhir.NewDraft(r).Stamp(1, 0))
		again, raw := checkBody(t, body)
		asJSON, asBSON = asJSON+len(body), asBSON+len(raw)
		if again != body {
			respelled++
		}
	}
	t.Logf("%d examples: %d bytes of JSON, %d of BSON; numbers of %d have another spelling", len(files), asJSON, asBSON, respelled)
}

// checkBody holds that a body comes back, but for the spelling of numbers, and that what came back is the same in the database.
func checkBody(t rapid.TB, body string) (again string, raw []byte) {
	t.Helper()
	raw, err := encodeBody([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	back, err := appendBody(nil, raw)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if string(back) == body {
		return body, raw
	}
	if want := fhir.AppendJSON(nil, respelled(parsed(t, body))); !bytes.Equal(fhir.AppendJSON(nil, respelled(parsed(t, string(back)))), want) || !json.Valid(back) {
		t.Fatalf("%s came back as\n%s", body, back)
	}
	if hasNoNumber := !strings.ContainsAny(body, "0123456789"); hasNoNumber && string(back) != body {
		t.Fatalf("%s came back as\n%s", body, back)
	}
	if second, err := encodeBody(back); err != nil || !bytes.Equal(second, raw) {
		t.Fatalf("%s is in the database\n%x; what came back,\n%s, would be\n%x (%v)", body, raw, back, second, err)
	}
	return string(back), raw
}

func parsed(t rapid.TB, text string) any {
	t.Helper()
	v, err := fhir.ParseJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// respelled is the tree with every number as its sign, coefficient and exponent, as the standard library reckons them.
func respelled(v any) any {
	switch v := v.(type) {
	case *fhir.Object:
		o := fhir.NewObject()
		for name, member := range v.All() {
			o.Set(name, respelled(member))
		}
		return o
	case fhir.Array:
		a := make(fhir.Array, 0, len(v))
		for _, item := range v {
			a = append(a, respelled(item))
		}
		return a
	case fhir.Number:
		mantissa, power, _ := strings.Cut(strings.ToLower(string(v)), "e")
		unsigned, negative := strings.CutPrefix(mantissa, "-")
		whole, fraction, _ := strings.Cut(unsigned, ".")
		coefficient, _ := new(big.Int).SetString(whole+fraction, 10)
		exponent, _ := strconv.Atoi(power)
		return fhir.Array{negative, coefficient.String(), strconv.Itoa(exponent - len(fraction))}
	default:
		return v
	}
}

// checkForeign holds that a document which somebody else wrote is read as JSON or refused.
func checkForeign(t rapid.TB, document []byte) {
	t.Helper()
	body, err := appendBody(nil, document)
	if err != nil {
		return
	}
	if !json.Valid(body) {
		t.Fatalf("%x was read as %q", document, body)
	}
	raw, err := encodeBody(body)
	if err != nil { // a name that comes twice, or no type
		return
	}
	if back, err := appendBody(nil, raw); err != nil || !bytes.Equal(back, body) {
		t.Fatalf("%x was read as %s, which comes back as %s (%v)", document, body, back, err)
	}
}

// checkForeignEntries holds that a document which somebody else wrote is refused, or its entries are kept as they are.
func checkForeignEntries(t rapid.TB, document []byte) {
	t.Helper()
	e, err := decodeEntries(document)
	if err != nil {
		return
	}
	raw, err := encodeEntries(e, promised)
	if err != nil { // text that is not UTF-8
		return
	}
	if back, err := decodeEntries(raw); err != nil || !cmp.Equal(e, back, cmpopts.EquateNaNs()) {
		t.Fatalf("%+v came back as %+v (%v)", e, back, err)
	}
}

// TestBrokenDocuments takes some bytes of documents for others.
func TestBrokenDocuments(t *testing.T) {
	entries, err := encodeEntries(everyEntry, promised)
	if err != nil {
		t.Fatal(err)
	}
	sound := []bson.Raw{entries, mustEncode(t, resource(awkward["names in Unicode"])), mustEncode(t, resource(awkward["very small and very large"])), mustEncode(t, resource(awkward["null beside values"]))}
	rapid.Check(t, func(t *rapid.T) {
		broken := slices.Clone(rapid.SampledFrom(sound).Draw(t, "document"))
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(broken)-1).Draw(t, "at")
			broken[at] = rapid.OneOf(rapid.Byte(), rapid.ByteRange(0, 0x13), rapid.SampledFrom([]byte{0x7f, 0x80, 0xff})).Draw(t, "byte")
		}
		if cut := rapid.IntRange(0, len(broken)).Draw(t, "cut"); rapid.IntRange(0, 3).Draw(t, "whether") == 0 {
			broken = broken[:cut]
		}
		checkForeign(t, broken)
		checkForeignEntries(t, broken)
	})
}

// FuzzBody: a document that somebody else wrote is read as JSON or refused; JSON is kept as it is or refused.
func FuzzBody(f *testing.F) {
	for _, value := range awkward {
		f.Add([]byte(resource(value)))
		f.Add([]byte(mustEncode(f, resource(value))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkForeign(t, data)
		raw, err := encodeBody(data)
		if err != nil {
			return
		}
		back, err := appendBody(nil, raw)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		checkBody(t, string(back))
	})
}

// entries makes those of a resource.
func entries() *rapid.Generator[search.Entries] {
	param := rapid.SampledFrom([]string{"date", "date:none", "number", "family", "family:sort", "_text", "near", ""})
	instant := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 3*int64(longTime)), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64}))
	degrees := rapid.OneOf(rapid.Float64Range(-180, 180), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1.0 / 3, -90, 180}))
	return rapid.Custom(func(t *rapid.T) (e search.Entries) {
		text := rapid.OneOf(texts(), rapid.Just("\x00")) // in values, unlike in names, BSON has NUL
		for range rapid.IntRange(0, 12).Draw(t, "terms") {
			e.Terms = append(e.Terms, search.Term{Param: param.Draw(t, "param"), Value: text.Draw(t, "value")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "texts") {
			e.Texts = append(e.Texts, search.Text{Param: param.Draw(t, "param"), Folded: text.Draw(t, "folded"), Exact: text.Draw(t, "exact")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "ranges") {
			low, high := fhir.Instant(instant.Draw(t, "low")), fhir.Instant(instant.Draw(t, "high"))
			e.Ranges = append(e.Ranges, search.Range{Param: param.Draw(t, "param"), Interval: fhir.Interval{Low: min(low, high), High: max(low, high)}})
		}
		for range rapid.IntRange(0, 3).Draw(t, "ordereds") {
			e.Ordereds = append(e.Ordereds, search.Ordered{Param: param.Draw(t, "param"), Low: text.Draw(t, "low"), High: text.Draw(t, "high")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "places") {
			e.Places = append(e.Places, search.Place{Param: param.Draw(t, "param"), Point: search.Point{Latitude: degrees.Draw(t, "latitude"), Longitude: degrees.Draw(t, "longitude")}})
		}
		return e
	})
}

func TestEntriesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entries().Draw(t, "entries")
		raw, err := encodeEntries(e, promised)
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Validate(); err != nil {
			t.Fatalf("no BSON: %v", err)
		}
		back, err := decodeEntries(raw)
		if diff := cmp.Diff(e, back); diff != "" || err != nil {
			t.Fatalf("error %v; got +, want -:\n%s", err, diff)
		}
	})
}

// FuzzEntries: whatever a document is, it is refused, or its entries are kept as they are.
func FuzzEntries(f *testing.F) {
	for _, e := range []search.Entries{{}, everyEntry} {
		raw, err := encodeEntries(e, promised)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkForeignEntries(t, data) })
}
