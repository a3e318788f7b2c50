package storagetest

import (
	"math"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// The parameters of a corpus that have Ordereds and places.
var (
	orderedParams = []string{"number", "uri", "mixed", "rare"}
	placeParams   = []string{"position", "mixed"}
)

// level is the value of an Ordered, one of few.
func (c *corpus) level() string {
	return one(c, "", "a", "ab", "a\x00", "b", "é", "z", "😀", "\U0010ffff")
}

func (c *corpus) ordered() search.Ordered {
	o := search.Ordered{Param: c.param(orderedParams), Low: c.level()}
	if o.High = o.Low; c.IntN(3) == 0 {
		o.High = max(o.Low, c.level())
	}
	return o
}

// point is one of few: at the poles, on the 180th meridian and beside these.
func (c *corpus) point() search.Point {
	return search.Point{
		Latitude:  one(c, -90, -89.99999, -51.5, 0, 51.5, 51.500001, 51.6, 89.9, 90),
		Longitude: one(c, -180, -179.99999, -0.1278, 0, 0.1, 90, 179.9, 180),
	}
}

// between has bounds of which most are open.
func (c *corpus) between(param string) search.Between {
	b := search.Between{Param: param, LowFrom: search.First, LowTo: search.Last, HighFrom: search.First, HighTo: search.Last}
	for range 1 + c.IntN(2) {
		*one(c, &b.LowFrom, &b.LowTo, &b.HighFrom, &b.HighTo) = c.level()
	}
	return b
}

// near is a circle that another point is upon as often as not: just within, or just without.
func (c *corpus) near() search.Near {
	n := search.Near{Param: one(c, placeParams...), Point: c.point()}
	distance := c.point().Metres(n.Point)
	n.Metres = one(c, distance, math.Nextafter(distance, -1), math.Nextafter(distance, 1e9), 0, -1, 1_000, 1e6, 3e7)
	return n
}

// sortKey is a key of any basis.
func (c *corpus) sortKey() search.SortKey {
	k := search.SortKey{By: one(c, search.ByTime, search.ByTime, search.ByOrder, search.ByOrder, search.ByText, search.ByTerm), Descending: c.IntN(2) == 0}
	k.Param = one(c, append([]string{search.LastUpdated, search.ID, "nobody"}, slices.Repeat(paramsBy(k.By), 2)...)...)
	return c.told(k)
}

// toldKeys are keys of which entries tell that a resource has no value, of those that many and of those that few lack.
var toldKeys = []search.SortKey{{Param: "date", Absent: "date:none"}, {Param: "rare", Absent: "rare:none"}, {Param: "number", By: search.ByOrder, Absent: "number:none"}}

// tellAbsence adds what such keys promise. No entries tell it of "mixed" and others.
func tellAbsence(e *search.Entries) {
	for _, k := range toldKeys {
		if !slices.ContainsFunc(e.Ranges, func(r search.Range) bool { return k.By == search.ByTime && r.Param == k.Param }) &&
			!slices.ContainsFunc(e.Ordereds, func(o search.Ordered) bool { return k.By == search.ByOrder && o.Param == k.Param }) {
			e.Terms = append(e.Terms, search.Term{Param: k.Absent})
		}
	}
}

// told is a key that says, more often than not, how its absence is told.
func (c *corpus) told(k search.SortKey) search.SortKey {
	for _, t := range toldKeys {
		if t.Param == k.Param && t.By == k.By && c.IntN(3) > 0 {
			k.Absent = t.Absent
		}
	}
	return k
}

// paramsBy are the parameters that have entries of a basis.
func paramsBy(b search.Basis) []string {
	return [][]string{search.ByTime: rangeParams, search.ByOrder: orderedParams, search.ByText: textParams, search.ByTerm: termParams}[b]
}

// calendar is a query for a stretch of a time, or of another order, by which it is sorted.
func (c *corpus) calendar(q *search.Query) {
	by := one(c, search.ByTime, search.ByOrder)
	param := one(c, paramsBy(by)...)
	for range 2 {
		var a search.Any
		for range one(c, 1, 1, 2) { // date=ge is two windows
			if by == search.ByTime {
				a = append(a, c.window(param, c.moment))
			} else {
				a = append(a, c.between(param))
			}
		}
		q.All = append(q.All, a)
	}
	q.Sort = append(q.Sort, c.told(search.SortKey{Param: param, Descending: c.IntN(2) == 0, By: by}))
}

// distances holds that a circle has what is in it, across the poles and the 180th meridian.
func distances(x *house) {
	at := func(latitude, longitude float64) search.Entries {
		return search.Entries{Places: []search.Place{{Param: "near", Point: search.Point{Latitude: latitude, Longitude: longitude}}}}
	}
	london, fiji := at(51.5007, -0.1246), at(-17.8, 179.9)
	both := search.Entries{Places: append(slices.Clone(london.Places), fiji.Places...)}
	for id, e := range map[string]search.Entries{
		"a": london, "b": at(51.5014, -0.1419), "c": at(48.8584, 2.2945), "d": fiji, "e": at(-17.8, -179.9), "f": at(89.99, 0), "g": at(89.99, 180), "h": at(-90, 7), "i": both, "j": {},
	} {
		op := put(patient(id), "")
		op.Entries = e
		x.commit(home, op)
	}
	eiffel, palace := at(48.8584, 2.2945).Places[0].Metres(london.Places[0].Point), at(51.5014, -0.1419).Places[0].Metres(london.Places[0].Point)
	if math.Abs(eiffel-340_560) > 2_000 || math.Abs(palace-1_200) > 20 { // as a map has it
		x.Errorf("the Eiffel tower is %.0f m away and the palace %.0f", eiffel, palace)
	}
	for i, c := range []struct {
		latitude, longitude, metres float64
		want                        string
	}{
		{51.5007, -0.1246, 0, "a i"},
		{51.5007, -0.1246, palace, "a b i"},
		{51.5007, -0.1246, math.Nextafter(palace, 0), "a i"},
		{51.5007, -0.1246, eiffel, "a b c i"},
		{51.5007, -0.1246, math.Nextafter(eiffel, 0), "a b i"},
		{-17.8, -179.95, 50_000, "d e i"},
		{-17.8, 179.95, 50_000, "d e i"},
		{-17.8, 180, 50_000, "d e i"},
		{-17.8, -180, 50_000, "d e i"},
		{-17.8, 179.95, 10_000, "d i"},
		{90, 123, 2_000, "f g"},
		{89.99, 90, 3_000, "f g"},
		{-89.9999, -100, 100, "h"},
		{0, 0, 1e9, "a b c d e f g h i"},
		{0, 0, math.Inf(1), "a b c d e f g h i"},
		{0, 0, -1, ""},
		{0, 0, math.NaN(), ""},
	} {
		near := search.Near{Param: "near", Point: search.Point{Latitude: c.latitude, Longitude: c.longitude}, Metres: c.metres}
		for _, q := range []search.Query{
			{All: []search.Any{{near}}}, {All: []search.Any{{search.Missing{Param: "near"}}, {search.Not{Any: search.Any{search.Not{Any: search.Any{near}}}}}}},
		} {
			q.Type, q.Sort = "Patient", byID
			if got := joined(x.found(home, q)); got != c.want {
				x.Errorf("case %d, %.0f m around %v, %v: found %q, want %q", i, c.metres, c.latitude, c.longitude, got, c.want)
			}
		}
	}
}

// orders holds each basis of sorting against what a person expects of it.
func orders(x *house) {
	ordered := func(low, high string) search.Ordered { return search.Ordered{Param: "size", Low: low, High: high} }
	text := func(folded, exact string) search.Text {
		return search.Text{Param: "name", Folded: folded, Exact: exact}
	}
	term := func(value string) search.Term { return search.Term{Param: "code", Value: value} }
	span := func(low, high fhir.Instant) search.Range {
		return search.Range{Param: "date", Interval: fhir.Interval{Low: low, High: high}}
	}
	for id, e := range map[string]search.Entries{
		"a": {Ordereds: []search.Ordered{ordered("5", "5")}, Texts: []search.Text{text("m", "M")}, Terms: []search.Term{term("s|"), term("s|z"), term("z")}, Ranges: []search.Range{span(5, 6)}},
		"B": {Ordereds: []search.Ordered{ordered("1", "1"), ordered("9", "9")}, Texts: []search.Text{text("", " "), text("z", "Z")}, Terms: []search.Term{term("a"), term("zz")}, Ranges: []search.Range{span(1, 9)}},
		"c": {Ordereds: []search.Ordered{ordered("2", "8")}, Texts: []search.Text{text("a", ""), text("n", "N")}, Terms: []search.Term{term(`k\|l`)}, Ranges: []search.Range{span(2, 8)}},
		"d": {Texts: []search.Text{text("a", "")}, Terms: []search.Term{term("s|b"), term("")}},
		"e": {Ordereds: []search.Ordered{ordered("", "")}, Texts: []search.Text{text("m", "m")}, Terms: []search.Term{term("z")}, Ranges: []search.Range{span(5, 6)}},
	} {
		op := put(patient(id), "")
		op.Entries = e
		x.commit(home, op)
	}
	size, name := search.SortKey{Param: "size", By: search.ByOrder}, search.SortKey{Param: "name", By: search.ByText}
	code, date, id := search.SortKey{Param: "code", By: search.ByTerm}, search.SortKey{Param: "date"}, search.SortKey{Param: search.ID}
	down := func(k search.SortKey) search.SortKey { k.Descending = true; return k }
	sort := func(keys ...search.SortKey) []search.SortKey { return keys }
	for i, c := range []struct {
		sort []search.SortKey
		want string
	}{
		{sort(id), "B a c d e"},
		{sort(down(id)), "e d c a B"},
		{sort(size), "e B c a d"},
		{sort(down(size)), "B c a e d"},
		{sort(name), "B a e c d"},
		{sort(down(name)), "B c a e d"},
		{sort(code), "B c a e d"},
		{sort(down(code)), "B a e c d"},
		{sort(date, down(id)), "B c e a d"},
		{sort(down(date), down(size)), "B c a e d"},
		{sort(date, size), "B c e a d"},
		{sort(name, down(id)), "B e a c d"},
		{sort(date, down(name), down(id)), "B c e a d"},
		{sort(search.SortKey{Param: "size", By: search.ByText}, down(id)), "e d c a B"}, // it has none of these
	} {
		q := search.Query{Type: "Patient", Sort: c.sort}
		if got := joined(x.found(home, q)); got != c.want {
			x.Errorf("case %d, by %+v: %q, want %q", i, c.sort, got, c.want)
		}
	}
}

// endsOfTime holds that pages go on behind a value that nothing can be behind: what begins or ends never.
func endsOfTime(x *house) {
	var ops []storage.Op
	for i, at := range []fhir.Instant{fhir.End, fhir.Beginning, 0} {
		for n := range 9 {
			op := put(patient(name("%d-%d", i, n)), "")
			op.Entries.Ranges = []search.Range{{Param: "date", Interval: fhir.Interval{Low: at, High: at}}}
			ops = append(ops, op)
		}
	}
	x.commit(home, ops...)
	for _, sort := range [][]search.SortKey{
		{{Param: "date"}}, {{Param: "date", Descending: true}}, {{Param: "date"}, {Param: search.ID, Descending: true}}, {{Param: "date", Descending: true}, {Param: search.LastUpdated}},
	} {
		q := search.Query{Type: "Patient", Sort: sort}
		want := x.found(home, q)
		var got []string
		for request := (storage.PageRequest{Limit: 4}); len(got) <= len(ops); {
			page, err := x.Search(x.ctx, home, q, request)
			x.check(err)
			got = append(got, ids(page.Versions)...)
			if request.After = page.Next; page.Next == nil {
				break
			}
		}
		x.equal(got, want)
	}
}
