package audit

import "github.com/portico-health/portico/fhir"

// Encode packs events of one partition, which are ascending, into one block.
func Encode(events []Event, mark int64) []byte { return block{events: events, mark: mark}.encode() }

// Decode reads a block.
func Decode(p fhir.Partition, value []byte) ([]Event, int64, error) {
	b, err := decode(p, value)
	return b.events, b.mark, err
}

// The names of blocks and events.
var (
	BlockPrefix = blockPrefix
	BlockID     = blockID
	FirstOf     = firstOf
	EventID     = eventID
	PlaceOf     = placeOf
)

// MayHave says whether a block may have something of a patient.
func MayHave(value []byte, patient string) bool {
	h, err := readHead(value)
	return err == nil && h.terms.mayHave(referenceTerm(fhir.Key{Type: "Patient", ID: patient}))
}

// ParseOrigin reads an origin.
var ParseOrigin = parseOrigin

// Render is the AuditEvent of an event.
func Render(e Event, id string) fhir.Version { return e.version(id) }
