package mongo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage/storagetest"
)

// samples are resources in a store, beside the memory of them.
type samples struct {
	*Store
	all []search.Indexed
}

// newSamples makes a store of Patients that have these entries, and of the mark of a deletion.
func newSamples(t *testing.T, all []search.Indexed, change func(*Config)) *samples {
	t.Helper()
	s := &samples{openTest(t, t.TempDir(), change), all}
	s.insert(t, "Patient", all)
	gone := document{ID: documentID(home, "deleted"), Partition: home, Name: "deleted", Version: 2, Instant: 7, Method: fhir.Deleted.String()}
	if _, err := s.current("Patient").InsertOne(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	return s
}

// insert puts resources of a type into the database, all with the same body.
func (s *samples) insert(t *testing.T, typ string, all []search.Indexed) {
	t.Helper()
	if err := s.prepare(t.Context(), typ); err != nil {
		t.Fatal(err)
	}
	body, err := encodeBody(fmt.Appendf(nil, `{"resourceType":%q}`, typ))
	if err != nil {
		t.Fatal(err)
	}
	var docs []any
	for _, x := range all {
		ix, err := encodeEntries(x.Entries, storagetest.SortKeys(typ))
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, document{ID: documentID(home, x.ID), Partition: home, Name: x.ID, Version: 1, Instant: x.Instant, Method: fhir.Created.String(), Resource: body, Index: ix})
	}
	if _, err := s.current(typ).InsertMany(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
}

// found are the ids that a filter finds, by an index or without.
func (s *samples) found(t *testing.T, filter bson.D, index ...string) (ids []string) {
	t.Helper()
	find := options.Find()
	for _, hint := range index {
		find.SetHint(hint)
	}
	rows, err := s.current("Patient").Find(t.Context(), filter, find.SetProjection(bson.D{{Key: fieldName, Value: 1}}).SetSort(bson.D{{Key: fieldID, Value: 1}}))
	if err != nil {
		t.Fatalf("%v: %v", filter, err)
	}
	var docs []document
	if err := rows.All(t.Context(), &docs); err != nil {
		t.Fatalf("%v: %v", filter, err)
	}
	for _, d := range docs {
		ids = append(ids, d.Name)
	}
	return ids
}

// matches are the ids of what satisfies clauses.
func (s *samples) matches(all []search.Any) (ids []string) {
	for _, x := range s.all {
		if search.Match(search.Query{All: all}, x) {
			ids = append(ids, x.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func hasAll(list, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(id string) bool { return !slices.Contains(list, id) })
}

// holds demands that a filter finds what satisfies the clauses; and nothing else, where it is said to be exact.
func (s *samples) holds(t *testing.T, all []search.Any) condition {
	t.Helper()
	c := filterAll(all)
	got, want := s.found(t, c.filter), s.matches(all)
	if !hasAll(got, want) || c.exact && !slices.Equal(got, want) || c.never && len(got) > 0 || slices.Contains(got, "deleted") {
		t.Errorf("%#v, exact %t: found %q by %v, want %q", all, c.exact, got, c.filter, want)
	}
	return c
}

// samplesByChance are sixty resources of a seed.
func samplesByChance(t *testing.T, seed uint64) (*samples, *storagetest.Chance) {
	t.Helper()
	var all []search.Indexed
	var instants []fhir.Instant
	for i := range 60 {
		instants = append(instants, fhir.Instant(1_000_000+i*i))
	}
	chance := storagetest.NewChance(seed, instants)
	for i := range instants {
		all = append(all, search.Indexed{ID: fmt.Sprintf("%s.%d", chance.ID(), i), Instant: instants[i], Entries: chance.Entries()})
	}
	return newSamples(t, all, nil), chance
}

// Every filter finds what search.Match does, by chance.
func TestFiltersByChance(t *testing.T) {
	for _, seed := range []uint64{0, 1, storagetest.Seed(t)} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s, chance := samplesByChance(t, seed)
			exact := 0
			for range 250 {
				if s.holds(t, chance.Query().All).exact {
					exact++
				}
			}
			if exact < 100 {
				t.Errorf("%d filters of 250 are exact", exact)
			}
		})
	}
}

// What is hard to say in another system's words is found as it is in ours.
func TestFiltersOfStrangeValues(t *testing.T) {
	values := []string{"", "a", "a\n", "\n", "a\nb", "a\r\nb", "\x00", "a\x00b", "é", "e\u0301", "É", "😀", "\U0010ffff", "\ufffd", "\ud7ff", "\ue000", "a=b", "a|b", `\`, `\E`, `\Qa`, `a\z`,
		"$", "^", "(", "[a]", "a.b", "a*", "{1}", "#a", "a b", strings.Repeat("long ", 200), strings.Repeat("é", 200), strings.Repeat("\x00", 301), "a\u2028b"}
	bytes := []string{search.Last, "\xc3", "a\xff", "\xed\xa0\x80", "a\xf4\x90", "\U0010ffff\xff", "\xc3\xa9\x80"}
	var all []search.Indexed
	for i, v := range values {
		all = append(all, search.Indexed{ID: fmt.Sprint(i), Instant: fhir.Instant(i + 1), Entries: search.Entries{
			Terms: []search.Term{{Param: "code", Value: v}}, Texts: []search.Text{{Param: "name", Folded: v, Exact: v}, {Param: "name", Folded: "b" + v}},
			Ordereds: []search.Ordered{{Param: "size", Low: v, High: v}, {Param: "other", Low: v, High: v}},
		}})
	}
	s := newSamples(t, all, nil)
	for _, v := range slices.Concat(values, bytes) {
		for _, test := range []search.Test{
			search.Equal{Param: "code", Value: v}, search.Equal{Param: search.ID, Value: v},
			search.StartsWith{Param: "name", Folded: v}, search.Contains{Param: "name", Folded: v}, search.EndsWith{Param: "name", Folded: v},
			search.Whole{Param: "name", Folded: v}, search.Exactly{Param: "name", Exact: v},
			search.Between{Param: "size", LowFrom: v, LowTo: search.Last, HighFrom: search.First, HighTo: search.Last},
			search.Between{Param: "size", LowFrom: search.First, LowTo: search.Last, HighFrom: search.First, HighTo: v},
		} {
			s.holds(t, []search.Any{{test}})
		}
		if c := s.holds(t, []search.Any{{search.StartsWith{Param: "name", Folded: v}}}); !c.exact {
			t.Errorf("the filter for what begins with %q is not exact", v)
		}
	}
}

// A filter is as simple as its clauses are: a list of values, a field tested once, and nothing that says nothing.
func TestFilters(t *testing.T) {
	exists := bson.E{Key: "ix", Value: bson.D{{Key: "$exists", Value: true}}}
	code := func(v string) search.Equal { return search.Equal{Param: "code", Value: v} }
	open := search.Within{Param: search.LastUpdated, LowFrom: fhir.Beginning, LowTo: fhir.End, HighFrom: fhir.Beginning, HighTo: fhir.End}
	chain := search.Refers{Param: "subject", To: search.Selection{Type: "Patient"}}
	for _, c := range []struct {
		all  []search.Any
		want condition
	}{
		{nil, condition{filter: bson.D{exists}, exact: true}},
		{[]search.Any{{}}, never},
		{[]search.Any{{code("a")}}, condition{filter: bson.D{exists, {Key: "ix.term", Value: "code=a"}}, exact: true}},
		{[]search.Any{{code("a"), code("b")}}, condition{filter: bson.D{exists, {Key: "ix.term", Value: bson.D{{Key: "$in", Value: []string{"code=a", "code=b"}}}}}, exact: true}},
		{[]search.Any{{code("a")}, {code("b")}}, condition{filter: bson.D{exists, {Key: "ix.term", Value: "code=a"}, {Key: "$and", Value: bson.A{bson.D{{Key: "ix.term", Value: "code=b"}}}}}, exact: true}},
		{[]search.Any{{open}}, condition{filter: bson.D{exists}, exact: true}},
		{[]search.Any{{code("a"), open}}, condition{filter: bson.D{exists}, exact: true}},
		{[]search.Any{{code("a"), chain}}, condition{filter: bson.D{exists}}},
		{[]search.Any{{code("a")}, {chain}}, condition{filter: bson.D{exists, {Key: "ix.term", Value: "code=a"}}}},
		{[]search.Any{{search.Not{Any: search.Any{chain}}}}, condition{filter: bson.D{exists}}},
		{[]search.Any{{search.Not{}}, {search.Every{}}}, condition{filter: bson.D{exists}, exact: true}},
		{[]search.Any{{search.Not{Any: search.Any{open}}}}, never},
		{[]search.Any{{search.Missing{Param: search.LastUpdated, Absent: true}, search.Every{{code("a")}}}}, condition{filter: bson.D{exists, {Key: "ix.term", Value: "code=a"}}, exact: true}},
		{[]search.Any{{search.Not{Any: search.Any{code("a")}}}}, condition{filter: bson.D{exists, {Key: "$nor", Value: bson.A{bson.D{{Key: "ix.term", Value: "code=a"}}}}}, exact: true}},
	} {
		if got := filterAll(c.all); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%+v:\ngot  %v\nwant %v", c.all, got, c.want)
		}
	}
}

// However deep clauses nest, their filter does not nest deeper than servers take it.
func TestDeepFilters(t *testing.T) {
	s := newSamples(t, []search.Indexed{{ID: "a", Entries: search.Entries{Terms: []search.Term{{Param: "code", Value: "a"}}}}, {ID: "b"}}, nil)
	test := search.Test(search.Equal{Param: "code", Value: "a"})
	for depth := range 60 {
		if c := s.holds(t, []search.Any{{test}}); c.exact != (depth < maxNesting-1) {
			t.Errorf("at depth %d the filter is exact: %t", depth, c.exact)
		}
		test = search.Not{Any: search.Any{test, search.Every{{search.Equal{Param: "code", Value: "nobody"}}, {search.Missing{Param: "code"}}}}}
	}
}
