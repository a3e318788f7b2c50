package storagetest

import (
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// byID is an order in which ids alone decide: nobody has a value of its key.
var byID = []search.SortKey{{Param: "nobody"}}

// meaning holds each test of a query against what a person expects of it.
func meaning(x *house) {
	long := strings.Repeat("long-", 1_000)
	text := func(folded, exact string) search.Text {
		return search.Text{Param: "name", Folded: folded, Exact: exact}
	}
	span := func(low, high fhir.Instant) search.Range {
		return search.Range{Param: "date", Interval: fhir.Interval{Low: low, High: high}}
	}
	term := func(value string) search.Term { return search.Term{Param: "code", Value: value} }
	size := func(low, high string) search.Ordered { return search.Ordered{Param: "size", Low: low, High: high} }
	for id, e := range map[string]search.Entries{
		"a": {Terms: []search.Term{term("s|1"), term("1"), term("s|")}, Texts: []search.Text{text("anna", "Anna"), text("smith jones", "Smith-Jones")}, Ranges: []search.Range{span(10, 20)}, Ordereds: []search.Ordered{size("b", "d")}},
		"b": {Terms: []search.Term{term("S|1"), term("")}, Texts: []search.Text{text("ann", "Ann"), text("łukasz 😀", "Łukasz 😀")}, Ranges: []search.Range{span(20, 21), span(50, fhir.End)}, Ordereds: []search.Ordered{size("a", "a"), size("c", "c")}},
		"c": {Terms: []search.Term{term("s|10"), {Param: "other", Value: "s|1"}}, Texts: []search.Text{text("", " "), text("zz", ""), text("o%_'\"\\", "O%_'\"\\")}},
		"d": {Terms: []search.Term{term(long + "1")}, Texts: []search.Text{text(long+"1", long+"1")}, Ranges: []search.Range{span(fhir.Beginning, 15)}},
		"e": {Terms: []search.Term{term("a\x00b")}, Texts: []search.Text{text("a\x00b", "a\x00b"), text("anna", "ANNA")}},
		"f": {},
	} {
		x.commit(home, storage.Op{Key: patient(id), Resource: note(patient(id), ""), Entries: e})
	}
	x.commit(home, put(patient("g"), "deleted", "1"), put(fhir.Key{Type: "Slot", ID: "h"}, "of another type", "1"))
	x.commit(home, remove(patient("g")))

	equal := func(v string) search.Test { return search.Equal{Param: "code", Value: v} }
	starts := func(v string) search.Test { return search.StartsWith{Param: "name", Folded: v} }
	contains := func(v string) search.Test { return search.Contains{Param: "name", Folded: v} }
	exactly := func(v string) search.Test { return search.Exactly{Param: "name", Exact: v} }
	within := func(a, b, c, d fhir.Instant) search.Test {
		return search.Within{Param: "date", LowFrom: a, LowTo: b, HighFrom: c, HighTo: d}
	}
	whole := func(v string) search.Test { return search.Whole{Param: "name", Folded: v} }
	ends := func(v string) search.Test { return search.EndsWith{Param: "name", Folded: v} }
	between := func(a, b, c, d string) search.Test {
		return search.Between{Param: "size", LowFrom: a, LowTo: b, HighFrom: c, HighTo: d}
	}
	missing := func(param string, absent bool) search.Test { return search.Missing{Param: param, Absent: absent} }
	not := func(tests ...search.Test) search.Test { return search.Not{Any: tests} }
	every := func(all ...search.Any) search.Test { return search.Every(all) }
	const low, high = fhir.Beginning, fhir.End
	const least, most = search.First, search.Last
	for i, c := range []struct {
		all  []search.Any
		want string
	}{
		{nil, "a b c d e f"},
		{[]search.Any{{}}, ""},
		{[]search.Any{{equal("s|1")}}, "a"},
		{[]search.Any{{equal("S|1")}}, "b"},
		{[]search.Any{{equal("")}}, "b"},
		{[]search.Any{{equal("s|1"), equal("s|10")}}, "a c"},
		{[]search.Any{{equal("s|1")}, {equal("1")}}, "a"},
		{[]search.Any{{equal("s|1")}, {equal("s|10")}}, ""},
		{[]search.Any{{equal(long + "1")}}, "d"},
		{[]search.Any{{equal(long)}}, ""},
		{[]search.Any{{equal("a\x00b")}}, "e"},
		{[]search.Any{{equal("a")}}, ""},
		{[]search.Any{{search.Equal{Param: "Code", Value: "1"}}}, ""},
		{[]search.Any{{search.Equal{Param: search.ID, Value: "a"}, search.Equal{Param: search.ID, Value: "F"}}}, "a"},
		{[]search.Any{{not(search.Equal{Param: search.ID, Value: "a"})}}, "b c d e f"},
		{[]search.Any{{starts("ann")}}, "a b e"},
		{[]search.Any{{starts("anna")}}, "a e"},
		{[]search.Any{{whole("ann")}}, "b"},
		{[]search.Any{{whole("anna")}, {whole("anna"), whole("zz")}}, "a e"},
		{[]search.Any{{whole("zz")}}, ""}, // it is no whole name
		{[]search.Any{{whole("")}}, "c"},
		{[]search.Any{{starts("ann")}, {whole("ann"), whole("a\x00b")}}, "b e"},
		{[]search.Any{{starts("jones")}}, ""},
		{[]search.Any{{starts("")}}, "a b c d e"},
		{[]search.Any{{starts("ł")}}, "b"},
		{[]search.Any{{starts("o%")}}, "c"},
		{[]search.Any{{starts("o_")}}, ""},
		{[]search.Any{{starts(long)}}, "d"},
		{[]search.Any{{starts("a\x00")}}, "e"},
		{[]search.Any{{contains("jones")}}, "a"},
		{[]search.Any{{contains("")}}, "a b c d e"},
		{[]search.Any{{contains("%_'\"\\")}}, "c"},
		{[]search.Any{{contains("😀")}}, "b"},
		{[]search.Any{{contains("ukasz"), contains("mith")}, {starts("ann")}}, "a b"},
		{[]search.Any{{contains("\x00")}}, "e"},
		{[]search.Any{{contains("annasmith")}}, ""},
		{[]search.Any{{exactly("Anna")}}, "a"},
		{[]search.Any{{exactly("anna")}}, ""},
		{[]search.Any{{exactly("Łukasz 😀"), exactly(" ")}}, "b c"},
		{[]search.Any{{within(10, 10, 20, 20)}}, "a"},
		{[]search.Any{{within(low, 15, low, high)}}, "a d"},
		{[]search.Any{{within(low, high, 21, high)}}, "b"},
		{[]search.Any{{within(low, high, high, high)}}, "b"},
		{[]search.Any{{within(low, low, low, high)}}, "d"},
		{[]search.Any{{within(11, 60, low, 30)}}, "b"},
		{[]search.Any{{within(30, 60, low, 30)}}, ""}, // b has one span of each kind, not one of both
		{[]search.Any{{within(30, 60, low, high)}, {within(low, high, low, 30)}}, "b"},
		{[]search.Any{{within(20, 10, low, high)}}, ""},
		{[]search.Any{{within(10, 10, low, high), within(low, high, 21, 21)}}, "a b"},
		{[]search.Any{{missing("date", true)}}, "c e f"},
		{[]search.Any{{missing("date", false)}}, "a b d"},
		{[]search.Any{{missing("name", true)}}, "f"},
		{[]search.Any{{missing("other", false)}}, "c"},
		{[]search.Any{{missing("nobody", true)}}, "a b c d e f"},
		{[]search.Any{{missing("nobody", false)}}, ""},
		{[]search.Any{{missing(search.LastUpdated, false)}}, "a b c d e f"},
		{[]search.Any{{not(equal("s|1"))}}, "b c d e f"},
		{[]search.Any{{not(equal("s|1"), starts("ann"))}}, "c d f"},
		{[]search.Any{{not(within(low, 15, low, high))}}, "b c e f"},
		{[]search.Any{{not()}}, "a b c d e f"},
		{[]search.Any{{not(not(equal("1")))}}, "a"},
		{[]search.Any{{not(contains("a"))}}, "c d f"},
		{[]search.Any{{not(missing("date", true)), equal("s|10")}}, "a b c d"},
		{[]search.Any{{ends("anna")}}, "a e"},
		{[]search.Any{{ends("jones")}}, "a"},
		{[]search.Any{{ends("z")}}, ""}, // it ends no whole name
		{[]search.Any{{ends("")}}, "a b c d e"},
		{[]search.Any{{ends("😀")}}, "b"},
		{[]search.Any{{ends("\"\\")}}, "c"},
		{[]search.Any{{ends("\x00b")}}, "e"},
		{[]search.Any{{ends("xanna")}}, ""},
		{[]search.Any{{not(ends("b"), ends("n"))}}, "a c d f"},
		{[]search.Any{{between("b", "b\x00", least, most)}}, "a"},
		{[]search.Any{{between("b", "b", least, most)}}, ""},
		{[]search.Any{{between(least, "b", least, most)}}, "b"},
		{[]search.Any{{between("bb", most, least, most)}}, "b"},
		{[]search.Any{{between(least, most, "d", most)}}, "a"},
		{[]search.Any{{between(least, most, least, "d")}}, "b"},
		{[]search.Any{{between("b", most, least, "b")}}, ""}, // b has one of each kind, not one of both
		{[]search.Any{{between("b", most, least, most)}, {between(least, most, least, "b")}}, "b"},
		{[]search.Any{{between(least, most, least, most)}}, "a b"},
		{[]search.Any{{between("c", "c\x00", "c", "c\x00"), between(least, most, "d", "e")}}, "a b"},
		{[]search.Any{{not(between("b", most, least, most))}}, "c d e f"},
		{[]search.Any{{missing("size", true)}}, "c d e f"},
		{[]search.Any{{every()}}, "a b c d e f"},
		{[]search.Any{{not(every())}}, ""},
		{[]search.Any{{every(search.Any{})}}, ""},
		{[]search.Any{{every(search.Any{starts("ann")}, search.Any{missing("date", false)}), equal("s|10")}}, "a b c"},
		{[]search.Any{{every(search.Any{equal("s|1"), equal("s|10")}, search.Any{exactly("Anna"), exactly("ANNA")})}}, "a"},
	} {
		got := strings.Join(x.found(home, search.Query{Type: "Patient", All: c.all, Sort: byID}), " ")
		if got != c.want {
			x.Errorf("case %d, %+v: found %q, want %q", i, c.all, got, c.want)
		}
	}
}
