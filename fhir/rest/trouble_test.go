package rest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// TestTroubleIsLogged: the client hears that the store cannot be had, the operator why. A cause comes once in a while, whatever it befalls.
func TestTroubleIsLogged(t *testing.T) {
	h := open(t)
	store := h.face.Engine.Store
	refuse := func(cause error) {
		refusal := fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "Not of %s.", "Ash")
		if cause != nil {
			refusal = refusal.Because(fmt.Errorf("sqlite: %w", cause))
		}
		h.face.Engine.Store = busy{Store: store, writes: &storage.OpError{Err: refusal}}
		for range 3 {
			h.send(t, scenario{method: "PUT", path: "/Patient/a", body: patient("a", "Ash")})
		}
		h.send(t, scenario{method: "POST", body: bundleOf("batch", entry("POST", "Patient", newPatient("Ash")), entry("DELETE", "Patient/a", ""))})
		h.send(t, scenario{method: "POST", body: bundleOf("transaction", entry("POST", "Patient", newPatient("Ash")))})
	}
	told := func(cause string) int { return strings.Count(h.log.String(), cause) }

	for _, cause := range []error{nil, context.Canceled, context.DeadlineExceeded} {
		if refuse(cause); h.log.String() != "" {
			t.Fatalf("of %v the log has %s", cause, h.log)
		}
	}
	full, failing := errors.New("a.db cannot grow: free some space"), errors.New("a.db cannot be read")
	refuse(full)
	refuse(failing)
	h.sinceNoon.Add(int64(9 * time.Second))
	refuse(full)
	if told(full.Error()) != 1 || told(failing.Error()) != 1 {
		t.Errorf("each once, but the log has %s", h.log)
	}
	h.sinceNoon.Add(int64(time.Second))
	refuse(full)
	if told(full.Error()) != 2 || told(failing.Error()) != 1 || told(`"level":"WARN"`) != 3 {
		t.Errorf("the first once more, but the log has %s", h.log)
	}
	for i := range 100 {
		refuse(fmt.Errorf("another cause %d", i))
	}
	if n := told("another cause"); n == 0 || n > 16 {
		t.Errorf("of a hundred causes in one moment %d are told", n)
	}
	if told("Ash") > 0 || told("Patient/a") > 0 {
		t.Errorf("the log quotes requests: %s", h.log)
	}
}
