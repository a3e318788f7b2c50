package search

import "math"

// Surroundings are degrees between which a circle is: where an index by latitude or longitude is looked into for it.
type Surroundings struct {
	South, North float64
	Stretches    [][2]float64 // of longitude, west to east; none means all
}

// Surroundings are those of the circle, a little wider than it: distances are rounded, by less than what a millionth of the radian is.
func (n Near) Surroundings() Surroundings {
	const degree, margin = math.Pi / 180, 1e-6
	radius := n.Metres/EarthRadius + margin
	if !(radius < math.Pi) { // also when it is no number
		return Surroundings{South: -90, North: 90}
	}
	c := Surroundings{South: n.Latitude - radius/degree, North: n.Latitude + radius/degree}
	if c.South <= -90 || c.North >= 90 {
		return c // a pole is in it
	}
	half := (math.Asin(min(1, math.Sin(radius)/math.Cos(n.Latitude*degree))) + margin) / degree
	west, east := n.Longitude-half, n.Longitude+half
	switch {
	case half >= 180:
	case west < -180:
		c.Stretches = [][2]float64{{-180, east}, {west + 360, 180}}
	case east > 180:
		c.Stretches = [][2]float64{{west, 180}, {-180, east - 360}}
	default:
		c.Stretches = [][2]float64{{west, east}}
	}
	return c
}
