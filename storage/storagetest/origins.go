package storagetest

import (
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// by is an operation with its origin.
func by(origin string, op storage.Op) storage.Op {
	op.Origin = origin
	return op
}

// origins holds that an event tells the origin that its change was given, whatever text that is and whatever becomes of the resource, and that a change
// which did not come to be leaves none.
func origins(x *house) {
	a, b, c := patient("a"), patient("b"), fhir.Key{Type: "Slot", ID: "c"}
	long := strings.Repeat("x", storage.MaxOrigin-len("é")) + "é"
	x.commit(home, by("created", under(storage.Condition{Absent: true}, put(a, "1", "tag"))))
	x.commit(home, put(a, "2")) // of nobody
	x.commit(home, by(long, put(a, "3")), by("", put(b, "1")), by("three\x00\n\t\"|{}$.\U0001F600", put(c, "1")))
	x.commit(home, by("deleted", remove(a)), by("nothing to delete", remove(patient("nobody"))), by("a guard", storage.Op{Key: c, Condition: storage.Condition{Version: 1}, Guard: true}))
	x.commit(home, by("deleted twice", remove(a)))
	x.commit("other/test", by("elsewhere", under(storage.Condition{NoMatch: &search.Query{Type: "Patient"}}, put(a, "1"))))
	x.commit(home, by("back again", put(a, "5")))
	want := []string{"created", "", long, "", "three\x00\n\t\"|{}$.\U0001F600", "deleted", "elsewhere", "back again"}
	x.equal(originsOf(x.feed()), want)

	for what, bad := range map[string]string{"too long": long + "x", "no UTF-8": "\xff"} {
		for i, ops := range [][]storage.Op{{by(bad, put(a, "6"))}, {put(b, "2"), by(bad, remove(a))}} {
			if !x.takes(ops) {
				continue
			}
			_, err := x.Commit(x.ctx, home, ops)
			x.wantOp(err, i, fhir.Invalid)
		}
		if x.Failed() {
			x.Fatal(what)
		}
	}
	_, err := x.Commit(x.ctx, home, []storage.Op{by("refused", under(storage.Condition{Version: 9}, put(a, "6")))})
	x.wantOp(err, 0, fhir.PreconditionFailed)
	x.equal(originsOf(x.feed()), want)

	x.check(x.Reindex(x.ctx, func(fhir.Partition, fhir.Version) (search.Entries, error) { return tags("other"), nil }, unheeded))
	x.reopen(0)
	x.equal(originsOf(x.feed()), want)
	x.commit(home, put(b, "2"), put(c, "2")) // which supersedes what had one
	x.equal(originsOf(x.feed()), append(want, "", ""))
}

func originsOf(feed []storage.Event) (all []string) {
	for _, e := range feed {
		all = append(all, e.Origin)
	}
	return all
}
