package mongo

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
)

// A type has two collections. That of its name ("Patient") has a document for every resource that there ever was: its current version, be it the mark
// of a deletion. That of its name and pastSuffix has the superseded versions. Everything else is in collections whose names begin with a small letter.
const (
	pastSuffix = "_history"

	clockCollection  = "clock"   // one document: see clock.go
	claimCollection  = "claims"  // conditions that are being decided: see claim.go
	recordCollection = "records" // storage.Records
	clockDocument    = "clock"
	numberDigits     = 10 // of the number in the _id of a superseded version, so that it sorts as the number does

	// maxResource is how many bytes a resource may have as JSON. A document of MongoDB has 16 MiB at most, with index entries and all.
	maxResource = 8 << 20
)

// The fields of a version's document. Both collections of a type have the same, but that a superseded version has no index.
//
//	_id        "demo/test/abc", that of a superseded version "demo/test/abc/0000000003"
//	partition  "demo/test"
//	id         "abc"
//	version    3, int64
//	instant    int64, microseconds since 1970: the fhir.Instant of the version; unique in the store
//	method     "POST", "PUT" or "DELETE"
//	existed    true where a current, not deleted resource was there before
//	previous   int64, the instant of the version before; not in version 1
//	origin     who made the change: storage.Op.Origin; not where none was given
//	resource   the stamped resource (body.go); not in the mark of a deletion
//	ix         its index entries (entries.go); of current, not deleted versions alone
//	held       int64, counted up by transactions that rest on the version and do not change it (transaction.go); of current versions alone
const (
	fieldID        = "_id"
	fieldPartition = "partition"
	fieldName      = "id"
	fieldVersion   = "version"
	fieldInstant   = "instant"
	fieldMethod    = "method"
	fieldExisted   = "existed"
	fieldPrevious  = "previous"
	fieldOrigin    = "origin"
	fieldResource  = "resource"
	fieldIndex     = "ix"
	fieldHeld      = "held"
)

// The fields of an index sub-document (search.Entries). Strings that begin with a parameter have an equals sign behind it: no name of a parameter has one.
//
//	term   ["identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018", ...]
//	text   [{folded: "family=smith", exact: "Smith"}, ...]
//	time   [{param: "date", low: int64, high: int64}, ...]
//	order  [{low: "number=…", high: "number=…"}, ...]
//	place  [{param: "near", latitude: 51.5, longitude: -0.1}, ...]
//	has    ["date", "family", "identifier", ...]: the parameters that have an entry, each once
//	sort   {date: {low: …, high: …}, ...}: of each promised sort key that the resource has a value of, the smallest low and the largest high, int64
//	       of time and the bare string of an order
//	long   ["date", ...]: the promised keys by time whose resource has several ranges, or one longer than longTime; then low says little of high
//
// A list without elements is left out.
const (
	indexTerm  = fieldIndex + ".term"
	indexText  = fieldIndex + ".text"
	indexTime  = fieldIndex + ".time"
	indexOrder = fieldIndex + ".order"
	indexPlace = fieldIndex + ".place"
	indexHas   = fieldIndex + ".has"
	indexSort  = fieldIndex + ".sort"
	indexLong  = fieldIndex + ".long"
)

// longTime is how long a range is, in microseconds, that is not said to be long: a day and a bit.
const longTime fhir.Instant = 25 * 3600 * 1e6

// documentID is the _id of a resource's current version.
func documentID(p fhir.Partition, id string) string { return string(p) + "/" + id }

// pastID is the _id of a superseded version.
func pastID(p fhir.Partition, id string, number int64) string {
	return fmt.Sprintf("%s/%s/%0*d", p, id, numberDigits, number)
}

// document is a version as its document has it.
type document struct {
	ID        string         `bson:"_id"`
	Partition fhir.Partition `bson:"partition"`
	Name      string         `bson:"id"`
	Version   int64          `bson:"version"`
	Instant   fhir.Instant   `bson:"instant"`
	Method    string         `bson:"method"`
	Existed   bool           `bson:"existed"`
	Previous  fhir.Instant   `bson:"previous,omitempty"`
	Origin    string         `bson:"origin,omitempty"`
	Resource  bson.Raw       `bson:"resource,omitempty"`
	Index     bson.Raw       `bson:"ix,omitempty"`
}

// version is the document's version, of a resource of a type.
func (d document) version(typ string) (fhir.Version, error) {
	v := fhir.Version{Key: fhir.Key{Type: typ, ID: d.Name}, Number: d.Version, Instant: d.Instant, Method: methods[d.Method]}
	if d.Resource == nil {
		return v, nil
	}
	body, err := appendBody(nil, d.Resource)
	v.Body = body
	return v, err
}

// methods are the methods by their names.
var methods = map[string]fhir.Method{fhir.Created.String(): fhir.Created, fhir.Updated.String(): fhir.Updated, fhir.Deleted.String(): fhir.Deleted}

// isPast says whether a collection has the superseded versions of a type, and of which.
func isPast(collection string) (typ string, past bool) {
	return strings.CutSuffix(collection, pastSuffix)
}
