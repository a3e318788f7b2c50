package mongo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// checking is one run of Check. Other calls write beside it, and yet nothing has to be read twice: what a document rests on (the version before it, of a superseded
// one the current one too) was there before it, stays as it is or becomes newer, and is read after it.
type checking struct {
	*Store
	ctx       context.Context
	entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error)
	report    func(storage.Fault)
	done      storage.Checked
	newest    map[string]storage.Fault // where a fault of a type's newest version would be
	instants  map[string]fhir.Instant  // of these
}

// Check is storage.Store's. It reads both collections of each type, the records, and last the clock, which must have given every instant that was seen.
func (s *Store) Check(ctx context.Context, entriesOf func(fhir.Partition, fhir.Version) (search.Entries, error), report func(storage.Fault)) (storage.Checked, error) {
	k := &checking{Store: s, entriesOf: entriesOf, report: report, newest: make(map[string]storage.Fault), instants: make(map[string]fhir.Instant)}
	err := s.inOrder(ctx, func(ctx context.Context) error {
		k.ctx = ctx
		return k.everything()
	})
	return k.done, classify(ctx, err)
}

func (k *checking) everything() error {
	types, err := k.collections()
	for i := 0; err == nil && i < len(types); i++ {
		err = k.versions(types[i])
	}
	if err == nil {
		err = k.records()
	}
	if err == nil {
		err = k.instantsGiven()
	}
	return err
}

// collections are the types of which the database has a collection. Collections that nobody knows are faults.
func (k *checking) collections() (types []string, err error) {
	var names []string
	err = k.call(k.ctx, func(ctx context.Context) (err error) {
		names, err = k.db.ListCollectionNames(ctx, bson.D{})
		return err
	})
	slices.Sort(names)
	for _, name := range names {
		typ, _ := isPast(name)
		switch {
		case hasType(typ):
			types = append(types, typ)
		case !slices.Contains([]string{clockCollection, claimCollection, recordCollection}, name) && !strings.HasPrefix(name, "system."):
			k.faultf("The collection %q in the database is none of this program's.", name)
		}
	}
	slices.Sort(types) // the history of one type may stand behind another type: Appointment, AppointmentResponse, Appointment_history
	return slices.Compact(types), err
}

// faultf reports what is no version's fault.
func (k *checking) faultf(format string, args ...any) {
	k.report(storage.Fault{Detail: fmt.Sprintf(format, args...)})
}

// strays are documents that no walk comes to. All texts stand together in the order of the _id: what is none comes first or last.
func (k *checking) strays(in *mongo.Collection) error {
	return k.call(k.ctx, func(ctx context.Context) error {
		for _, end := range []bson.E{up(fieldID), down(fieldID)} {
			opts := options.FindOne().SetHint(hintID).SetSort(bson.D{end}).SetProjection(bson.D{{Key: fieldID, Value: 1}})
			raw, err := in.FindOne(ctx, bson.D{}, opts).Raw()
			if isAbsent(err) {
				return nil
			}
			if err != nil {
				return err
			}
			if _, is := raw.Lookup(fieldID).StringValueOK(); !is {
				k.faultf("The collection %q has documents whose _id is no text.", in.Name())
				return nil
			}
		}
		return nil
	})
}

// records are those that are not resources. What they hold is for those who wrote it.
func (k *checking) records() error {
	in := k.db.Collection(recordCollection)
	if err := k.strays(in); err != nil {
		return err
	}
	return k.walk(k.ctx, in, nil, func(some []bson.Raw) error {
		for _, raw := range some {
			var r record
			switch err := bson.Unmarshal(raw, &r); {
			case err != nil:
				k.faultf("A record's document cannot be read.")
			case r.Revision < 1:
				k.faultf("A record has revision %d, which is never given.", r.Revision)
			}
			if r.Value != nil {
				k.done.Records++
			}
		}
		return nil
	})
}

// instantsGiven compares the newest versions with the clock, which was ahead of them when they were written.
func (k *checking) instantsGiven() error {
	return k.call(k.ctx, func(ctx context.Context) error {
		_, last, err := k.clock.horizon(ctx)
		if err != nil {
			return err
		}
		for typ, at := range k.instants {
			if at > last[typ] {
				f := k.newest[typ]
				f.Detail = "It came to be later than the clock in the database says of any version of its type: no history or feed has it."
				k.report(f)
			}
		}
		return nil
	})
}
