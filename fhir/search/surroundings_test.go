package search_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir/search"
)

// Whatever is in a circle is in its surroundings.
func TestSurroundingsHaveTheCircle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		point := func(name string) search.Point {
			latitude := rapid.OneOf(rapid.Float64Range(-90, 90), rapid.SampledFrom([]float64{-90, -89.9999999, 0, 89.9999999, 90}))
			longitude := rapid.OneOf(rapid.Float64Range(-180, 180), rapid.SampledFrom([]float64{-180, -179.9999999, 0, 179.9999999, 180}))
			return search.Point{Latitude: latitude.Draw(t, name+" latitude"), Longitude: longitude.Draw(t, name+" longitude")}
		}
		centre, other := point("centre"), point("other")
		if rapid.Bool().Draw(t, "close") {
			other.Latitude = min(90, max(-90, centre.Latitude+rapid.Float64Range(-0.1, 0.1).Draw(t, "north")))
		}
		c := search.Near{Point: centre, Metres: other.Metres(centre)}.Surroundings()
		within := len(c.Stretches) == 0
		for _, s := range c.Stretches {
			within = within || s[0] <= other.Longitude && other.Longitude <= s[1]
		}
		if !within || other.Latitude < c.South || other.Latitude > c.North {
			t.Fatalf("%v is on the circle of %v, but not in %+v", other, centre, c)
		}
	})
}
