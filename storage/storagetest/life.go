package storagetest

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// life follows one resource from its creation over changes and deletion to its return.
func life(x *house) {
	key := patient("1")
	_, err := x.Read(x.ctx, home, key)
	x.want(err, fhir.NotFound)
	steps := []struct {
		op      storage.Op
		method  fhir.Method
		number  int64
		changed bool
		existed bool
		found   bool
	}{
		{op: remove(key)},
		{op: put(key, "one", "a"), method: fhir.Updated, number: 1, changed: true, found: true},
		{op: put(key, "two", "a"), method: fhir.Updated, number: 2, changed: true, existed: true, found: true},
		{op: put(key, "two", "a"), method: fhir.Updated, number: 3, changed: true, existed: true, found: true},
		{op: remove(key), method: fhir.Deleted, number: 4, changed: true, existed: true},
		{op: remove(key), method: fhir.Deleted, number: 4},
		{op: put(key, "five", "a"), method: fhir.Updated, number: 5, changed: true, found: true},
		{op: remove(key), method: fhir.Deleted, number: 6, changed: true, existed: true},
	}
	var written []fhir.Version
	for i, s := range steps {
		result := x.commit(home, s.op)[0]
		v := result.Version
		if v.Number != s.number || v.Method != s.method || result.Changed != s.changed || result.Existed != s.existed {
			x.Errorf("step %d: %+v", i, result)
		}
		if s.number > 0 {
			current, err := x.Read(x.ctx, home, key)
			x.check(err)
			x.equal(current, v)
		}
		if s.changed {
			written = append(written, v)
		}
		if found := len(x.found(home, tagged("a"))) == 1; found != s.found {
			x.Errorf("step %d: found by its tag: %t", i, found)
		}
	}
	for _, v := range written {
		again, err := x.ReadVersion(x.ctx, home, key, v.Number)
		x.check(err)
		x.equal(again, v)
	}
	for _, number := range []int64{-1, 0, 7} {
		_, err := x.ReadVersion(x.ctx, home, key, number)
		x.want(err, fhir.NotFound)
	}
}
