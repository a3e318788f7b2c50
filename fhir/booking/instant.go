package booking

import (
	"time"

	"github.com/portico-health/portico/fhir"
)

// Span is a time, the end excluded.
type Span struct{ Start, End fhir.Instant }

// spanOf reads start and end. It is zero unless both are instants.
func spanOf(o *fhir.Object) Span {
	start, begins := readInstant(o.Text("start"))
	end, ends := readInstant(o.Text("end"))
	if !begins || !ends {
		return Span{}
	}
	return Span{start, end}
}

// readInstant reads an instant (https://hl7.org/fhir/R4/datatypes.html#instant).
func readInstant(text string) (fhir.Instant, bool) {
	d, err := fhir.ParseDateTime(text)
	if err != nil || d.Precision < fhir.Second || !d.HasZone {
		return 0, false
	}
	return d.Interval().Low, true
}

// told is an instant as it stands in a sentence: no longer than it has to be.
func told(i fhir.Instant) string { return i.Time().Format(time.RFC3339Nano) }
