package fhir_test

import (
	"errors"
	"testing"

	"github.com/portico-health/portico/fhir"
)

func TestPermissionsAreWrittenAsSMARTDoes(t *testing.T) {
	for p, want := range map[fhir.Permission]string{
		0: "", fhir.MayRead: "r", fhir.MayRead | fhir.MaySearch: "rs", fhir.MaySearch | fhir.MayCreate: "cs", fhir.MayEverything: "cruds", fhir.MayDelete | fhir.MayUpdate: "ud",
	} {
		if got := p.String(); got != want {
			t.Errorf("%d is written %q, want %q", p, got, want)
		}
		if got, known := fhir.ParsePermission(want); got != p || !known {
			t.Errorf("%q is read as %d (%t), want %d", want, got, known, p)
		}
	}
}

func TestPermissionsInAnyOrder(t *testing.T) {
	for letters, want := range map[string]fhir.Permission{"sr": fhir.MayRead | fhir.MaySearch, "rr": fhir.MayRead, "rx": 0, "R": 0, "é": 0} {
		if got, known := fhir.ParsePermission(letters); got != want || known != (want != 0) {
			t.Errorf("%q is read as %d (%t), want %d", letters, got, known, want)
		}
	}
}

func TestScopesPermit(t *testing.T) {
	some := fhir.Scopes{"Patient": fhir.MayRead, fhir.AnyType: fhir.MaySearch}
	for _, c := range []struct {
		scopes fhir.Scopes
		typ    string
		wanted fhir.Permission
		want   bool
	}{
		{nil, "Patient", fhir.MayRead, false},
		{fhir.Scopes{}, "Patient", fhir.MayRead, false},
		{fhir.Unlimited(), "Patient", fhir.MayEverything, true},
		{some, "Patient", fhir.MayRead, true},
		{some, "Patient", fhir.MayRead | fhir.MaySearch, true}, // of both together
		{some, "Patient", fhir.MayUpdate, false},
		{some, "Slot", fhir.MaySearch, true},
		{some, "Slot", fhir.MayRead, false},
		{some, "Slot", fhir.MayRead | fhir.MaySearch, false}, // all is wanted, not some
		{some, fhir.AnyType, fhir.MaySearch, true},
		{some, fhir.AnyType, fhir.MayRead, false},
		{some, "patient", fhir.MayRead, false},
	} {
		if got := c.scopes.Permit(c.typ, c.wanted); got != c.want {
			t.Errorf("%v permit %s of %s: %v", c.scopes, c.wanted, c.typ, got)
		}
		err := fhir.Principal{Scopes: c.scopes}.Needs(c.typ, c.wanted)
		var missing fhir.MissingScope
		switch {
		case c.want && err != nil:
			t.Errorf("%v: %v", c.scopes, err)
		case !c.want && (!errors.Is(err, fhir.Forbidden) || !errors.As(err, &missing) || missing != fhir.ScopeOf(c.typ, c.wanted)):
			t.Errorf("%v: %v, missing %q", c.scopes, err, missing)
		}
	}
	if got, want := fhir.ScopeOf("Patient", fhir.MayRead|fhir.MaySearch).Error(), "system/Patient.rs"; got != want {
		t.Errorf("the scope is %q, want %q", got, want)
	}
}
