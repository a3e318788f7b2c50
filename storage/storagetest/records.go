package storagetest

import (
	"bytes"
	"strconv"
	"sync"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// records holds the life of one record: made, changed, removed, made again, expired.
func records(x *house) {
	r := x.Records()
	last := int64(0)
	swap := func(name string, old int64, value []byte, expires fhir.Instant) storage.Record {
		x.Helper()
		record, err := r.Swap(x.ctx, name, old, value, expires)
		x.check(err)
		if record.Revision <= last {
			x.Errorf("revision %d follows %d", record.Revision, last)
		}
		last = record.Revision
		if value != nil {
			got, err := r.Get(x.ctx, name)
			x.check(err)
			x.equal(got, record)
			x.equal(got, storage.Record{Name: name, Value: value, Revision: last, Expires: expires})
		}
		return record
	}
	conflict := func(name string, old int64) {
		x.Helper()
		_, err := r.Swap(x.ctx, name, old, []byte("x"), 0)
		x.want(err, fhir.Conflict)
	}

	_, err := r.Get(x.ctx, "room/a")
	x.want(err, fhir.NotFound)
	conflict("room/a", 1)
	first := swap("room/a", 0, []byte("one"), 0)
	conflict("room/a", 0)
	second := swap("room/a", first.Revision, []byte("two"), 0)
	conflict("room/a", first.Revision)
	conflict("room/b", second.Revision)
	swap("room/a", second.Revision, nil, 0)
	_, err = r.Get(x.ctx, "room/a")
	x.want(err, fhir.NotFound)
	conflict("room/a", second.Revision)
	swap("room/a", 0, nil, 0) // removing what is not there
	swap("room/a", 0, []byte{}, 0)
	swap("Room/A", 0, []byte("of its own"), 0)
	swap("room/é \x00 %_'", 0, []byte{0, 0xff, 0xfe, '\n', '%'}, 0)
	swap("room/big", 0, bytes.Repeat([]byte{0xff, 0, 'x'}, 10_000), 0)

	soon := fhir.InstantOf(x.clock.now().Add(time.Minute))
	brief := swap("room/brief", 0, []byte("soon gone"), soon)
	x.clock.move(time.Minute - time.Microsecond)
	_, err = r.Get(x.ctx, "room/brief")
	x.check(err)
	brief = swap("room/brief", brief.Revision, []byte("soon gone"), soon)
	x.clock.move(time.Microsecond)
	_, err = r.Get(x.ctx, "room/brief")
	x.want(err, fhir.NotFound)
	conflict("room/brief", brief.Revision)
	found, err := r.Scan(x.ctx, "room/brief", "", 10)
	x.check(err)
	x.equal(len(found), 0)
	swap("room/brief", 0, []byte("again"), 0)
}

// recordRaces holds that of concurrent swaps of one revision exactly one succeeds.
func recordRaces(x *house) {
	const writers, rounds = 16, 10
	for round := range rounds {
		var mu sync.Mutex
		won := 0
		old := int64(0)
		if round > 0 {
			old = must(x.Records().Get(x.ctx, "shared")).Revision
		}
		together(writers, func(i int) {
			_, err := x.Records().Swap(x.ctx, "shared", old, []byte(name("%d", i)), 0)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				x.want(err, fhir.Conflict)
			}
		})
		x.equal(won, 1)
	}

	// A counter that everybody raises until it worked once.
	together(writers, func(int) {
		for {
			now, err := x.Records().Get(x.ctx, "counter")
			count := 0
			if err == nil {
				count, _ = strconv.Atoi(string(now.Value)) // what it cannot read shows in the sum
			}
			if _, err := x.Records().Swap(x.ctx, "counter", now.Revision, []byte(name("%d", count+1)), 0); err == nil {
				return
			}
		}
	})
	x.equal(string(must(x.Records().Get(x.ctx, "counter")).Value), name("%d", writers))
}

// recordScans holds prefix, order and paging of scans.
func recordScans(x *house) {
	names := []string{"a", "b/", "b/1", "b/10", "b/2", "b/A", "b/a", "b/é", "b/\U0001F600", "b0"}
	for _, n := range names {
		_, err := x.Records().Swap(x.ctx, n, 0, []byte(n), 0)
		x.check(err)
	}
	scan := func(prefix, after string, limit int) []string {
		x.Helper()
		found, err := x.Records().Scan(x.ctx, prefix, after, limit)
		x.check(err)
		list := []string{}
		for _, r := range found {
			x.equal(string(r.Value), r.Name)
			list = append(list, r.Name)
		}
		return list
	}
	x.equal(scan("", "", 100), names)
	x.equal(scan("b/", "", 100), names[1:9])
	x.equal(scan("b/", "b/", 100), names[2:9])
	x.equal(scan("b/1", "", 100), names[2:4])
	x.equal(scan("b/", "b/zzz", 1), []string{"b/é"})
	x.equal(scan("b/", "c", 100), []string{})
	x.equal(scan("b/", "a", 2), names[1:3])
	x.equal(scan("d", "", 100), []string{})
	for limit := 1; limit < 5; limit++ {
		all := []string{}
		for after := ""; ; after = all[len(all)-1] {
			part := scan("b", after, limit)
			if len(part) == 0 {
				break
			}
			all = append(all, part...)
		}
		x.equal(all, names[1:])
	}
}
