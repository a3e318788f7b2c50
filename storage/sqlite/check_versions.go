package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// specimen is a version under examination, with what there is beside it in the same state of the store.
type specimen struct {
	partition fhir.Partition
	version   fhir.Version
	twins     int64        // rows of its number
	previous  driver.Value // instant of the version before it; NULL where there is none
	mourned   bool         // the version before it is a deletion
	current   bool
	live      *liveRow // nil: it cannot be searched
	numbers   numbers  // of its type
}

// liveRow is a row of live, and what was found of it in the other index tables.
type liveRow struct {
	scope   int64
	id      string
	entries []byte
	index   index // that the entries promise
	lacks   []lack
	rows    int64 // that are there, but those of spans
	spans   []spanRow
	ids     bool // all of the spans have the id
}

// A number between itself and itself may come several times; of one that equals another SQLite knows that it is unique.
const walkVersions = `SELECT v.instant, v.partition, v.type, v.id, v.number, v.method, v.body,
		(SELECT count(*) ` + sameKey + ` k.number BETWEEN v.number AND v.number),
		(SELECT k.instant ` + sameKey + ` k.number = v.number - 1),
		(SELECT k.method ` + sameKey + ` k.number = v.number - 1),
		NOT EXISTS (SELECT 1 ` + sameKey + ` k.number > v.number),
		l.scope, l.id, l.entries
	FROM version v NOT INDEXED LEFT JOIN live l ON l.instant = v.instant WHERE v.instant > ? AND v.instant <= ? ORDER BY v.instant LIMIT +?`

const sameKey = "FROM version k INDEXED BY version_key WHERE k.partition = v.partition AND k.type = v.type AND k.id = v.id AND"

