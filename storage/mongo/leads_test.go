package mongo

import (
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage/storagetest"
)

// The arms of a lead have all that satisfies the clauses, by chance.
func TestLeadsByChance(t *testing.T) {
	for _, seed := range []uint64{0, 1, storagetest.Seed(t)} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s, chance := samplesByChance(t, seed)
			made := make(map[rank]int)
			for range 120 {
				q := chance.Query()
				for _, l := range leadsOf(home, q.All, storagetest.SortKeys("Patient")) {
					made[l.rank]++
					var got []string
					for _, a := range l.arms {
						got = append(got, s.found(t, a.filter, a.index)...)
					}
					want := s.matches(q.All[l.clause : l.clause+1])
					if l.key != "" {
						want = s.matches(q.All)
					}
					if !hasAll(got, want) || len(l.arms) > maxArms || l.what == "" {
						t.Errorf("%#v: lead %+v finds %q, want %q", q.All, l, got, want)
					}
				}
			}
			for r := byIDs; r <= byInstants; r++ {
				if made[r] == 0 {
					t.Errorf("there was no lead of rank %d", r)
				}
			}
		})
	}
}

// What leads to a clause is an index that has little more than what satisfies it.
func TestLeads(t *testing.T) {
	is := func(param, value string) search.Test { return search.Equal{Param: param, Value: value} }
	window := func(param string, a, b, c, d fhir.Instant) search.Test {
		return search.Within{Param: param, LowFrom: a, LowTo: b, HighFrom: c, HighTo: d}
	}
	const low, high, day = fhir.Beginning, fhir.End, fhir.Instant(24 * 3600 * 1e6)
	inside := func(param string, a, b fhir.Instant) search.Test { return window(param, a, b, a, b) }
	starts, whole := search.StartsWith{Param: "name", Folded: "an.n"}, search.Whole{Param: "name", Folded: "ann"}
	const term = `partition_ix_term_instant {"partition":"demo/test","ix.term":`
	many := make(search.Any, 40)
	for i := range many {
		many[i] = inside("date", fhir.Instant(i)*10*day, fhir.Instant(i)*10*day+day)
	}
	for _, c := range []struct {
		name string
		all  []search.Any
		want []string
	}{
		{"nothing", nil, nil},
		{"what no index has", []search.Any{{search.Contains{Param: "name", Folded: "a"}}, {search.Missing{Param: "name", Absent: true}}, {search.Not{Any: search.Any{is("code", "a")}}}, {search.Every{}}}, nil},
		{"a value", []search.Any{{is("code", "a")}}, []string{`0 true "": terms of code: ` + term + `"code=a"}`}},
		{"values", []search.Any{{is("code", "a"), is("code", "b"), is("status", "c")}}, []string{`0 false "": terms of code, terms of status: ` + term + `{"$in":["code=a","code=b","status=c"]}}`}},
		{"a value, or what no index has", []search.Any{{is("code", "a"), search.EndsWith{Param: "name", Folded: "a"}}}, nil},
		{"ids", []search.Any{{is(search.ID, "a"), is(search.ID, "b")}}, []string{`0 false "": ids: _id_ {"_id":{"$in":["demo/test/a","demo/test/b"]},"partition":"demo/test","id":{"$in":["a","b"]}}`}},
		{"texts", []search.Any{{starts, whole}}, []string{`0 false "": texts of name: partition_ix_text_folded {"partition":"demo/test","ix.text.folded":{"$regularExpression":{"pattern":"^name=an\\.n","options":""}}}; ` +
			`partition_ix_text_folded {"partition":"demo/test","ix.text.folded":"name=ann"}`}},
		{"the best of several", []search.Any{{search.Every{{starts}, {search.Contains{Param: "name"}}, {is("code", "a")}}}}, []string{`0 true "": terms of code: ` + term + `"code=a"}`}},
		{"nothing of several", []search.Any{{search.Every{{starts}, {}}}}, []string{`0 false "": nothing: `}},
		{"a day", []search.Any{{is("code", "a")}, {inside("date", 0, day)}}, []string{`0 true "": terms of code: ` + term + `"code=a"}`,
			`1 false "": ranges of date: partition_ix_time {"partition":"demo/test","ix.time":{"$elemMatch":{"param":"date","low":{"$gte":0,"$lte":86400000000}}}}`,
			`1 false "date": ranges of date: partition_ix_sort_date_low_id {"partition":"demo/test","ix.sort.date.low":{"$gte":0,"$lte":86400000000},"ix.sort.date.high":{"$gte":0,"$lte":86400000000}}; partition_ix_long {"partition":"demo/test","ix.long":"date"}`}},
		{"since and until", []search.Any{{window("date", low, high, day, high)}, {window("date", low, 2*day, low, high)}}, []string{
			`0 false "date": ranges of date: partition_ix_sort_date_low_id {"partition":"demo/test","ix.sort.date.low":{"$gte":-3600000000,"$lte":172800000000},"ix.sort.date.high":{"$gte":86400000000,"$lte":262800000000}}; partition_ix_long {"partition":"demo/test","ix.long":"date"}`}},
		{"a time that is not promised", []search.Any{{window("period", low, day, low, high)}, {window("period", low, high, day, high)}}, []string{
			`0 false "": ranges of period: partition_ix_time {"partition":"demo/test","ix.time":{"$elemMatch":{"param":"period","low":{"$lte":86400000000}}}}`}},
		{"lately", []search.Any{{window(search.LastUpdated, 5, high, low, high)}}, []string{`0 false "_lastUpdated": resources by instant: partition_instant {"partition":"demo/test","instant":{"$gte":5}}`}},
		{"a value of an order", []search.Any{{search.Between{Param: "fee", LowFrom: "1", LowTo: "2", HighFrom: "1", HighTo: search.Last}}}, []string{
			`0 false "": values of fee: partition_ix_order_low {"partition":"demo/test","ix.order":{"$elemMatch":{"low":{"$gte":"fee=1","$lt":"fee=2"}}}}`}},
		{"any value of an order", []search.Any{{search.Between{Param: "fee", LowTo: search.Last, HighFrom: "1", HighTo: search.Last}}}, nil},
		{"nowhere", []search.Any{{search.Near{Param: "near", Metres: -1}}}, []string{`0 false "": places of near: `}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, l := range leadsOf(home, c.all, storagetest.SortKeys("Patient")) {
				got = append(got, fmt.Sprintf("%d %t %q: %s: %s", l.clause, l.term, l.key, l.what, inJSON(t, l.arms)))
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	for _, l := range leadsOf(home, []search.Any{many}, storagetest.SortKeys("Patient")) {
		if len(l.arms) != maxArms {
			t.Errorf("many days have %d arms in %s", len(l.arms), l.key)
		}
	}
}

// inJSON writes arms in MongoDB's relaxed extended JSON.
func inJSON(t *testing.T, arms []arm) (text string) {
	t.Helper()
	for i, a := range arms {
		filter, err := bson.MarshalExtJSON(a.filter, false, false)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			text += "; "
		}
		text += a.index + " " + string(filter)
	}
	return text
}
