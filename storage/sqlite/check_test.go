package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/sqlite"
)

// wellIndexed are entries of every kind: of two texts that fold to one, and two ranges of one parameter.
func wellIndexed(fhir.Partition, fhir.Version) (search.Entries, error) {
	return search.Entries{
		Terms:    []search.Term{{Param: "code", Value: "x"}, {Param: "code", Value: ""}, {Param: "tag", Value: "\xff:"}},
		Texts:    []search.Text{{Param: "name", Folded: "anna", Exact: "Anna"}, {Param: "name", Folded: "anna", Exact: "ANNA"}, {Param: "name", Folded: "bo", Exact: "Bo"}},
		Ranges:   []search.Range{{Param: "date", Interval: fhir.Interval{Low: 1, High: 2}}, {Param: "date", Interval: fhir.Interval{Low: 7, High: 9}}, {Param: "born", Interval: fhir.Interval{Low: 3, High: 4}}},
		Ordereds: []search.Ordered{{Param: "size", Low: "1", High: "1"}, {Param: "size", Low: "2", High: "4"}, {Param: "url", Low: "u", High: "u"}},
		Places:   []search.Place{{Param: "near", Point: search.Point{Latitude: 51.5, Longitude: -0.125}}},
	}, nil
}

// village is a store with a resource of three versions, one of a single version, and one that was deleted; and a record.
func village(t *testing.T) *sqlite.Store {
	t.Helper()
	store := open(t, sqlite.Config{})
	for _, ids := range [][]string{{"a", "b", "gone"}, {"a"}, {"a", "-gone"}} {
		var ops []storage.Op
		for _, id := range ids {
			if id, deleted := strings.CutPrefix(id, "-"); deleted {
				ops = append(ops, storage.Op{Key: key(id)})
			} else {
				op := put(id, "")
				op.Entries, _ = wellIndexed("", fhir.Version{})
				ops = append(ops, op)
			}
		}
		if _, err := store.Commit(t.Context(), home, ops); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Records().Swap(t.Context(), "r", 0, []byte("value"), 0); err != nil {
		t.Fatal(err)
	}
	return store
}

// faultsOf are the faults of a store as lines.
func faultsOf(t *testing.T, store storage.Store) []string {
	t.Helper()
	var faults []string
	_, err := store.Check(t.Context(), wellIndexed, func(f storage.Fault) { faults = append(faults, f.String()) })
	if err != nil {
		t.Error(err)
	}
	return faults
}

func TestCheckFindsDamage(t *testing.T) {
	const (
		at     = "(SELECT instant FROM version WHERE id = '%s' AND number = %d)"
		a1     = "demo/test Appointment/a version 1: "
		a2     = "demo/test Appointment/a version 2: "
		a3     = "demo/test Appointment/a version 3: "
		b1     = "demo/test Appointment/b version 1: "
		gone1  = "demo/test Appointment/gone version 1: "
		gone2  = "demo/test Appointment/gone version 2: "
		term   = "The index has a term that it does not have."
		folded = "The index has a text that it does not have."
		ranges = "The index has ranges of it, but it cannot be searched."
		value  = "The index has an ordered value that it does not have."
		place  = "The index has a place that it does not have."
	)
	instant := func(id string, number int) string { return fmt.Sprintf(at, id, number) }
	a, b := instant("a", 3), instant("b", 1)
	body := func(old, anew string) string {
		return "UPDATE version SET body = CAST(replace(CAST(body AS TEXT), '" + old + "', '" + anew + "') AS BLOB) WHERE instant = " + b
	}
	entries := func(anew string) string { return "UPDATE live SET entries = " + anew + " WHERE instant = " + b }
	param := func(name string) string { return "(SELECT number FROM name WHERE param = '" + name + "')" }
	for name, c := range map[string]struct {
		damage []string
		want   []string
	}{
		"nothing": {},

		"body is cut":     {[]string{"UPDATE version SET body = substr(body, 1, 30) WHERE instant = " + b}, []string{b1 + "Its body is no JSON of a resource."}},
		"another type":    {[]string{body("Appointment", "Patient")}, []string{b1 + "Its body is another's: resourceType in it differ from what the version is."}},
		"another id":      {[]string{body(`"id":"b"`, `"id":"c"`)}, []string{b1 + "Its body is another's: id in it differ from what the version is."}},
		"another number":  {[]string{body(`"versionId":"1"`, `"versionId":"2"`)}, []string{b1 + "Its body is another's: meta.versionId in it differ from what the version is."}},
		"another instant": {[]string{body(`"lastUpdated":"2`, `"lastUpdated":"1`)}, []string{b1 + "Its body is another's: meta.lastUpdated in it differ from what the version is."}},
		"no meta":         {[]string{body(`"meta"`, `"atem"`)}, []string{b1 + "Its body is another's: meta.versionId, meta.lastUpdated in it differ from what the version is."}},
		"no body":         {[]string{"UPDATE version SET body = NULL WHERE instant = " + b}, []string{b1 + "It has no body, and is no deletion."}},
		"deletion's body": {[]string{"UPDATE version SET body = '{}' WHERE number = 2 AND id = 'gone'", "UPDATE version SET body = CAST(body AS BLOB) WHERE id = 'gone'"}, []string{gone2 + "It is a deletion and has a body."}},
		"unknown method":  {[]string{"UPDATE version SET method = 7 WHERE instant = " + b}, []string{b1 + "No method is known by which it came to be."}},
		"of another place": {[]string{"UPDATE version SET partition = 'other/test' WHERE instant = " + b}, []string{
			"other/test Appointment/b version 1: Its index rows are those of another type or id.", "other/test Appointment/b version 1: Its index entries cannot be read.",
			"other/test Appointment/b version 1: Its index entries are not those of its body, by the parameters born, code, date, name, near, size, tag, url."}},

		"gap":               {[]string{"DELETE FROM version WHERE id = 'a' AND number = 2"}, []string{a3 + "There is no version 2 before it."}},
		"no first version":  {[]string{"DELETE FROM version WHERE id = 'a' AND number = 1"}, []string{a2 + "There is no version 1 before it."}},
		"not counted":       {[]string{"UPDATE version SET number = 0 WHERE id = 'b'"}, []string{"demo/test Appointment/b: Its number is no positive number.", "demo/test Appointment/b: Its body is another's: meta.versionId in it differ from what the version is."}},
		"deleted twice":     {[]string{"UPDATE version SET method = 3, body = NULL WHERE id = 'gone' AND number = 1"}, []string{gone1 + "It deletes what was not there.", gone2 + "It deletes what was not there."}},
		"instants backward": {[]string{"UPDATE version SET instant = instant - 1000000000 WHERE id = 'a' AND number = 2"}, []string{a2 + "Its body is another's: meta.lastUpdated in it differ from what the version is.", a2 + "It is not later than the version before it."}},
		"number twice": {[]string{
			"PRAGMA writable_schema = 1", "UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE ', '') WHERE name = 'version_key'", "PRAGMA writable_schema = RESET",
			"UPDATE version SET number = 1 WHERE id = 'a' AND number = 2",
			"PRAGMA writable_schema = 1", "UPDATE sqlite_schema SET sql = replace(sql, 'CREATE ', 'CREATE UNIQUE ') WHERE name = 'version_key'", "PRAGMA writable_schema = RESET",
		}, []string{
			"The file is damaged: non-unique entry in index version_key.",
			a1 + "Its number is given to several versions.",
			a1 + "Its number is given to several versions.", a1 + "Its body is another's: meta.versionId in it differ from what the version is.",
			a3 + "There is no version 2 before it.",
		}},

		"not found by searches": {[]string{"DELETE FROM live WHERE instant = " + b, "DELETE FROM term WHERE instant = " + b, "DELETE FROM text WHERE instant = " + b}, []string{
			b1 + "It is the current version, but no search finds it.", b1 + ranges, b1 + value, b1 + value, b1 + value, b1 + place}},
		"superseded is found": {[]string{"INSERT INTO live SELECT " + instant("a", 2) + ", scope, id, entries FROM live WHERE id = 'b'"}, []string{
			a2 + "It is superseded or a deletion, but searches find it."}},
		"deletion is found": {[]string{"INSERT INTO live SELECT " + instant("gone", 2) + ", scope, id, entries FROM live WHERE id = 'b'"}, []string{
			gone2 + "It is superseded or a deletion, but searches find it."}},
		"version is gone": {[]string{"DELETE FROM version WHERE id = 'b'"}, []string{
			"demo/test Appointment/b: Searches find it, but there is no such version."}},
		"index of another type": {[]string{"UPDATE live SET scope = " + param("tag") + " WHERE instant = " + b}, []string{b1 + "Its index rows are those of another type or id."}},
		"index of another id": {[]string{"UPDATE live SET id = 'c' WHERE instant = " + b}, []string{
			b1 + "Its index rows are those of another type or id.", b1 + "Of its 3 ordered values in the index 3 are missing.", b1 + value, b1 + value, b1 + value}},
		"range of another id": {[]string{"UPDATE span SET id = 'c' WHERE low = 7 AND instant = " + b}, []string{b1 + "Its index rows are those of another type or id."}},

		"entries are cut": {[]string{entries("substr(entries, 1, length(entries) - 1)")}, []string{b1 + "Its index entries cannot be read."}},
		"entries of nobody's parameter": {[]string{entries("CAST(replace(CAST(entries AS TEXT), " + param("born") + " || ':S', '999:S') AS BLOB)")}, []string{
			b1 + "Its index entries cannot be read.", b1 + "Its index entries are not those of its body, by the parameters born."}},
		"entries of another body": {[]string{entries("CAST(replace(CAST(entries AS TEXT), 'XBo', 'XBa') AS BLOB)")}, []string{
			b1 + "Its index entries are not those of its body, by the parameters name."}},
		"terms are missing": {[]string{"DELETE FROM term WHERE instant = " + b + " AND param = " + param("code")}, []string{b1 + "Of its 3 terms in the index 2 are missing."}},
		"text is missing":   {[]string{"DELETE FROM text WHERE folded = 'anna' AND instant = " + b}, []string{b1 + "Of its 2 texts in the index 1 are missing."}},
		"range is missing": {[]string{"DELETE FROM span WHERE low = 7 AND instant = " + b}, []string{
			b1 + "Its ranges in the index are not those that its entries tell of.", b1 + "Its index entries are not those of its body, by the parameters date."}},
		"range moved": {[]string{"UPDATE span SET low = 5, high = 6 WHERE low = 3 AND instant = " + b}, []string{
			b1 + "Its index entries are not those of its body, by the parameters born."}},
		"range misfiled": {[]string{"UPDATE span SET class = class + 1 WHERE low = 3 AND instant = " + b}, []string{
			b1 + "Its ranges in the index are not those that its entries tell of.", b1 + "Its index entries are not those of its body, by the parameters born."}},

		"ordered value is missing": {[]string{"DELETE FROM ordered WHERE low = '2' AND instant = " + b}, []string{b1 + "Of its 3 ordered values in the index 1 are missing."}},
		"ordered value misfiled": {[]string{"UPDATE ordered SET class = 0 WHERE low = '1' AND instant = " + b}, []string{
			b1 + "Of its 3 ordered values in the index 1 are missing.", b1 + value}},
		"ordered value of another id": {[]string{"UPDATE ordered SET id = 'c' WHERE low = 'u' AND instant = " + b}, []string{
			b1 + "Of its 3 ordered values in the index 1 are missing.", b1 + value}},
		"place is missing": {[]string{"DELETE FROM place WHERE instant = " + b}, []string{b1 + "Of its 1 places in the index 1 are missing."}},

		"strange ordered value":       {[]string{"INSERT INTO ordered SELECT param, class, 'v', id, high, instant FROM ordered WHERE low = 'u' AND instant = " + b}, []string{b1 + value}},
		"ordered value of superseded": {[]string{"UPDATE ordered SET instant = " + instant("a", 1) + " WHERE low = 'u' AND instant = " + b}, []string{a1 + value, b1 + "Of its 3 ordered values in the index 1 are missing."}},
		"strange place":               {[]string{"INSERT INTO place SELECT param, 51.25, longitude, instant FROM place WHERE instant = " + b}, []string{b1 + place}},
		"place of deletion":           {[]string{"INSERT INTO place SELECT param, latitude, longitude, " + instant("gone", 2) + " FROM place WHERE instant = " + b}, []string{gone2 + place}},

		"strange term":         {[]string{"INSERT INTO term SELECT param, 12345, instant FROM term WHERE param = " + param("tag") + " AND instant = " + a}, []string{a3 + term}},
		"term of superseded":   {[]string{"INSERT INTO term SELECT param, hash, " + instant("a", 1) + " FROM term WHERE param = " + param("tag") + " AND instant = " + b}, []string{a1 + term}},
		"term of deletion":     {[]string{"INSERT INTO term SELECT param, hash, " + instant("gone", 2) + " FROM term WHERE param = " + param("tag") + " AND instant = " + b}, []string{gone2 + term}},
		"term of nothing":      {[]string{"INSERT INTO term SELECT param, hash, 5 FROM term WHERE param = " + param("tag") + " AND instant = " + b}, []string{term + " There is no version of its instant, 5."}},
		"strange text":         {[]string{"INSERT INTO text SELECT param, 'ann', instant FROM text WHERE folded = 'bo' AND instant = " + b}, []string{b1 + folded}},
		"text of superseded":   {[]string{"INSERT INTO text SELECT param, folded, " + instant("a", 2) + " FROM text WHERE folded = 'bo' AND instant = " + b}, []string{a2 + folded}},
		"ranges of superseded": {[]string{"INSERT INTO span SELECT " + instant("a", 1) + ", param, low, high, class, id FROM span WHERE low = 7 AND instant = " + b}, []string{a1 + ranges}},

		"revision never given": {[]string{"UPDATE record SET revision = 9"}, []string{"A record has revision 9, but the last that was given is 1."}},
		"record without value": {[]string{"UPDATE record SET value = x'01'"}, []string{"The record of revision 1 holds no value."}},

		"index is missing":   {[]string{"DROP INDEX span_low"}, []string{"The index span_low is missing in the file, or not as this program makes it; what the tables hold was not looked at."}},
		"table is missing":   {[]string{"DROP TABLE term"}, []string{"The table term is missing in the file, or not as this program makes it; what the tables hold was not looked at."}},
		"index is another":   {[]string{"DROP INDEX live_scope", "CREATE INDEX live_scope ON live (id)"}, []string{"The index live_scope is missing in the file, or not as this program makes it; what the tables hold was not looked at."}},
		"strange table":      {[]string{"CREATE TABLE stranger (x)"}, []string{"The table stranger in the file is none of this program's."}},
		"statistics are not": {[]string{"ANALYZE"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := village(t)
			if err := sqlite.Damage(store, c.damage...); err != nil {
				t.Fatal(err)
			}
			got := faultsOf(t, store)
			slices.Sort(got)
			want := slices.Sorted(slices.Values(c.want))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("faults: got +, want -:\n%s", diff)
			}
		})
	}
}

