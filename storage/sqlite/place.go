package sqlite

import (
	"cmp"
	"database/sql/driver"
	"math"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite"

	"github.com/portico-health/portico/fhir/search"
)

// placeRow is a row of the table place.
type placeRow struct {
	param int64
	search.Point
}

// settlePlaces puts rows in an order, each once.
func settlePlaces(rows []placeRow) []placeRow {
	slices.SortFunc(rows, func(a, b placeRow) int {
		return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.Latitude, b.Latitude), cmp.Compare(a.Longitude, b.Longitude))
	})
	return slices.Compact(rows)
}

// placeText is the value of the frame of a place: both numbers with all their digits.
func placeText(p search.Point) string {
	return strconv.FormatFloat(p.Latitude, 'g', -1, 64) + " " + strconv.FormatFloat(p.Longitude, 'g', -1, 64)
}

// pointOf is the point that the value of a frame tells of.
func pointOf(framed string) (p search.Point, ok bool) {
	latitude, longitude, _ := strings.Cut(framed, " ")
	var wrong [2]error
	p.Latitude, wrong[0] = strconv.ParseFloat(latitude, 64)
	p.Longitude, wrong[1] = strconv.ParseFloat(longitude, 64)
	return p, wrong == [2]error{}
}

// metres is the distance of two points, as search.Point has it: latitude and longitude of the one and of the other.
func metres(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	return search.Point{Latitude: real64(args[0]), Longitude: real64(args[1])}.Metres(search.Point{Latitude: real64(args[2]), Longitude: real64(args[3])}), nil
}

// isNear says whether entries have a place that is so near: entries, parameter, latitude, longitude, metres.
func isNear(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	centre, most := search.Point{Latitude: real64(args[2]), Longitude: real64(args[3])}, real64(args[4])
	return anyFrameOf(blob(args[0]), integer(args[1]), placeFrame, func(v string) bool {
		p, ok := pointOf(v)
		return ok && p.Metres(centre) <= most
	}), nil
}

// real64 reads a number with a fraction; SQL's NULL is not a number.
func real64(v driver.Value) float64 {
	if f, ok := v.(float64); ok {
		return f
	}
	return math.NaN()
}

// near is the predicate of a circle.
func (j judge) near(t search.Near) clause {
	param, ok := j.names[t.Param]
	if !ok {
		return never
	}
	return sql("near("+j.live+".entries, ?, ?, ?, ?)", param, t.Latitude, t.Longitude, t.Metres)
}

// nearArm selects the instants of places within a circle. The index leads to those between its southern and its northern end, and says which of them
// are between its western and its eastern end; the distance decides.
func (x *searching) nearArm(param int64, t search.Near) clause {
	c := t.Surroundings()
	arm := []clause{sql("SELECT DISTINCT instant FROM place WHERE param = ? AND latitude BETWEEN ? AND ?", param, c.South, c.North)}
	if len(c.Stretches) > 0 {
		each := make([]clause, len(c.Stretches))
		for i, s := range c.Stretches {
			each[i] = sql("longitude BETWEEN ? AND ?", s[0], s[1])
		}
		arm = append(arm, nest(each, " OR "))
	}
	return join(append(arm, x.meter.spend("instant", 1), sql("metres(latitude, longitude, ?, ?) <= ?", t.Latitude, t.Longitude, t.Metres)), " AND ")
}
