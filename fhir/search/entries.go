package search

import (
	"math"

	"github.com/portico-health/portico/fhir"
)

// Entries are the index entries of one version of a resource: everything that a search can ask of
// it, as plain values that a driver stores and compares without knowing FHIR. Within
// each list no two entries are equal. What every version has (id, instant) is no entry: tests on the
// parameters ID and LastUpdated are answered from the version itself.
type Entries struct {
	Terms    []Term
	Texts    []Text
	Ranges   []Range
	Ordereds []Ordered
	Places   []Place
}

// The parameters that are answered from the version itself, not from entries.
const (
	ID          = "_id"          // an Equal test with the bare id
	LastUpdated = "_lastUpdated" // a Within test; the version's interval is its instant's microsecond
)

// Term is an entry that is compared whole, byte by byte: tokens, references, URIs. The forms in
// which a value can be asked for ("system|code", "code", "system|") are entries of their own. The empty Value
// stands for a value that cannot be asked for, such as a reference that is a text alone: only Missing sees it.
type Term struct {
	Param string // "identifier"
	Value string
}

// Text is an entry of a string parameter.
type Text struct {
	Param  string
	Folded string // without case, accents and punctuation, spaces made one: what is compared by default, its first MaxFolded characters
	Exact  string // all of it as written, for :exact; "" for the part of a family name from a later word on, which is no value itself
}

// Range is an entry of a date parameter: the interval of time that the value means.
type Range struct {
	Param string
	fhir.Interval
}

// Ordered is an entry of what has an order of its own that is not time: numbers and quantities, in a form that compares byte by byte as they do
// (decimal.go); URIs and composites, which are searched by a beginning; and the values that a promised sort key goes by. All are UTF-8.
type Ordered struct {
	Param     string
	Low, High string // the same where the value is no stretch
}

// Place is an entry of a position on the earth.
type Place struct {
	Param string
	Point
}

// Point is a position on the earth, WGS 84.
type Point struct {
	Latitude  float64 // degrees, -90 to 90
	Longitude float64 // degrees, -180 to 180
}

// EarthRadius is the radius, in metres, of the ball that distances are measured on: the mean radius R1 of WGS 84.
const EarthRadius = 6_371_008.8

// Metres is the distance between two points along the surface of a ball, as the haversine formula tells it. It is at most 0.6 % off that on
// the ellipsoid.
func (a Point) Metres(b Point) float64 {
	const radian = math.Pi / 180
	northward := math.Sin((b.Latitude - a.Latitude) * radian / 2)
	eastward := math.Sin((b.Longitude - a.Longitude) * radian / 2)
	h := northward*northward + math.Cos(a.Latitude*radian)*math.Cos(b.Latitude*radian)*eastward*eastward
	return 2 * EarthRadius * math.Asin(math.Sqrt(min(h, 1)))
}

// Indexed is a version as search sees it.
type Indexed struct {
	ID      string
	Instant fhir.Instant
	Entries Entries
}