// Pages that were overwritten are a fault and no error; what can be read is looked at all the same.
func TestCheckOfTornFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store := open(t, sqlite.Config{Path: path})
	for i := range 300 {
		op := put(fmt.Sprint(i), "tag")
		op.Entries, _ = wellIndexed("", fhir.Version{})
		if _, err := store.Commit(t.Context(), home, []storage.Op{op}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	const page = 4096
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found, looked := 0, 0
	for n := 2; n < len(whole)/page; n += 5 { // but the first, which makes it a database, and the second, of the migrations
		torn := filepath.Join(t.TempDir(), "torn.db")
		if err := os.WriteFile(torn, slices.Concat(whole[:n*page], make([]byte, page/2), whole[n*page+page/2:]), 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := sqlite.OpenToRead(t.Context(), sqlite.Config{Path: torn})
		if err != nil {
			continue
		}
		looked++
		if len(faultsOf(t, store)) > 0 {
			found++
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	if looked < 5 || found != looked {
		t.Errorf("of %d torn files that open, damage was found in %d", looked, found)
	}
}

// A check goes on to its end, and ends with its context, however long what it asks of SQLite takes.
func TestCheckEndsWithItsContext(t *testing.T) {
	store := village(t)
	ctx, cancel := context.WithCancel(t.Context())
	reports := 0
	if err := sqlite.Damage(store, "UPDATE version SET method = 7"); err != nil {
		t.Fatal(err)
	}
	_, err := store.Check(ctx, nil, func(storage.Fault) { reports++; cancel() })
	if !errors.Is(err, context.Canceled) || reports == 0 {
		t.Errorf("error %v after %d reports, want context.Canceled", err, reports)
	}
}
