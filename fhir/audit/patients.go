package audit

import (
	"bytes"
	"slices"

	"github.com/portico-health/portico/fhir"
)

// PatientsOf lists the ids of the patients that resources are or refer to, sorted, each one once: of Patient/[id] at this server alone, relative or below its
// base (search.Rules.BaseURL), as searches take both for the same. It looks for them in the text of the bodies (fhir.AppendJSON writes a reference in one way),
// without parsing it.
func PatientsOf(base string, versions ...fhir.Version) []string {
	var found []string
	for _, v := range versions {
		if v.Key.Type == "Patient" {
			found = append(found, v.Key.ID)
		}
		found = appendReferred(found, base, v.Body)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// What stands before and in a reference to a patient. A capital P is rare in a resource, so that it is what is looked for.
var (
	beforePatient = []byte(`"reference":"`)
	patientSlash  = []byte("Patient/")
	historySlash  = []byte("/_history/")
)

// appendReferred appends the ids of the patients that a body refers to. One that was found for this or another body shortly before is left out.
func appendReferred(found []string, base string, body []byte) []string {
	for at := 0; ; {
		next := bytes.IndexByte(body[at:], 'P')
		if next < 0 {
			return found
		}
		at += next
		rest := body[at:]
		if bytes.HasPrefix(rest, patientSlash) && isReference(withoutBase(body[:at], base)) {
			if id := idIn(rest[len(patientSlash):]); id != nil && !slices.Contains(found[max(0, len(found)-8):], string(id)) {
				found = append(found, string(id))
			}
		}
		at++
	}
}

// withoutBase cuts off what an absolute reference to something at this server begins with.
func withoutBase(before []byte, base string) []byte {
	if above, found := bytes.CutSuffix(before, []byte{'/'}); found && base != "" {
		if start := len(above) - len(base); start >= 0 && string(above[start:]) == base {
			return above[:start]
		}
	}
	return before
}

// isReference says whether a text ends where the value of a member named reference begins, not of one whose name only ends so.
func isReference(before []byte) bool {
	name, found := bytes.CutSuffix(before, beforePatient)
	return found && !bytes.HasSuffix(name, []byte{'\\'})
}

// idIn is the id that a reference goes on with, before the end of its string or before a version; else nil.
func idIn(rest []byte) []byte {
	end := bytes.IndexAny(rest[:min(len(rest), 65)], `"/`)
	if end < 0 || rest[end] == '/' && !bytes.HasPrefix(rest[end:], historySlash) || !fhir.ValidID(string(rest[:end])) {
		return nil
	}
	return rest[:end]
}
