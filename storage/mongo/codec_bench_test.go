package mongo

import (
	"iter"
	"maps"
	"os"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/cmd/portico/demo"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// patientBody is the stamped text of a Patient of 2 KB.
func patientBody(tb testing.TB) []byte {
	tb.Helper()
	text, err := os.ReadFile("../../fhir/testdata/patient.json")
	if err != nil {
		tb.Fatal(err)
	}
	r, err := fhir.ParseResource(text)
	if err != nil {
		tb.Fatal(err)
	}
	return fhir.NewDraft(r).Stamp(3, 1_769_851_800_000_001)
}

// BenchmarkBody is what a body costs both ways. Beside it: reading the JSON alone, and what the driver does with the same document, to and from its
// bson.D without JSON, and to its Extended JSON.
func BenchmarkBody(b *testing.B) {
	body := patientBody(b)
	raw := mustEncode(b, string(body))
	var tree bson.D
	if err := bson.Unmarshal(raw, &tree); err != nil {
		b.Fatal(err)
	}
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"encode", func() error { _, err := encodeBody(body); return err }},
		{"append", func() error { _, err := appendBody(nil, raw); return err }},
		{"ParseJSON", func() error { _, err := fhir.ParseJSON(body); return err }},
		{"driver/Marshal", func() error { _, err := bson.Marshal(tree); return err }},
		{"driver/Unmarshal", func() error { var d bson.D; return bson.Unmarshal(raw, &d) }},
		{"driver/MarshalExtJSON", func() error { _, err := bson.MarshalExtJSON(raw, false, false); return err }},
	} {
		b.Run(s.name, func(b *testing.B) { repeat(b, s.do) })
	}
}

// BenchmarkDocument is what index entries and a whole document of 2 KB cost. Beside it: what the driver does with the same document.
func BenchmarkDocument(b *testing.B) {
	ix, err := encodeEntries(everyEntry, promised)
	if err != nil {
		b.Fatal(err)
	}
	whole := document{
		ID: "demo/test/abc", Partition: "demo/test", Name: "abc", Version: 3, Instant: 5, Method: "PUT", Existed: true, Previous: 4,
		Resource: mustEncode(b, string(patientBody(b))), Index: ix,
	}
	raw, err := whole.raw()
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"entries/encode", func() error { _, err := encodeEntries(everyEntry, promised); return err }},
		{"entries/decode", func() error { _, err := decodeEntries(ix); return err }},
		{"raw", func() error { _, err := whole.raw(); return err }},
		{"readDocument", func() error { _, err := readDocument(raw); return err }},
		{"driver/Marshal", func() error { _, err := bson.Marshal(whole); return err }},
		{"driver/Unmarshal", func() error { var d document; return bson.Unmarshal(raw, &d) }},
	} {
		b.Run(s.name, func(b *testing.B) { repeat(b, s.do) })
	}
}

func repeat(b *testing.B, do func() error) {
	b.ReportAllocs()
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSizes measures the generated data of the program: bytes of JSON, of the BSON of resources and of index entries, and keys in indexes, in the mean of a
// resource. Their times mean nothing.
func BenchmarkSizes(b *testing.B) {
	ofType := make(map[string][]fhir.Resource)
	for r := range demo.Generate(demo.Options{}) {
		ofType[r.Type()] = append(ofType[r.Type()], r)
	}
	types := slices.Sorted(maps.Keys(ofType))
	rules, err := search.NewRules(search.Config{Types: types, BaseURL: "http://127.0.0.1:8080/fhir"})
	if err != nil {
		b.Fatal(err)
	}
	for _, typ := range types {
		b.Run(typ, func(b *testing.B) { measure(b, rules, slices.Values(ofType[typ])) })
	}
	b.Run("all", func(b *testing.B) { measure(b, rules, demo.Generate(demo.Options{})) })
}

func measure(b *testing.B, rules *search.Rules, resources iter.Seq[fhir.Resource]) {
	for b.Loop() {
		var n, asJSON, asBSON, index, keys float64
		for r := range resources {
			body := fhir.NewDraft(r).Stamp(1, 1_769_851_800_000_001)
			e := rules.Extract(r)
			ix, err := encodeEntries(e, rules.Streaming(r.Type()))
			if err != nil {
				b.Fatal(err)
			}
			n, asJSON, asBSON, index = n+1, asJSON+float64(len(body)), asBSON+float64(len(mustEncode(b, string(body)))), index+float64(len(ix))
			keys += float64(keysOf(e, rules.Streaming(r.Type())))
		}
		for unit, sum := range map[string]float64{"JSON-B": asJSON, "BSON-B": asBSON, "ix-B": index, "keys": keys} {
			b.ReportMetric(sum/n, unit)
		}
		b.ReportMetric(n, "resources")
	}
}

// keysOf is how many keys a resource has in the indexes of its collection. A field that it does not have is a key, too: null.
func keysOf(e search.Entries, promised []search.SortKey) int {
	keys := 1 // of _id
	for _, x := range currentIndexes(promised) {
		switch x.name {
		case hintTerm:
			keys += max(1, len(e.Terms))
		case hintText:
			keys += max(1, len(e.Texts))
		case hintTime:
			keys += max(1, len(e.Ranges))
		case hintOrder:
			keys += max(1, len(e.Ordereds))
		case hintPlace:
			keys += max(1, len(e.Places))
		case hintPrevious: // there is no version before it
		default:
			keys++
		}
	}
	return keys
}
