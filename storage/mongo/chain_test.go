package mongo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// linked are samples with Slots that refer to Patients: 1 200 to "busy", one to each of forty others, of which the last is alone in having no name.
func linked(t *testing.T, seen *counting) *samples {
	t.Helper()
	var patients, slots []search.Indexed
	slot := func(n int, who, status string) {
		slots = append(slots, search.Indexed{ID: fmt.Sprintf("s%04d", n), Instant: fhir.Instant(10_000 + n), Entries: search.Entries{
			Terms: []search.Term{{Param: "who", Value: "Patient/" + who}, {Param: "status", Value: status}, {Param: "other", Value: "Patient/p39"}},
			Texts: []search.Text{{Param: "note", Folded: status + " " + who, Exact: who}},
		}})
	}
	for i := range 1_200 {
		slot(i, "busy", "free")
	}
	for i := range 40 {
		e := search.Entries{Terms: []search.Term{{Param: "gender", Value: "female"}, {Param: "gp", Value: "Patient/busy"}, {Param: "identifier", Value: fmt.Sprint(i)}}}
		if i < 39 {
			e.Texts = []search.Text{{Param: "name", Folded: fmt.Sprintf("name%02d", i), Exact: fmt.Sprint(i)}}
		}
		patients = append(patients, search.Indexed{ID: fmt.Sprintf("p%02d", i), Instant: fhir.Instant(100 + i), Entries: e})
		slot(1_200+i, fmt.Sprintf("p%02d", i), "busy")
	}
	patients = append(patients, search.Indexed{ID: "busy", Instant: 99, Entries: search.Entries{Terms: []search.Term{{Param: "gender", Value: "male"}}}})
	s := newSamples(t, patients, func(c *Config) { c.monitor = seen.monitor() })
	s.insert(t, "Slot", slots)
	return s
}

// calls empties the count of what was asked of the database, and says how much that was.
func (c *counting) calls() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range []string{"find", "getMore", "aggregate", "count"} {
		n += c.names[name]
	}
	c.names = nil
	return n
}

// Chains take so many calls of the database, however many values they ask for and however many resources they lead to.
func TestChainsTakeFewCalls(t *testing.T) {
	seen := &counting{}
	s := linked(t, seen)
	is := func(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }
	who := func(all ...search.Any) search.Test {
		return search.Refers{Param: "who", To: search.Selection{Type: "Patient", All: all}}
	}
	slots := func(all ...search.Any) search.Test {
		return search.ReferredBy{Param: "who", From: search.Selection{Type: "Slot", All: all}}
	}
	var each, none search.Any
	for i := range 300 {
		each = append(each, who(is("identifier", fmt.Sprint(i))))
		none = append(none, slots(is("status", fmt.Sprint(i))))
	}
	unnamed := search.Any{search.Missing{Param: "name", Absent: true}} // which no index has
	noted := search.Any{search.Contains{Param: "note", Folded: strings.Repeat("y", maxPattern+1)}, search.Contains{Param: "note", Folded: "busy p"}, search.Near{Metres: 1}}
	for _, c := range []struct {
		name string
		typ  string
		all  []search.Any
		want int
		most int // calls
	}{
		{"to one", "Slot", []search.Any{{who(is("identifier", "7"))}}, 1, 4},
		{"to many, one by one", "Slot", []search.Any{each}, 40, 5},
		{"to what no index has", "Slot", []search.Any{{who(unnamed)}}, 1_201, 12},
		{"to a few of what many have", "Slot", []search.Any{{who(is("gender", "female"), unnamed)}}, 1, 6},
		{"to nobody of a type that is not there", "Slot", []search.Any{{search.Refers{Param: "who", To: search.Selection{Type: "Nothing"}}}}, 0, 8},
		{"from one", "Patient", []search.Any{{slots(is(search.ID, "s0000"))}}, 1, 4},
		{"from many", "Patient", []search.Any{{slots()}}, 41, 6},
		{"from some of many", "Patient", []search.Any{{slots(is("status", "busy"))}}, 40, 6},
		{"from some that are decided here", "Patient", []search.Any{{slots(noted)}}, 40, 8},
		{"from nobody, one by one", "Patient", []search.Any{none}, 0, 6},
		{"both ways", "Slot", []search.Any{{who(search.Any{slots(is("status", "busy"))})}}, 40, 8},
		{"through many", "Slot", []search.Any{{who(search.Any{search.Refers{Param: "gp", To: search.Selection{Type: "Patient", All: []search.Any{{slots()}}}}})}}, 40, 24},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen.calls()
			page, err := s.Search(t.Context(), home, search.Query{Type: c.typ, All: c.all, Sort: []search.SortKey{{Param: search.ID}}}, storage.PageRequest{Limit: 2_000})
			if n := seen.calls(); err != nil || len(page.Versions) != c.want || n > c.most {
				t.Errorf("found %d with %d calls (%v), want %d with %d at most", len(page.Versions), n, err, c.want, c.most)
			}
		})
	}
}

// The chains of one clause that go the same way are one.
func TestChainsGoTogether(t *testing.T) {
	refers := func(param, typ, value string) search.Refers {
		return search.Refers{Param: param, To: search.Selection{Type: typ, All: []search.Any{{search.Equal{Param: "name", Value: value}}}}}
	}
	referred := search.ReferredBy{Param: "a", From: refers("a", "Patient", "y").To}
	other := search.Equal{Param: "code", Value: "c"}
	got := oneEach(search.Any{refers("a", "Patient", "x"), other, refers("b", "Patient", "x"), refers("a", "Slot", "x"), refers("a", "Patient", "y"), referred, refers("b", "Patient", "z")})
	both := func(param string, values ...string) search.Test {
		var either search.Any
		for _, v := range values {
			either = append(either, search.Every{{search.Equal{Param: "name", Value: v}}})
		}
		return search.Refers{Param: param, To: search.Selection{Type: "Patient", All: []search.Any{either}}}
	}
	want := search.Any{both("a", "x", "y"), other, both("b", "x", "z"), refers("a", "Slot", "x"), referred}
	if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

// A chain that is left is decided for each batch as for the whole, and what is looked at for it counts.
func TestChainsOfBatches(t *testing.T) {
	s := linked(t, &counting{})
	m := newMeter(0, 0)
	w := world{ctx: t.Context(), store: s.Store, partition: home, meter: m}
	all := []search.Any{{search.Not{Any: search.Any{search.ReferredBy{Param: "who", From: search.Selection{Type: "Slot"}}}}}}
	grounded, left, err := w.ground(all, "Patient")
	if err != nil || !left {
		t.Fatalf("%v: left %t, %v", grounded, left, err)
	}
	batch := []search.Indexed{{ID: "p03"}, {ID: "busy"}, {ID: "nobody"}, {ID: "p3"}}
	plain, err := w.groundFor(grounded, "Patient", batch)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, x := range batch {
		if search.Match(search.Query{All: plain}, x) {
			found = append(found, x.ID)
		}
	}
	if want := []string{"nobody", "p3"}; !slices.Equal(found, want) || len(plain) != 1 || m.looked < 2 {
		t.Errorf("by %+v found %q, want %q; looked at %d", plain, found, want, m.looked)
	}
}
