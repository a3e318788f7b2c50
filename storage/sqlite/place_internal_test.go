package sqlite

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir/search"
)

// What is written of a point is read again.
func TestPointsAreReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := search.Point{Latitude: rapid.Float64Range(-90, 90).Draw(t, "latitude"), Longitude: rapid.Float64Range(-180, 180).Draw(t, "longitude")}
		if again, ok := pointOf(placeText(p)); !ok || again != p {
			t.Fatalf("%v is read as %v (%t)", p, again, ok)
		}
	})
}
