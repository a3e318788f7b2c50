package sqlite

import (
	"bytes"
	"database/sql/driver"
	"math"
	"slices"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// What the versions miss in the index is found from their side. From the side of the index is found what no version has.

// first comes before every number.
const first = int64(math.MinInt64)

// strays are rows of live without a version.
func (k *checking) strays() error {
	return k.walk(`SELECT l.instant, v.instant, l.id, n.partition, n.type
		FROM live l LEFT JOIN version v ON v.instant = l.instant LEFT JOIN name n ON n.number = l.scope
		WHERE l.instant > ? AND l.instant <= ? ORDER BY l.instant LIMIT +?`, []driver.Value{first}, []driver.Value{k.last}, func(_ *conn, rows [][]driver.Value) error {
		for _, row := range rows {
			if row[1] == nil {
				k.report(storage.Fault{
					Partition: fhir.Partition(text(row[3])), Key: fhir.Key{Type: text(row[4]), ID: text(row[2])},
					Detail: "Searches find it, but there is no such version.",
				})
			}
		}
		return nil
	}, nil)
}

// terms are rows of the index of terms.
func (k *checking) terms() error {
	return k.walk(`SELECT t.param, t.hash, t.instant, l.entries FROM term t LEFT JOIN live l ON l.instant = t.instant
		WHERE (t.param, t.hash, t.instant) > (?, ?, ?) ORDER BY t.param, t.hash, t.instant LIMIT +?`,
		[]driver.Value{first, []byte{}, first}, nil, func(c *conn, rows [][]driver.Value) error {
			for _, row := range rows {
				if !k.hasTerm(blob(row[3]), integer(row[0]), blob(row[1])) {
					if err := k.place(c, integer(row[2]), "The index has a term that it does not have."); err != nil {
						return err
					}
				}
			}
			return nil
		}, nil)
}

// hasTerm says whether entries have a term of that hash.
func (k *checking) hasTerm(entries []byte, param int64, hash []byte) bool {
	open := openFrame(param, termFrame, "")
	for {
		_, rest, found := bytes.Cut(entries, open)
		if !found {
			return false
		}
		value, _, _ := bytes.Cut(rest, []byte{edge})
		if found := k.hash(unescape(value)); bytes.Equal(found[:], hash) {
			return true
		}
		entries = rest
	}
}

// texts are rows of the index of texts.
func (k *checking) texts() error {
	return k.walk(`SELECT t.param, t.folded, t.instant, l.entries FROM text t LEFT JOIN live l ON l.instant = t.instant
		WHERE (t.param, t.folded, t.instant) > (?, ?, ?) ORDER BY t.param, t.folded, t.instant LIMIT +?`,
		[]driver.Value{first, "", first}, nil, func(c *conn, rows [][]driver.Value) error {
			for _, row := range rows {
				if !bytes.Contains(blob(row[3]), wholeFrame(integer(row[0]), foldedFrame, text(row[1]))) {
					if err := k.place(c, integer(row[2]), "The index has a text that it does not have."); err != nil {
						return err
					}
				}
			}
			return nil
		}, nil)
}

// ordereds are rows of the index of Ordereds.
func (k *checking) ordereds() error {
	return k.walk(`SELECT o.param, o.class, o.low, o.id, o.high, o.instant, l.id, l.entries FROM ordered o INDEXED BY `+orderedLow+` LEFT JOIN live l ON l.instant = o.instant
		WHERE (o.param, o.class, o.low, o.id, o.high) > (?, ?, ?, ?, ?) ORDER BY o.param, o.class, o.low, o.id, o.high LIMIT +?`,
		[]driver.Value{first, first, "", "", ""}, nil, func(c *conn, rows [][]driver.Value) error {
			for _, row := range rows {
				is := orderedRow{integer(row[0]), integer(row[1]), text(row[2]), text(row[4])}
				if row[6] != row[3] || !slices.Contains(oldIndex(blob(row[7]), unhashed).ordereds, is) {
					if err := k.place(c, integer(row[5]), "The index has an ordered value that it does not have."); err != nil {
						return err
					}
				}
			}
			return nil
		}, nil)
}

// unhashed is for who asks nothing about terms.
func unhashed(string) digest { return digest{} }

// places are rows of the index of places.
func (k *checking) places() error {
	return k.walk(`SELECT p.param, p.latitude, p.longitude, p.instant, l.entries FROM place p LEFT JOIN live l ON l.instant = p.instant
		WHERE (p.param, p.latitude, p.longitude, p.instant) > (?, ?, ?, ?) ORDER BY p.param, p.latitude, p.longitude, p.instant LIMIT +?`,
		[]driver.Value{first, -math.MaxFloat64, -math.MaxFloat64, first}, nil, func(c *conn, rows [][]driver.Value) error {
			for _, row := range rows {
				is := placeRow{integer(row[0]), search.Point{Latitude: real64(row[1]), Longitude: real64(row[2])}}
				if !slices.Contains(oldIndex(blob(row[4]), unhashed).places, is) {
					if err := k.place(c, integer(row[3]), "The index has a place that it does not have."); err != nil {
						return err
					}
				}
			}
			return nil
		}, nil)
}

// spans are the instants of the index of ranges. Those of versions that can be searched were compared with their entries.
func (k *checking) spans() error {
	return k.walk(`SELECT DISTINCT s.instant, l.instant FROM span s LEFT JOIN live l ON l.instant = s.instant
		WHERE s.instant > ? AND s.instant <= ? ORDER BY s.instant LIMIT +?`, []driver.Value{first}, []driver.Value{k.last}, func(c *conn, rows [][]driver.Value) error {
		for _, row := range rows {
			if row[1] == nil {
				if err := k.place(c, integer(row[0]), "The index has ranges of it, but it cannot be searched."); err != nil {
					return err
				}
			}
		}
		return nil
	}, nil)
}

// records are those that are not resources. What they hold is for those who wrote it.
func (k *checking) records() error {
	var last, rows int64
	return k.walk("SELECT r.name, r.revision, typeof(r.value) = 'text', (SELECT max(last) FROM revision), (SELECT count(*) FROM revision) FROM record r WHERE r.name > ? ORDER BY r.name LIMIT +?",
		[]driver.Value{""}, nil, func(_ *conn, all [][]driver.Value) error {
			for _, row := range all {
				k.done.Records++
				revision := integer(row[1])
				if last, rows = integer(row[3]), integer(row[4]); revision < 1 || revision > last || rows != 1 {
					k.faultf("A record has revision %d, but the last that was given is %d.", revision, last)
				}
				if integer(row[2]) != 1 {
					k.faultf("The record of revision %d holds no value.", revision)
				}
			}
			return nil
		}, nil)
}
