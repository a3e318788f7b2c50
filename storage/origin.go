package storage

import (
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
)

// MaxOrigin is how many bytes an Op.Origin may have. A longer one is Invalid.
const MaxOrigin = 1 << 10

// CheckOrigin refuses, for drivers, an origin that cannot be kept: one that is longer than MaxOrigin, or no UTF-8. Its error is Invalid.
func CheckOrigin(origin string) *fhir.Error {
	switch {
	case len(origin) > MaxOrigin:
		return fhir.Errorf(fhir.Invalid, fhir.CodeTooLong, "The origin of a change has %d bytes; it may have %d.", len(origin), MaxOrigin)
	case !utf8.ValidString(origin):
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The origin of a change is no UTF-8.")
	default:
		return nil
	}
}
