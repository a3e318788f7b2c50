package load

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/portico-health/portico/fhir"
)

// underway are the resources that are on their way to the server and that an appointment may need there: the slots that it takes, and the services whose
// rules it obeys. The zero value is ready for use.
type underway struct {
	mu   sync.Mutex
	done map[string]chan struct{} // by "Type/id", of the unit that came last; closed when it is answered
}

// enter notes a unit in the order of reading. Appointments wait for units that were read before them, and these for nothing, so that there is always one
// that can go on, whatever lanes they are in.
func (w *underway) enter(u *unit, base string) {
	if u.fault != "" || u.whole {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch u.resource.Type() {
	case "Slot", "HealthcareService":
		if w.done == nil {
			w.done = map[string]chan struct{}{}
		}
		u.done = make(chan struct{})
		w.done[u.resource.Key().String()] = u.done
	case "Appointment":
		for _, to := range needs(u.resource.Root()) {
			if done := w.done[strings.TrimPrefix(to, base+"/")]; done != nil {
				u.after = append(u.after, done)
			}
		}
	}
}

// needs are the references of an appointment to its slots and to who and what takes part.
func needs(appointment *fhir.Object) []string {
	var all []string
	for _, slot := range appointment.Objects("slot") {
		all = append(all, slot.Text("reference"))
	}
	for _, participant := range appointment.Objects("participant") {
		if actor := participant.Object("actor"); actor != nil {
			all = append(all, actor.Text("reference"))
		}
	}
	return all
}

// leave says that a unit was answered.
func (w *underway) leave(u unit) {
	if u.done == nil {
		return
	}
	close(u.done)
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := u.resource.Key().String(); w.done[key] == u.done {
		delete(w.done, key)
	}
}

// wait waits until all is answered that the unit needs, or ctx ends.
func (u unit) wait(ctx context.Context) {
	for _, done := range u.after {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// inOrder puts the files of appointments, which take slots, behind all others, which stay as they are.
func inOrder(files []string) []string {
	isOfAppointments := func(path string) bool {
		name := filepath.Base(path)
		end := strings.IndexAny(name, ".-_")
		return end >= 0 && name[:end] == "Appointment"
	}
	first := slices.DeleteFunc(slices.Clone(files), isOfAppointments)
	last := slices.DeleteFunc(files, func(path string) bool { return !isOfAppointments(path) })
	return append(first, last...)
}
