package storage

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// Restored is a version that one store takes over from another.
type Restored struct {
	Partition fhir.Partition
	Version   fhir.Version
	Existed   bool           // a current, not deleted resource was there before, as in the Result of its operation
	Origin    string         // as its event told it; see Op.Origin
	Entries   search.Entries // of the body; they may be left out of a version that others of its resource follow
}