// versions examines every version, and the index rows of those that have any.
func (k *checking) versions() error {
	var some []specimen
	gather := func(c *conn, rows [][]driver.Value) error {
		some = some[:0]
		for _, row := range rows {
			s, err := k.specimen(c, row)
			if err != nil {
				return err
			}
			some = append(some, s)
		}
		return nil
	}
	return k.walk(walkVersions, []driver.Value{first}, []driver.Value{k.last}, gather, func() error {
		for i := range some {
			if err := k.examine(&some[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *checking) specimen(c *conn, row []driver.Value) (s specimen, err error) {
	s.partition = fhir.Partition(text(row[1]))
	s.version = version(fhir.Key{Type: text(row[2]), ID: text(row[3])}, []driver.Value{row[4], row[0], row[5], row[6]})
	s.twins, s.previous, s.mourned, s.current = integer(row[7]), row[8], fhir.Method(integer(row[9])) == fhir.Deleted, integer(row[10]) == 1
	if row[11] == nil {
		return s, nil
	}
	s.live = &liveRow{scope: integer(row[11]), id: text(row[12]), entries: blob(row[13])}
	if s.numbers, err = k.numbersOf(c, scope{s.partition, s.version.Key.Type}, s.live); err != nil {
		return s, err
	}
	return s, s.live.gather(k.ctx, c, s.version.Instant, k.hash)
}

// numbersOf are the numbers of a type's parameters. They are read anew when the entries have others: they may have come to be meanwhile.
func (k *checking) numbersOf(c *conn, of scope, l *liveRow) (numbers, error) {
	known, read := k.known[of]
	if read && l.readable(known) {
		return known, nil
	}
	known, err := readNumbers(k.ctx, c, of)
	k.known[of] = known
	return known, err
}

var (
	countTerms = rows("SELECT count(*) FROM term WHERE (param, hash, instant) IN (VALUES ", "(?, ?, ?)", ")", 3)
	countTexts = rows("SELECT count(*) FROM text WHERE (param, folded, instant) IN (VALUES ", "(?, ?, ?)", ")", 3)

	countOrdereds = rows("SELECT count(*) FROM ordered INDEXED BY "+orderedLow+" WHERE (param, class, low, id, high, instant) IN (VALUES ", "(?, ?, ?, ?, ?, ?)", ")", 6)
	countPlaces   = rows("SELECT count(*) FROM place WHERE (param, latitude, longitude, instant) IN (VALUES ", "(?, ?, ?, ?)", ")", 4)
)

// lack is a number of rows that entries promise and an index does not have.
type lack struct {
	what          string
	want, missing int64
}

// gather finds what the entries promise in the other tables.
func (l *liveRow) gather(ctx context.Context, c *conn, at fhir.Instant, hash func(string) digest) error {
	l.index = oldIndex(l.entries, hash)
	for _, part := range []struct {
		what string
		batch
	}{
		{"terms", batch{countTerms, l.index.termValues(at)}}, {"texts", batch{countTexts, l.index.textValues(at)}},
		{"ordered values", batch{countOrdereds, l.index.orderedValues(at, l.id)}}, {"places", batch{countPlaces, l.index.placeValues(at)}},
	} {
		found, err := c.count(ctx, part.many, part.values)
		if err != nil {
			return err
		}
		if want := int64(len(part.values) / part.columns); found != want {
			l.lacks = append(l.lacks, lack{part.what, want, want - found})
		}
		l.rows += found
	}
	l.ids = true
	return c.query(ctx, "SELECT param, low, high, class, id FROM span WHERE instant = ? ORDER BY param, low, high", []driver.Value{int64(at)}, func(row []driver.Value) error {
		l.spans = append(l.spans, spanRow{integer(row[0]), fhir.Instant(integer(row[1])), fhir.Instant(integer(row[2])), integer(row[3])})
		l.ids = l.ids && text(row[4]) == l.id
		return nil
	})
}

// count adds up what a statement counts for all rows, whose values stand one behind the other.
func (c *conn) count(ctx context.Context, m many, values []driver.Value) (total int64, err error) {
	for len(values) > 0 {
		text, width := m.next(len(values))
		n, _, err := c.number(ctx, text, values[:width]...)
		if err != nil {
			return 0, err
		}
		total, values = total+n, values[width:]
	}
	return total, nil
}

// examine reports what contradicts itself in a version.
func (k *checking) examine(s *specimen) error {
	k.done.Versions++
	alive := s.current && !s.version.IsDeleted()
	if alive {
		k.done.Resources++
	}
	inBody := s.inBody()
	faults := append(s.inHistory(), inBody...)
	switch {
	case alive && s.live == nil:
		faults = append(faults, "It is the current version, but no search finds it.")
	case !alive && s.live != nil:
		faults = append(faults, "It is superseded or a deletion, but searches find it.")
	case alive:
		k.done.Entries += 1 + s.live.rows + int64(len(s.live.spans))
		faults = append(faults, s.inIndex()...)
		if k.entriesOf != nil && inBody == nil {
			others, err := k.otherEntries(s)
			if err != nil {
				return err
			}
			faults = append(faults, others...)
		}
	}
	for _, f := range faults {
		k.report(storage.Fault{Partition: s.partition, Key: s.version.Key, Number: s.version.Number, Detail: f})
	}
	return nil
}

// inHistory are the faults of a version among the others of its resource.
func (s *specimen) inHistory() (faults []string) {
	add := func(wrong bool, fault string) {
		if wrong {
			faults = append(faults, fault)
		}
	}
	v := s.version
	add(s.twins != 1, "Its number is given to several versions.")
	add(v.Number < 1, "Its number is no positive number.")
	add(v.Number > 1 && s.previous == nil, fmt.Sprintf("There is no version %d before it.", v.Number-1))
	add(s.previous != nil && integer(s.previous) >= int64(v.Instant), "It is not later than the version before it.")
	add(v.Method.String() == "", "No method is known by which it came to be.")
	add(v.IsDeleted() && (s.previous == nil || s.mourned), "It deletes what was not there.")
	return faults
}

// inBody are the faults of a version's body.
func (s *specimen) inBody() []string {
	v := s.version
	switch {
	case v.IsDeleted() && v.Body != nil:
		return []string{"It is a deletion and has a body."}
	case v.IsDeleted():
		return nil
	case v.Body == nil:
		return []string{"It has no body, and is no deletion."}
	}
	r, err := fhir.ParseResource(v.Body)
	if err != nil {
		return []string{"Its body is no JSON of a resource."}
	}
	var wrong []string
	meta := r.Root().Object("meta")
	for _, is := range []struct{ place, said, want string }{
		{"resourceType", r.Type(), v.Key.Type}, {"id", r.ID(), v.Key.ID},
		{"meta.versionId", meta.Text("versionId"), strconv.FormatInt(v.Number, 10)}, {"meta.lastUpdated", meta.Text("lastUpdated"), v.Instant.String()},
	} {
		if is.said != is.want {
			wrong = append(wrong, is.place)
		}
	}
	if wrong == nil {
		return nil
	}
	return []string{"Its body is another's: " + strings.Join(wrong, ", ") + " in it differ from what the version is."}
}

// inIndex are the faults of a version's index rows, compared with each other.
func (s *specimen) inIndex() (faults []string) {
	l := s.live
	if l.scope != s.numbers[""] || l.id != s.version.Key.ID || !l.ids {
		faults = append(faults, "Its index rows are those of another type or id.")
	}
	if !l.readable(s.numbers) {
		return append(faults, "Its index entries cannot be read.")
	}
	for _, is := range l.lacks {
		faults = append(faults, fmt.Sprintf("Of its %d %s in the index %d are missing.", is.want, is.what, is.missing))
	}
	want := index{spans: slices.Clone(l.spans)}
	if want.settle(); !slices.Equal(want.spans, l.spans) || !slices.Equal(l.spanParams(), paramsOf(l.spans)) {
		faults = append(faults, "Its ranges in the index are not those that its entries tell of.")
	}
	return faults
}

// readable says whether the entries are frames from beginning to end, and their parameters those of the version's type.
func (l *liveRow) readable(known numbers) bool {
	valid := make(map[int64]bool, len(known))
	for name, number := range known {
		valid[number] = name != ""
	}
	var again frames
	for f := range readFrames(l.entries) {
		if !valid[f.param] || !strings.ContainsRune(frameKinds, rune(f.kind)) {
			return false
		}
		again.add(f.param, f.kind, f.value)
	}
	return bytes.Equal(again.bytes(), l.entries)
}

// spanParams are the parameters of which the entries say that there are ranges, once for each of them.
func (l *liveRow) spanParams() (params []int64) {
	for f := range readFrames(l.entries) {
		if f.kind == spanFrame {
			params = append(params, f.param)
		}
	}
	slices.Sort(params)
	return params
}

func paramsOf(spans []spanRow) (params []int64) {
	for _, r := range spans {
		params = append(params, r.param)
	}
	return params
}

// otherEntries says for which parameters the index has not what the body says.
func (k *checking) otherEntries(s *specimen) ([]string, error) {
	entries, err := k.entriesOf(s.partition, s.version)
	if err != nil {
		return nil, err
	}
	named := s.numbers.complete(params(entries))
	want := newIndex(entries, named, k.hash)
	if bytes.Equal(want.entries, s.live.entries) && slices.Equal(want.spans, s.live.spans) {
		return nil, nil
	}
	var differ []string
	for name, number := range named {
		if name != "" && (!slices.Equal(framesOf(want.entries, number), framesOf(s.live.entries, number)) || !slices.Equal(spansOf(want.spans, number), spansOf(s.live.spans, number))) {
			differ = append(differ, name)
		}
	}
	if differ == nil { // in another order, which means nothing
		return nil, nil
	}
	slices.Sort(differ)
	return []string{"Its index entries are not those of its body, by the parameters " + strings.Join(differ, ", ") + "."}, nil
}

// complete are the numbers with those that parameters lack made up: negative, as none is in a file.
func (k numbers) complete(params []string) numbers {
	all := make(numbers, len(k)+len(params))
	for name, number := range k {
		all[name] = number
	}
	for i, p := range params {
		if _, ok := all[p]; !ok {
			all[p] = int64(-1 - i)
		}
	}
	return all
}

// framesOf are the entries of a parameter, in an order of their own.
func framesOf(entries []byte, param int64) (all []string) {
	for f := range readFrames(entries) {
		if f.param == param {
			all = append(all, string(f.kind)+f.value)
		}
	}
	slices.Sort(all)
	return all
}

func spansOf(spans []spanRow, param int64) (all []spanRow) {
	for _, r := range spans {
		if r.param == param {
			all = append(all, r)
		}
	}
	return all
}
