package mongo

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// A version does not tell until when it was the current one: whoever wrote that into it might lose the compare-and-set that would have made it true. Its
// successor tells, by the instant of the version before it.

// zonesOf are the stretches of instants, newest first, in which a history below the horizon has versions.
func zonesOf(q storage.HistoryQuery, horizon fhir.Instant) []zone {
	low := fhir.Beginning
	if q.Since != 0 {
		low = q.Since
	}
	cameToBe := []source{{by: fieldInstant}, {by: fieldInstant, past: true}}
	if q.During == (fhir.Interval{}) {
		return []zone{{low, horizon, cameToBe}}
	}
	// What comes to be at the horizon or later is not there yet: what is current below it, is current at every later moment.
	at, high := min(q.During.Low, horizon-1), min(q.During.High, horizon)
	later := bson.D{{Key: fieldInstant, Value: bson.D{{Key: "$gt", Value: at}}}}
	wasCurrent := []source{{by: fieldInstant}, {by: fieldPrevious, beside: later}, {by: fieldPrevious, beside: later, past: true}}
	return []zone{{max(low, at+1), high, cameToBe}, {low, min(at+1, high), wasCurrent}}
}
