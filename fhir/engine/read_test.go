package engine_test

import (
	"errors"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// TestReadVersionThatIsNotThere: who asks for a version learns whether it is the version that is missing, or the resource.
func TestReadVersionThatIsNotThere(t *testing.T) {
	e := newEngine(t)
	put(t, e, alice, "v", "One")
	put(t, e, alice, "gone", "Two")
	if _, err := e.Delete(t.Context(), alice, fhir.Key{Type: "Patient", ID: "gone"}, engine.Precondition{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		who    fhir.Principal
		id     string
		detail string
	}{
		{alice, "v", "Patient/v has no version 9; the current one is 1."},
		{alice, "gone", "Patient/gone has no version 9; the newest is 2, by which it was deleted."},
		{alice, "never", "There is no Patient/never."},
		{bob, "v", "There is no Patient/v."},
	} {
		_, err := e.ReadVersion(t.Context(), tt.who, fhir.Key{Type: "Patient", ID: tt.id}, 9)
		if detail := fhir.AsError(err).Issues[0].Detail; !errors.Is(err, fhir.NotFound) || detail != tt.detail {
			t.Errorf("%s reads %s: %v, want %s", tt.who.Client, tt.id, err, tt.detail)
		}
	}
}
