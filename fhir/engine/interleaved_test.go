package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage/storagetest"
)

// manyChanges are what the writers of a play choose from: two slots, and one that overlaps with both, for three appointments.
func manyChanges() []string {
	all := []string{
		"DELETE Slot/s2", "PUT Slot/s2 s2 ann 02T09:30 02T10:00 free",
		"POST Appointment?identifier=one - booked 02T09:00 02T09:30 s1", "POST Appointment?status=booked - booked 02T09:30 02T10:00 s2",
	}
	for _, id := range []string{"a", "b", "c"} {
		for _, told := range []string{"booked 02T09:00 02T09:30 s1", "booked 02T09:30 02T10:00 s2", "booked 02T09:00 02T10:00 s1 s2", "pending 02T09:00 02T10:00 l1", "cancelled 02T09:00 02T09:30 s1"} {
			all = append(all, "PUT Appointment/"+id+" "+id+" "+told)
		}
		all = append(all, "DELETE Appointment/"+id)
	}
	return all
}

// play has three writers and two helpers take turns by chance, some of whom are killed.
func (d *desk) play(t *testing.T, chance *rand.Rand) {
	who := d.somebody(t)
	all := manyChanges()
	writer := func() *actor {
		var mine []string
		for range 3 {
			mine = append(mine, all[chance.IntN(len(all))])
		}
		return launch(t, func(ctx context.Context) error { return d.carryOut(ctx, t, who, mine) })
	}
	helper := func() *actor {
		return launch(t, func(ctx context.Context) error {
			for range 3 {
				engine.StartAgain(d.Engine)
				if err := d.Settle(ctx); err != nil && !errors.Is(err, fhir.Unavailable) {
					return err
				}
			}
			return nil
		})
	}
	cast := []*actor{writer(), writer(), writer(), helper(), helper()}
	for len(cast) > 0 {
		i := chance.IntN(len(cast))
		a := cast[i]
		if a.ended {
			if a.err != nil {
				t.Error(a.err)
			}
			cast = slices.Delete(cast, i, i+1)
			continue
		}
		if chance.IntN(60) == 0 {
			a.kill()
			cast = slices.Delete(cast, i, i+1)
			continue
		}
		for range 1 + chance.IntN(4)*chance.IntN(4) {
			if !a.ended {
				a.step()
			}
		}
		d.mustHold(t, who)
		if t.Failed() {
			t.Fatalf("%s: at %q", who.Partition, a.at)
		}
	}
	d.settle(t)
	d.mustBeWhole(t, who)
}

// carryOut makes changes, and holds the answers to what is stored.
func (d *desk) carryOut(ctx context.Context, t *testing.T, who fhir.Principal, all []string) error {
	for _, told := range all {
		c := changeOf(t, told)
		wanted := booking.AppointmentOf(base, c.Resource).Status
		out, err := d.Write(ctx, who, c)
		switch {
		case errors.Is(err, fhir.Conflict), errors.Is(err, fhir.PreconditionFailed), errors.Is(err, fhir.Unprocessable), errors.Is(err, fhir.Unavailable):
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", told, err)
		case !out.Changed || c.Action == engine.ActDelete || c.Key.Type == "Slot":
			continue
		}
		v, err := d.ReadVersion(t.Context(), who, out.Version.Key, out.Version.Number)
		if err != nil {
			return fmt.Errorf("%s: answered version %d: %w", told, out.Version.Number, err)
		}
		r, err := fhir.ParseResource(v.Body)
		if err != nil {
			return err
		}
		if is := booking.AppointmentOf(base, r).Status; is != wanted {
			return fmt.Errorf("%s: answered version %d, which is %s", told, v.Number, is)
		}
	}
	return nil
}

// Whatever turns writers and helpers take, a live appointment has its slots at every moment, and in the end all is whole.
func TestInterleaved(t *testing.T) {
	ofThisPackageAlone(t)
	t.Parallel()
	plays := 40
	if testing.Short() {
		plays = 5
	}
	d := newDesk(t)
	seed := storagetest.Seed(t)
	for n := range plays {
		d.now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		d.play(t, rand.New(rand.NewPCG(seed, uint64(n))))
		if t.Failed() {
			t.Fatalf("play %d", n)
		}
	}
}
