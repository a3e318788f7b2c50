package mongo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// wellIndexed are entries of every kind: of two texts that fold to one, and two ranges of a promised key.
func wellIndexed(fhir.Partition, fhir.Version) (search.Entries, error) {
	return search.Entries{
		Terms:    []search.Term{{Param: "code", Value: "x"}, {Param: "code", Value: ""}, {Param: "rare:none", Value: ""}},
		Texts:    []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}, {Param: "name", Folded: "anna", Exact: "ANNA"}},
		Ranges:   []search.Range{{Param: "date", Interval: fhir.Interval{Low: 1, High: 2}}, {Param: "date", Interval: fhir.Interval{Low: 7, High: 9}}},
		Ordereds: []search.Ordered{{Param: "number", Low: "1", High: "1"}, {Param: "number", Low: "2", High: "4"}},
		Places:   []search.Place{{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: -0.125}}},
	}, nil
}

// village is a partition with a resource of three versions, one of a single version, and one that was deleted.
type village struct {
	*testing.T
	*Store
	partition fhir.Partition
}

func newVillage(t *testing.T, s *Store, name string) village {
	t.Helper()
	v := village{t, s, fhir.Partition(name)}
	for _, id := range []string{"a", "b", "gone", "a", "-gone", "a"} {
		op := put(patientKey(id), "", "")
		op.Entries, _ = wellIndexed("", fhir.Version{})
		if id, deleted := strings.CutPrefix(id, "-"); deleted {
			op = storage.Op{Key: patientKey(id)}
		}
		if _, err := s.Commit(t.Context(), v.partition, []storage.Op{op}); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// version is the document of a version, wherever it is.
func (v village) version(id string, number int64) (d bson.M) {
	v.Helper()
	err := v.current("Patient").FindOne(v.Context(), bson.M{"_id": documentID(v.partition, id), "version": number}).Decode(&d)
	if err != nil {
		err = v.past("Patient").FindOne(v.Context(), bson.M{"_id": pastID(v.partition, id, number)}).Decode(&d)
	}
	if err != nil {
		v.Fatal(err)
	}
	return d
}

// set changes fields of a version's document; nil takes a field away.
func (v village) set(id string, number int64, fields bson.M) {
	v.Helper()
	set, unset := bson.M{}, bson.M{}
	for field, value := range fields {
		if value == nil {
			unset[field] = ""
		} else {
			set[field] = value
		}
	}
	changes := bson.D{}
	if len(set) > 0 {
		changes = append(changes, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		changes = append(changes, bson.E{Key: "$unset", Value: unset})
	}
	in := v.past("Patient")
	place := v.version(id, number)["_id"]
	if place == documentID(v.partition, id) {
		in = v.current("Patient")
	}
	if _, err := in.UpdateOne(v.Context(), bson.M{"_id": place}, changes); err != nil {
		v.Fatal(err)
	}
}

// drop removes the document of a version.
func (v village) drop(id string, number int64) {
	v.Helper()
	place := bson.M{"_id": v.version(id, number)["_id"]}
	_, err := v.past("Patient").DeleteOne(v.Context(), place)
	if _, other := v.current("Patient").DeleteOne(v.Context(), place); err != nil || other != nil {
		v.Fatal(err, other)
	}
}

// archive puts a copy of a current version, changed, among the superseded ones.
func (v village) archive(id string, number int64, fields bson.M) {
	v.Helper()
	d := v.version(id, number)
	delete(d, "ix")
	d["_id"] = pastID(v.partition, id, number)
	for field, value := range fields {
		d[field] = value
	}
	if _, err := v.past("Patient").InsertOne(v.Context(), d); err != nil {
		v.Fatal(err)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	const (
		a1, a2, a3   = "Patient/a version 1: ", "Patient/a version 2: ", "Patient/a version 3: "
		b1           = "Patient/b version 1: "
		gone1, gone2 = "Patient/gone version 1: ", "Patient/gone version 2: "

		another = "Its body is another's: "
		differs = " in it differ from what the version is."
		unknown = "Its document cannot be read: a field of it has another type than it should have."
		mourned = "What it says is not so: whether there was a resource before it."
		otherAt = "It says of the version before it another instant than that has."
		search  = "Its index entries cannot be read."
	)
	cases := map[string]struct {
		damage func(v village)
		want   []string
	}{
		"nothing": {func(village) {}, nil},

		"another type":        {func(v village) { v.set("b", 1, bson.M{"resource.resourceType": "Slot"}) }, []string{b1 + another + "resourceType" + differs}},
		"another id":          {func(v village) { v.set("b", 1, bson.M{"resource.id": "c"}) }, []string{b1 + another + "id" + differs}},
		"another number":      {func(v village) { v.set("a", 2, bson.M{"resource.meta.versionId": "7"}) }, []string{a2 + another + "meta.versionId" + differs}},
		"another instant":     {func(v village) { v.set("b", 1, bson.M{"resource.meta.lastUpdated": "2026-01-01T00:00:00Z"}) }, []string{b1 + another + "meta.lastUpdated" + differs}},
		"no meta":             {func(v village) { v.set("b", 1, bson.M{"resource.meta": nil}) }, []string{b1 + another + "meta.versionId, meta.lastUpdated" + differs}},
		"no JSON has it":      {func(v village) { v.set("b", 1, bson.M{"resource.note": bson.NewObjectID()}) }, []string{b1 + "Its body is no resource."}},
		"body is a text":      {func(v village) { v.set("b", 1, bson.M{"resource": "text"}) }, []string{b1 + "Its body is no resource."}},
		"no body":             {func(v village) { v.set("b", 1, bson.M{"resource": nil}) }, []string{b1 + "It has no body, and is no deletion."}},
		"deletion with body":  {func(v village) { v.set("gone", 2, bson.M{"resource": bson.M{}}) }, []string{gone2 + "It is a deletion and has a body."}},
		"unknown method":      {func(v village) { v.set("b", 1, bson.M{"method": "GET"}) }, []string{b1 + "No method is known by which it came to be."}},
		"number is a text":    {func(v village) { v.set("b", 1, bson.M{"version": "1"}) }, []string{"Patient/b: " + unknown}},
		"superseded a text":   {func(v village) { v.set("a", 2, bson.M{"instant": "1"}) }, []string{a2 + unknown}},
		"of another id":       {func(v village) { v.set("b", 1, bson.M{"id": "c"}) }, []string{"Patient/c version 1: Its _id is \"of another id/b\", which is another's.", "Patient/c version 1: " + another + "id" + differs}},
		"of another number":   {func(v village) { v.set("a", 1, bson.M{"version": int64(0)}) }, nil}, // see below
		"of another instant":  {func(v village) { v.set("a", 2, bson.M{"previous": int64(5)}) }, []string{a2 + otherAt}},
		"of no instant":       {func(v village) { v.set("a", 3, bson.M{"previous": nil}) }, []string{a3 + otherAt}},
		"first has another":   {func(v village) { v.set("b", 1, bson.M{"previous": int64(5)}) }, []string{b1 + otherAt}},
		"first had existed":   {func(v village) { v.set("b", 1, bson.M{"existed": true}) }, []string{b1 + mourned}},
		"had not existed":     {func(v village) { v.set("a", 2, bson.M{"existed": false}) }, []string{a2 + mourned}},
		"gap":                 {func(v village) { v.drop("a", 2) }, []string{a3 + "There is no version 2 before it."}},
		"no first version":    {func(v village) { v.drop("a", 1) }, []string{a2 + "There is no version 1 before it."}},
		"no current version":  {func(v village) { v.drop("a", 3) }, []string{a1 + "It is superseded, but there is no current version.", a2 + "It is superseded, but there is no current version."}},
		"deleted twice":       {func(v village) { v.set("a", 2, bson.M{"method": "DELETE", "resource": nil}) }, []string{a3 + mourned}},
		"deleted from nought": {func(v village) { v.set("b", 1, bson.M{"method": "DELETE", "resource": nil, "ix": nil}) }, []string{b1 + "It deletes what was not there."}},
		"instants backward": {func(v village) { v.set("a", 2, bson.M{"instant": int64(1)}) }, []string{
			a2 + another + "meta.lastUpdated" + differs, a2 + "It is not later than the version before it.", a3 + otherAt}},

		"copy":           {func(v village) { v.archive("a", 3, nil) }, nil},
		"copy of a mark": {func(v village) { v.archive("gone", 2, nil) }, nil},
		"copy differs": {func(v village) {
			v.archive("b", 1, bson.M{"resource.note": "another"})
			v.set("b", 1, bson.M{"resource.note": "one"})
		}, []string{b1 + "It is a copy of the current version, and differs from it."}},
		"copy of another origin": {func(v village) { v.archive("b", 1, bson.M{"origin": "another"}) }, []string{b1 + "It is a copy of the current version, and differs from it."}},
		"origin is a number":     {func(v village) { v.set("b", 1, bson.M{"origin": 1}) }, []string{"Patient/b: " + unknown}},
		"newer than now":         {func(v village) { v.archive("b", 1, bson.M{"_id": pastID(v.partition, "b", 2), "version": int64(2)}) }, nil}, // see below
		"current is past":        {func(v village) { v.set("a", 3, bson.M{"version": int64(2)}) }, nil},                                         // see below

		"not found by searches": {func(v village) { v.set("b", 1, bson.M{"ix": nil}) }, []string{b1 + "It is the current version, but no search finds it."}},
		"superseded is found":   {func(v village) { v.set("a", 2, bson.M{"ix": bson.M{}}) }, []string{a2 + "It is superseded or a deletion, but has index entries."}},
		"deletion is found":     {func(v village) { v.set("gone", 2, bson.M{"ix": bson.M{}}) }, []string{gone2 + "It is superseded or a deletion, but has index entries."}},
		"strange entries":       {func(v village) { v.set("b", 1, bson.M{"ix.stranger": 1}) }, []string{b1 + search}},
		"no mark in a term":     {func(v village) { v.set("b", 1, bson.M{"ix.term": bson.A{"code"}}) }, []string{b1 + search}},
		"entries are a text":    {func(v village) { v.set("b", 1, bson.M{"ix": "text"}) }, []string{b1 + search}},
		"term is another": {func(v village) { v.set("b", 1, bson.M{"ix.term.0": "code=y"}) }, []string{
			b1 + "Its index entries are not those of its body, by the parameters code."}},
		"term is missing": {func(v village) { v.set("b", 1, bson.M{"ix.term": bson.A{"code=x", "code="}}) }, []string{
			b1 + "Its index entries contradict each other, in has.", b1 + "Its index entries are not those of its body, by the parameters rare:none."}},
		"text is another": {func(v village) { v.set("b", 1, bson.M{"ix.text.1.exact": "anna"}) }, []string{
			b1 + "Its index entries are not those of its body, by the parameters name."}},
		"range is another": {func(v village) { v.set("b", 1, bson.M{"ix.time.0.low": int64(0)}) }, []string{
			b1 + "Its index entries contradict each other, in sort.", b1 + "Its index entries are not those of its body, by the parameters date."}},
		"order is another": {func(v village) { v.set("b", 1, bson.M{"ix.order.1.high": "number=3"}) }, []string{
			b1 + "Its index entries contradict each other, in sort.", b1 + "Its index entries are not those of its body, by the parameters number."}},
		"place is missing": {func(v village) { v.set("b", 1, bson.M{"ix.place": nil}) }, []string{
			b1 + "Its index entries contradict each other, in has.", b1 + "Its index entries are not those of its body, by the parameters near."}},
		"has nothing":  {func(v village) { v.set("b", 1, bson.M{"ix.has": nil}) }, []string{b1 + "Its index entries contradict each other, in has."}},
		"sorted apart": {func(v village) { v.set("b", 1, bson.M{"ix.sort.number.low": "3"}) }, []string{b1 + "Its index entries contradict each other, in sort."}},
		"not long":     {func(v village) { v.set("b", 1, bson.M{"ix.long": nil}) }, []string{b1 + "Its index entries contradict each other, in long."}},
	}
	for name, want := range map[string][]string{
		"of another number": {
			"Patient/a: Its number is no positive number.", "Patient/a: Its _id is \"of another number/a/0000000001\", which is another's.", "Patient/a: " + another + "meta.versionId" + differs},
		"newer than now": {
			"Patient/b version 2: There is no version 1 before it.", "Patient/b version 2: " + another + "meta.versionId" + differs, "Patient/b version 2: It is superseded, but the current version is 1."},
		"current is past": {
			a2 + another + "meta.versionId" + differs, a2 + otherAt, a2 + "It is a copy of the current version, and differs from it."},
	} {
		c := cases[name]
		c.want = want
		cases[name] = c
	}

	s := openTest(t, t.TempDir(), nil)
	t.Run("damage", func(t *testing.T) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c.damage(newVillage(t, s, name))
			})
		}
	})
	got := make(map[string][]string) // the faults of one check, by partition
	looked, err := s.Check(t.Context(), wellIndexed, func(f storage.Fault) {
		name := string(f.Partition)
		got[name] = append(got[name], strings.TrimPrefix(f.String(), name+" "))
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		slices.Sort(c.want)
		slices.Sort(got[name])
		if diff := cmp.Diff(c.want, got[name]); diff != "" {
			t.Errorf("%s: faults: got +, want -:\n%s", name, diff)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("faults elsewhere: %v", got)
	}
	// Three documents are dropped. Of those that are added, and of two with one number, one is a version.
	if want := int64(6*len(cases) - 3); looked.Versions != want {
		t.Errorf("%d versions, want %d", looked.Versions, want)
	}
}

// What is no version is looked at as well: collections, what has a strange _id, records and the clock.
func TestCheckBesideVersions(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	newVillage(t, s, "demo/test")
	ctx := t.Context()
	slot := fhir.Key{Type: "Slot", ID: "s"}
	_, err := s.Commit(ctx, home, []storage.Op{put(slot, "", "")})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	check(s.db.CreateCollection(ctx, "stranger"))
	_, err = s.current("Patient").InsertOne(ctx, bson.M{"_id": 7})
	check(err)
	_, err = s.past("Slot").InsertOne(ctx, bson.M{"_id": bson.NewObjectID()})
	check(err)
	_, err = s.db.Collection(recordCollection).InsertMany(ctx, []any{
		bson.M{"_id": "r", "revision": int64(0), "value": bson.Binary{Data: []byte("v")}}, bson.M{"_id": "s", "revision": "one"}, bson.M{"_id": 8},
		bson.M{"_id": "t", "revision": int64(3)},
	})
	check(err)
	_, err = s.db.Collection(clockCollection).UpdateOne(ctx, bson.M{"_id": clockDocument}, bson.M{"$set": bson.M{clockTypes + ".Slot": int64(5)}}, options.UpdateOne().SetUpsert(true))
	check(err)

	var got []string
	looked, err := s.Check(ctx, nil, func(f storage.Fault) { got = append(got, f.String()) })
	check(err)
	want := []string{
		`The collection "stranger" in the database is none of this program's.`,
		`The collection "Patient" has documents whose _id is no text.`,
		`The collection "Slot_history" has documents whose _id is no text.`,
		`The collection "records" has documents whose _id is no text.`,
		"A record has revision 0, which is never given.", "A record's document cannot be read.",
		"demo/test Slot/s version 1: It came to be later than the clock in the database says of any version of its type: no history or feed has it.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults: got +, want -:\n%s", diff)
	}
	if looked.Records != 1 {
		t.Errorf("%d records, want 1", looked.Records)
	}
}

// Every document is looked at once, also where the history of one type stands behind the name of another in the list of collections.
func TestCheckCountsOnce(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	for _, typ := range []string{"Practitioner", "PractitionerRole"} {
		if _, err := s.Commit(t.Context(), home, []storage.Op{put(fhir.Key{Type: typ, ID: "a"}, "", "")}); err != nil {
			t.Fatal(err)
		}
	}
	looked, err := s.Check(t.Context(), nil, func(f storage.Fault) { t.Error(f) })
	if err != nil {
		t.Fatal(err)
	}
	if looked.Resources != 2 || looked.Versions != 2 {
		t.Errorf("%d resources, %d versions, want 2 of each", looked.Resources, looked.Versions)
	}
}

// A store whose clock was lost tells so, and is whole again when the clock was mended as DESIGN.md tells.
func TestClockIsMended(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	newVillage(t, s, "demo/test")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAgain(t, s.config)
	ctx, clock := t.Context(), s.db.Collection(clockCollection)
	if err := clock.Drop(ctx); err != nil {
		t.Fatal(err)
	}
	var faults []string
	if _, err := s.Check(ctx, nil, func(f storage.Fault) { faults = append(faults, f.String()) }); err != nil || len(faults) != 1 {
		t.Errorf("faults %q, want one, of the newest version (%v)", faults, err)
	}
	for _, c := range []string{"Patient", "Patient_history"} {
		var d bson.M
		if err := s.db.Collection(c).FindOne(ctx, bson.D{}, options.FindOne().SetSort(bson.D{down(fieldInstant)})).Decode(&d); err != nil {
			t.Fatal(err)
		}
		mend := bson.M{"$max": bson.M{"last": d["instant"], "types.Patient": d["instant"]}}
		if _, err := clock.UpdateOne(ctx, bson.M{"_id": "clock"}, mend, options.UpdateOne().SetUpsert(true)); err != nil {
			t.Fatal(err)
		}
	}
	storagetest.Clean(t, s)
	if events, err := s.Events(ctx, 0, 100); err != nil || len(events) != 6 {
		t.Errorf("%d events, want 6 (%v)", len(events), err)
	}
	if r, err := commitOne(ctx, s, put(patientKey("a"), "", "")); err != nil || r.Version.Number != 4 {
		t.Errorf("%+v, %v, want version 4", r, err)
	}
}

// A check ends with its context, and tells so.
func TestCheckEndsWithItsContext(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	newVillage(t, s, "demo/test").set("b", 1, bson.M{"method": "GET"})
	ctx, cancel := context.WithCancel(t.Context())
	reports := 0
	_, err := s.Check(ctx, nil, func(storage.Fault) { reports++; cancel() })
	if !errors.Is(err, context.Canceled) || reports == 0 {
		t.Errorf("error %v after %d reports, want context.Canceled", err, reports)
	}
}
