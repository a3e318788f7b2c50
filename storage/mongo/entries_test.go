package mongo

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// promised are sort keys as search promises them.
var promised = []search.SortKey{
	{Param: search.ID}, {Param: search.LastUpdated}, {Param: "date", Absent: "date:none"}, {Param: "birthdate", Absent: "birthdate:none"},
	{Param: "number", By: search.ByOrder, Absent: "number:none"}, {Param: "family:sort", By: search.ByOrder, Absent: "family:none"}, {Param: "code", By: search.ByTerm},
}

// everyEntry has entries of every kind.
var everyEntry = search.Entries{
	Terms: []search.Term{
		{Param: "identifier", Value: "https://fhir.nhs.uk/Id/nhs-number|9990000018"}, {Param: "identifier", Value: "a=b"}, {Param: "number:none"}, {Param: "code", Value: "x"},
	},
	Texts:    []search.Text{{Param: "family", Folded: "smith", Exact: "Smith"}, {Param: "family", Folded: "a\x00=é"}},
	Ranges:   []search.Range{{Param: "birthdate", Interval: fhir.Interval{Low: -5, High: 5}}, {Param: "date", Interval: fhir.Interval{Low: 10, High: 20}}, {Param: "date", Interval: fhir.Interval{Low: 7, High: 15}}},
	Ordereds: []search.Ordered{{Param: "family:sort", Low: "jones", High: "smith"}, {Param: "url", Low: "http://example.org", High: "http://example.org"}},
	Places:   []search.Place{{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: -0.1}}},
}

// TestEntriesLayout: the fields are those that document.go tells.
func TestEntriesLayout(t *testing.T) {
	raw, err := encodeEntries(everyEntry, promised)
	if err != nil {
		t.Fatal(err)
	}
	var got bson.D
	if err := bson.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := bson.D{
		{Key: "term", Value: bson.A{"identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018", "identifier=a=b", "number:none=", "code=x"}},
		{Key: "text", Value: bson.A{bson.D{{Key: "folded", Value: "family=smith"}, {Key: "exact", Value: "Smith"}}, bson.D{{Key: "folded", Value: "family=a\x00=é"}, {Key: "exact", Value: ""}}}},
		{Key: "time", Value: bson.A{
			bson.D{{Key: "param", Value: "birthdate"}, {Key: "low", Value: int64(-5)}, {Key: "high", Value: int64(5)}},
			bson.D{{Key: "param", Value: "date"}, {Key: "low", Value: int64(10)}, {Key: "high", Value: int64(20)}},
			bson.D{{Key: "param", Value: "date"}, {Key: "low", Value: int64(7)}, {Key: "high", Value: int64(15)}},
		}},
		{Key: "order", Value: bson.A{
			bson.D{{Key: "low", Value: "family:sort=jones"}, {Key: "high", Value: "family:sort=smith"}},
			bson.D{{Key: "low", Value: "url=http://example.org"}, {Key: "high", Value: "url=http://example.org"}},
		}},
		{Key: "place", Value: bson.A{bson.D{{Key: "param", Value: "near"}, {Key: "latitude", Value: 51.5}, {Key: "longitude", Value: -0.1}}}},
		{Key: "has", Value: bson.A{"birthdate", "code", "date", "family", "family:sort", "identifier", "near", "number:none", "url"}},
		{Key: "sort", Value: bson.D{
			{Key: "date", Value: bson.D{{Key: "low", Value: int64(7)}, {Key: "high", Value: int64(20)}}},
			{Key: "birthdate", Value: bson.D{{Key: "low", Value: int64(-5)}, {Key: "high", Value: int64(5)}}},
			{Key: "family:sort", Value: bson.D{{Key: "low", Value: "jones"}, {Key: "high", Value: "smith"}}},
		}},
		{Key: "long", Value: bson.A{"date"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("got +, want -:\n%s", diff)
	}
}

func TestNoEntries(t *testing.T) {
	raw, err := encodeEntries(search.Entries{}, promised)
	if elements, _ := raw.Elements(); err != nil || len(elements) != 0 {
		t.Errorf("%v (%v), want no element", raw, err)
	}
}

// TestLongTimes: one range of a day, even one with an hour more, is not long; a longer one is, and so are two, and whatever reaches to an end of time.
func TestLongTimes(t *testing.T) {
	for name, s := range map[string]struct {
		ranges []fhir.Interval
		long   bool
	}{
		"none":                 {nil, false},
		"an instant":           {[]fhir.Interval{{Low: 5, High: 5}}, false},
		"a day and a bit":      {[]fhir.Interval{{Low: 5, High: 5 + longTime}}, false},
		"a microsecond longer": {[]fhir.Interval{{Low: 5, High: 6 + longTime}}, true},
		"two":                  {[]fhir.Interval{{Low: 5, High: 6}, {Low: 7, High: 8}}, true},
		"for ever":             {[]fhir.Interval{{Low: 5, High: fhir.End}}, true},
		"always":               {[]fhir.Interval{{Low: fhir.Beginning, High: fhir.End}}, true},
		"the last moment":      {[]fhir.Interval{{Low: fhir.End - 1, High: fhir.End}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var e search.Entries
			for _, i := range s.ranges {
				e.Ranges = append(e.Ranges, search.Range{Param: "date", Interval: i})
			}
			if got := longTimes(e, promised); (len(got) > 0) != s.long {
				t.Errorf("long are %q", got)
			}
		})
	}
}

// TestEntriesRefused: what a sub-document cannot have is no entry.
func TestEntriesRefused(t *testing.T) {
	for name, e := range map[string]search.Entries{
		"a term that is not UTF-8":      {Terms: []search.Term{{Param: "code", Value: "\xff"}}},
		"a parameter with an equals":    {Terms: []search.Term{{Param: "a=b"}}},
		"a sort key with a dot":         {Ranges: []search.Range{{Param: "a.b"}}},
		"a sort key with the character": {Ranges: []search.Range{{Param: "a\x00b"}}},
	} {
		keys := []search.SortKey{{Param: "a.b", Absent: "none"}, {Param: "a\x00b", Absent: "none"}}
		if raw, err := encodeEntries(e, keys); err == nil {
			t.Errorf("%s: %v", name, raw)
		}
	}
}

// TestStrangeEntries: a sub-document that somebody else wrote is not taken for entries.
func TestStrangeEntries(t *testing.T) {
	for name, ix := range map[string]bson.D{
		"an unknown field":            {{Key: "terms", Value: bson.A{}}},
		"no array":                    {{Key: "term", Value: "code=x"}},
		"no string":                   {{Key: "term", Value: bson.A{1}}},
		"no parameter":                {{Key: "term", Value: bson.A{"code"}}},
		"no document":                 {{Key: "time", Value: bson.A{"date"}}},
		"an unknown field of a range": {{Key: "time", Value: bson.A{bson.D{{Key: "from", Value: int64(1)}}}}},
		"no int64":                    {{Key: "time", Value: bson.A{bson.D{{Key: "low", Value: math.Pi}}}}},
		"a type that nobody writes":   {{Key: "has", Value: bson.JavaScript("x")}},
		"a type of another kind":      {{Key: "place", Value: bson.A{bson.D{{Key: "latitude", Value: bson.NewObjectID()}}}}},
	} {
		raw, err := bson.Marshal(ix)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := decodeEntries(raw); err == nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
