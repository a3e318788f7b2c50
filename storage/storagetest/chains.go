package storagetest

import (
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// chains holds what chains find against what a person expects of it: in both directions, nested, past what was deleted or changed, and within one
// partition alone.
func chains(x *house) {
	const other fhir.Partition = "other/test"
	slot := func(id string) fhir.Key { return fhir.Key{Type: "Slot", ID: id} }
	links := func(key fhir.Key, terms ...string) storage.Op {
		op := storage.Op{Key: key, Resource: note(key, "")}
		for _, t := range terms {
			param, value, _ := strings.Cut(t, " ")
			op.Entries.Terms = append(op.Entries.Terms, search.Term{Param: param, Value: value})
		}
		return op
	}
	for _, p := range []fhir.Partition{other, home} { // the numbers of parameters differ
		x.commit(p, links(patient("ann"), "name ann", "gp Patient/dr"), links(patient("bob"), "name bob", "gp Patient/dr", "gp Patient/bob"), links(patient("dr"), "name dr"))
	}
	x.commit(other, links(patient("cy"), "name cy", "gp Patient/dr"), links(slot("0"), "who Patient/dr", "status free"))
	x.commit(home, links(slot("1"), "who Patient/ann", "status free"), links(slot("2"), "who Patient/bob", "who Patient/cy", "status busy"), links(slot("3"), "status free"),
		links(slot("4"), "who Patient/gone", "status busy"), links(slot("5"), "who Patient/ann", "status busy"), links(slot("6"), "who Patient/dr", "status free"), links(patient("gone"), "name gone"))
	x.commit(home, remove(patient("gone")), remove(slot("6")), links(slot("5"), "who Patient/bob", "status free")) // which they were not
	x.commit(home, links(patient("ann"), "name anna", "gp Patient/dr"))

	equal := func(param, value string) search.Any { return search.Any{search.Equal{Param: param, Value: value}} }
	who := func(all ...search.Any) search.Test {
		return search.Refers{Param: "who", To: search.Selection{Type: "Patient", All: all}}
	}
	gp := func(all ...search.Any) search.Test {
		return search.Refers{Param: "gp", To: search.Selection{Type: "Patient", All: all}}
	}
	slots := func(all ...search.Any) search.Test {
		return search.ReferredBy{Param: "who", From: search.Selection{Type: "Slot", All: all}}
	}
	patients := func(all ...search.Any) search.Test {
		return search.ReferredBy{Param: "gp", From: search.Selection{Type: "Patient", All: all}}
	}
	not := func(tests ...search.Test) search.Any { return search.Any{search.Not{Any: tests}} }
	for i, c := range []struct {
		kind string
		all  []search.Any
		want string
	}{
		{"Slot", []search.Any{{who()}}, "1 2 5"},
		{"Slot", []search.Any{{who(equal("name", "bob"))}}, "2 5"},
		{"Slot", []search.Any{{who(equal("name", "ann"))}}, ""}, // she was
		{"Slot", []search.Any{{who(equal("name", "gone"))}}, ""},
		{"Slot", []search.Any{{who(equal("name", "cy"))}}, ""}, // in another partition
		{"Slot", []search.Any{{who(equal("name", "anna"))}, equal("status", "free")}, "1"},
		{"Slot", []search.Any{{who(equal("name", "bob"))}, {who(equal("name", "anna"))}}, ""},
		{"Slot", []search.Any{{who(equal("name", "bob")), who(equal("name", "anna"))}}, "1 2 5"},
		{"Slot", []search.Any{{who(equal("name", "bob"), equal("gp", "Patient/bob"))}}, "2 5"},
		{"Slot", []search.Any{{who(equal("name", "anna"), equal("gp", "Patient/bob"))}}, ""},
		{"Slot", []search.Any{{who(equal(search.ID, "ann"))}}, "1"},
		{"Slot", []search.Any{{who(search.Any{gp(equal("name", "dr"))})}}, "1 2 5"},
		{"Slot", []search.Any{{who(search.Any{gp(equal("name", "bob"))})}}, "2 5"},
		{"Slot", []search.Any{{who(search.Any{slots(equal("status", "busy"))})}}, "2 5"},
		{"Slot", []search.Any{{who(search.Any{search.Missing{Param: "gp", Absent: true}})}}, ""},
		{"Slot", []search.Any{not(who(equal("name", "bob")))}, "1 3 4"},
		{"Slot", []search.Any{{search.Refers{Param: "who", To: search.Selection{Type: "Slot"}}}}, ""},
		{"Slot", []search.Any{{search.Refers{Param: "nobody", To: search.Selection{Type: "Patient"}}}}, ""},
		{"Slot", []search.Any{{search.Refers{Param: "who", To: search.Selection{Type: "Nothing"}}}}, ""},
		{"Slot", []search.Any{{search.Every{{who(equal("name", "bob"))}, equal("status", "busy")}, search.Equal{Param: "status", Value: "none"}}}, "2"},
		{"Patient", []search.Any{{slots()}}, "ann bob"},
		{"Patient", []search.Any{{slots(equal("status", "free"))}}, "ann bob"},
		{"Patient", []search.Any{{slots(equal("status", "busy"))}}, "bob"},
		{"Patient", []search.Any{{slots(equal("status", "busy"), equal("status", "free"))}}, ""},             // one slot has to be both
		{"Patient", []search.Any{{slots(equal("status", "busy"))}, {slots(equal("status", "free"))}}, "bob"}, // not so here
		{"Patient", []search.Any{not(slots(equal("status", "busy")))}, "ann dr"},
		{"Patient", []search.Any{{patients()}}, "bob dr"},
		{"Patient", []search.Any{{patients(equal("name", "bob"))}}, "bob dr"},
		{"Patient", []search.Any{{patients(equal("name", "bob"))}, not(gp(equal("name", "bob")))}, "dr"},
		{"Patient", []search.Any{{patients(search.Any{slots(search.Any{who(equal("name", "anna"))})})}}, "dr"},
		{"Patient", []search.Any{{search.ReferredBy{Param: "nobody", From: search.Selection{Type: "Slot"}}}}, ""},
		{"Patient", []search.Any{{search.ReferredBy{Param: "who", From: search.Selection{Type: "Nothing"}}}}, ""},
	} {
		got := strings.Join(x.found(home, search.Query{Type: c.kind, All: c.all, Sort: byID}), " ")
		if got != c.want {
			x.Errorf("case %d, %+v: found %q, want %q", i, c.all, got, c.want)
		}
	}

	condition := search.Query{Type: "Slot", All: []search.Any{{search.Not{Any: search.Any{search.Every{{who(equal("name", "bob"))}}}}}}}
	ops := []storage.Op{put(slot("7"), ""), under(storage.Condition{NoMatch: &condition}, put(slot("8"), ""))}
	if !x.Transactions() {
		ops = ops[1:]
	}
	_, err := x.Commit(x.ctx, home, ops)
	x.wantOp(err, len(ops)-1, fhir.Invalid)
}
