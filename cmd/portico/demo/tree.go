package demo

import (
	"strconv"
	"time"

	"github.com/portico-health/portico/fhir"
)

// Systems of codes and identifiers.
const (
	nhsNumberSystem = "https://fhir.nhs.uk/Id/nhs-number"
	odsOrganisation = "https://fhir.nhs.uk/Id/ods-organization-code"
	odsSite         = "https://fhir.nhs.uk/Id/ods-site-code"
	careTaskSystem  = fhir.OwnURL + "CodeSystem/care-task"

	snomed = "http://snomed.info/sct"
	loinc  = "http://loinc.org"
	ucum   = "http://unitsofmeasure.org"
	hl7    = "http://terminology.hl7.org/CodeSystem/"
)

// f is one member of an object.
func f(name string, value any) fhir.Member { return fhir.Member{Name: name, Value: value} }

// object makes an object of the members that say something: nil, "" and an empty list are left out, for JSON
// in FHIR has no empty values (https://hl7.org/fhir/R4/json.html#null).
func object(members ...fhir.Member) *fhir.Object {
	kept := members[:0]
	for _, m := range members {
		if !says(m.Value) {
			continue
		}
		kept = append(kept, m)
	}
	return fhir.NewObject(kept...)
}

func says(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case fhir.Array:
		return len(v) > 0
	case *fhir.Object:
		return v != nil
	default:
		return true
	}
}

func resource(typ, id string, members ...fhir.Member) fhir.Resource {
	head := []fhir.Member{f("resourceType", typ), f("id", id)}
	return fhir.NewResource(object(append(head, members...)...))
}

// list is an array of the values that say something.
func list(values ...any) fhir.Array {
	a := make(fhir.Array, 0, len(values))
	for _, v := range values {
		if says(v) {
			a = append(a, v)
		}
	}
	return a
}

// each makes an array of what make makes of the items.
func each[T any](items []T, make func(T) *fhir.Object) fhir.Array {
	var a fhir.Array
	for _, item := range items {
		a = append(a, make(item))
	}
	return a
}

func number(n int) fhir.Number { return fhir.Number(strconv.Itoa(n)) }

// numbered is a readable id: "pat-000001" is of index 0.
func numbered(prefix string, width, index int) string {
	digits := strconv.Itoa(index + 1)
	for len(digits) < width {
		digits = "0" + digits
	}
	return prefix + "-" + digits
}

func reference(typ, id, display string) *fhir.Object {
	return object(f("reference", typ+"/"+id), f("display", display))
}

func coding(system, code, display string) *fhir.Object {
	return object(f("system", system), f("code", code), f("display", display))
}

func concept(text string, codings ...*fhir.Object) *fhir.Object {
	var all fhir.Array
	for _, c := range codings {
		all = append(all, c)
	}
	return object(f("coding", all), f("text", text))
}

func coded(system, code, display string) *fhir.Object {
	return concept("", coding(system, code, display))
}

func identifier(use, system, value string) *fhir.Object {
	return object(f("use", use), f("system", system), f("value", value))
}

func contact(system, value, use string) *fhir.Object {
	return object(f("system", system), f("value", value), f("use", use))
}

func period(start, end string) *fhir.Object {
	return object(f("start", start), f("end", end))
}

// instant is a moment as the server writes it, in UTC; "" for the zero time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func date(t time.Time) string { return t.Format(time.DateOnly) }
