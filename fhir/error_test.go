package fhir_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
)

func TestEveryKindHasANameOfItsOwn(t *testing.T) {
	kinds := fhir.Kinds()
	if len(kinds) != int(fhir.Unavailable)+1 || kinds[0] != fhir.Internal || kinds[len(kinds)-1] != fhir.Unavailable {
		t.Fatalf("Kinds are %v", kinds)
	}
	names := map[string]fhir.Kind{}
	for _, k := range kinds {
		if other, twice := names[k.Error()]; twice || k.Error() == "" {
			t.Errorf("kind %d is called %q, as is %d", k, k.Error(), other)
		}
		names[k.Error()] = k
	}
	if got := fhir.Kind(200).Error(); got != "internal error" {
		t.Errorf("a kind that does not exist is called %q", got)
	}
}

func TestErrorIsItsKindAndItsCause(t *testing.T) {
	for _, kind := range fhir.Kinds() {
		for _, cause := range []error{nil, io.ErrUnexpectedEOF, fmt.Errorf("reading: %w", io.ErrUnexpectedEOF)} {
			err := fmt.Errorf("wrapped: %w", fhir.Errorf(kind, fhir.CodeInvalid, "Text.").Because(cause))
			for _, other := range fhir.Kinds() {
				if errors.Is(err, other) != (other == kind) {
					t.Errorf("errors.Is(%v, %v) = %v", err, other, other != kind)
				}
			}
			if errors.Is(err, io.ErrUnexpectedEOF) != (cause != nil) {
				t.Errorf("errors.Is(%v, the cause %v) = %v", err, cause, cause == nil)
			}
		}
	}
}

func TestErrorfAndAt(t *testing.T) {
	e := fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s.", "Patient/1")
	e.Issues = append(e.Issues, fhir.Issue{Severity: fhir.Warning, Code: fhir.CodeValue, Detail: "More.", Path: "Patient.id"})
	if e.At("Patient") != e {
		t.Error("At gives another error")
	}
	want := []fhir.Issue{
		{Severity: fhir.Severe, Code: fhir.CodeNotFound, Detail: "There is no Patient/1.", Path: "Patient"},
		{Severity: fhir.Warning, Code: fhir.CodeValue, Detail: "More.", Path: "Patient.id"},
	}
	if diff := cmp.Diff(want, e.Issues); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := e.Error(), "not found: Patient: There is no Patient/1.: Patient.id: More."; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if got, want := e.Because(io.EOF).Error(), "not found: Patient: There is no Patient/1.: Patient.id: More.: EOF"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if got, want := fhir.Errorf(fhir.Gone, fhir.CodeDeleted, "Deleted.").Error(), "gone: Deleted."; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestAsError(t *testing.T) {
	if e := fhir.AsError(nil); e != nil {
		t.Errorf("AsError(nil) = %v", e)
	}
	own := fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "Changed.")
	if fhir.AsError(own) != own || fhir.AsError(fmt.Errorf("a: %w", fmt.Errorf("b: %w", own))) != own || fhir.AsError(errors.Join(io.EOF, own)) != own {
		t.Error("an *Error does not come out as itself")
	}

	secret := errors.New("dial mongodb://user:password@db")
	e := fhir.AsError(secret)
	if e.Kind != fhir.Internal || !errors.Is(e, secret) || len(e.Issues) != 1 || e.Issues[0].Code != fhir.CodeException || e.Issues[0].Severity != fhir.Severe {
		t.Errorf("an unknown error came out as %+v", e)
	}
	if strings.Contains(e.Issues[0].Detail, "password") || e.Issues[0].Detail == "" {
		t.Errorf("its public text is %q", e.Issues[0].Detail)
	}
	if !strings.Contains(e.Error(), secret.Error()) {
		t.Errorf("the log does not say why: %q", e.Error())
	}
}
