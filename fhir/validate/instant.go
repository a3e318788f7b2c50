package validate

import (
	"errors"

	"github.com/portico-health/portico/fhir"
)

// The checks of what a date, dateTime and instant may leave out (https://hl7.org/fhir/R4/datatypes.html#dateTime).

func checkDate(d fhir.DateTime) string {
	if d.Precision > fhir.Day {
		return "has a time, but a date has none: write YYYY, YYYY-MM or YYYY-MM-DD"
	}
	return ""
}

func checkDateTime(d fhir.DateTime) string {
	switch {
	case d.Precision <= fhir.Day:
		return ""
	case d.Precision < fhir.Second:
		return "has a time without seconds: write YYYY-MM-DDThh:mm:ss with Z or an offset such as +01:00"
	case !d.HasZone:
		return "has a time but no zone: add Z for UTC, or an offset such as +01:00"
	default:
		return ""
	}
}

func checkInstant(d fhir.DateTime) string {
	if d.Precision <= fhir.Day {
		return "is no instant, which has a time: write YYYY-MM-DDThh:mm:ss with Z or an offset such as +01:00"
	}
	return checkDateTime(d)
}

// instant checks a date, dateTime or instant and returns it in UTC. Below a Signature it stays as it was written: it may have been
// signed so.
func (w *walk) instant(m *member, written string) string {
	d, err := fhir.ParseDateTime(written)
	if err != nil {
		w.fault(fhir.CodeValue, sentence(err))
		return written
	}
	if wrong := m.format.instant(d); wrong != "" {
		w.fault(fhir.CodeValue, fhir.Quote(written)+" "+wrong+".")
		return written
	}
	if w.signed {
		return written
	}
	utc, err := d.UTC(written)
	if err != nil {
		w.fault(fhir.CodeValue, sentence(err))
		return written
	}
	return utc
}

// sentence is what an error of the fhir package says to the client.
func sentence(err error) string {
	var e *fhir.Error
	if errors.As(err, &e) {
		return e.Issues[0].Detail
	}
	return "It cannot be read."
}
