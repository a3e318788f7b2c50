package conformance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/conformance"
)

// The operations of IHE's Scheduling are promised, by their canonical URLs, where there are appointments, and slots in schedules.
func TestSchedulingIsPromisedWhereThereAreSlots(t *testing.T) {
	all := []string{"Appointment", "Patient", "Schedule", "Slot"}
	for i := range len(all) + 1 {
		types := slices.Clone(all)
		if i < len(all) {
			types = slices.Delete(types, i, i+1)
		}
		var got []string
		for _, typ := range table(types...).Types {
			for _, o := range typ.Operations {
				if strings.HasPrefix(o.Definition, "https://profiles.ihe.net/ITI/Scheduling/OperationDefinition/appointment-"+o.Name) && o.Type && !o.Instance {
					got = append(got, typ.Name+" $"+o.Name)
				}
			}
		}
		var want []string
		if i >= len(all) || all[i] == "Patient" {
			want = []string{"Appointment $find", "Appointment $hold", "Appointment $book"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", types, diff)
		}
	}
	for types, follows := range map[string]bool{"Appointment Schedule Slot Task": true, "Appointment Task": false} {
		if task, _ := table(strings.Fields(types)...).Type("Task"); strings.Contains(task.Limit, "fulfilment-[id]") != follows {
			t.Errorf("%s: the limits of a Task are %q", types, task.Limit)
		}
	}
	if appointment, _ := table(conformance.DefaultTypes()...).Type("Appointment"); !strings.Contains(appointment.Limit, "POST alone") {
		t.Errorf("the limits of an Appointment are %q", appointment.Limit)
	}
}
