package engine_test

import (
	"context"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest/anystore"
)

// hampered is a store without transactions. Whoever calls it may be stopped before each call, by what their context carries.
type hampered struct{ storage.Store }

// hampering is told of each call before it is carried out, by what is called, as in "Commit Slot/1", and says how it shall end.
type hampering func(ctx context.Context, point string) ending

// ending is how a call ends.
type ending int

const (
	answered ending = iota
	unheard         // it fails, and is not carried out
	unsaid          // it fails, but is carried out
)

type hamperingKey struct{}

// hamper is a context in which all calls of a hampered store are told of.
func hamper(ctx context.Context, h hampering) context.Context {
	return context.WithValue(ctx, hamperingKey{}, h)
}

// passing carries out a call as it is hampered.
func passing[T any](ctx context.Context, point string, do func() (T, error)) (T, error) {
	h, ok := ctx.Value(hamperingKey{}).(hampering)
	how := answered
	if ok {
		how = h(ctx, point)
	}
	if how == answered {
		return do()
	}
	if how == unsaid {
		if result, err := do(); err != nil {
			return result, err
		}
	}
	var nothing T
	return nothing, fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The store did not answer.")
}

func (s hampered) Transactions() bool { return false }

func (s hampered) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	if len(ops) > 1 {
		return nil, &storage.OpError{Index: 1, Err: fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "No transactions.")}
	}
	return passing(ctx, "Commit "+ops[0].Key.String(), func() ([]storage.Result, error) { return s.Store.Commit(ctx, p, ops) })
}

func (s hampered) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Version, error) {
	return passing(ctx, "Read "+key.String(), func() (fhir.Version, error) { return s.Store.Read(ctx, p, key) })
}

func (s hampered) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (fhir.Version, error) {
	return passing(ctx, "ReadVersion "+key.String(), func() (fhir.Version, error) { return s.Store.ReadVersion(ctx, p, key, number) })
}

func (s hampered) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	return passing(ctx, "Search "+q.Type, func() (storage.SearchPage, error) { return s.Store.Search(ctx, p, q, page) })
}

func (s hampered) Records() storage.Records { return hamperedRecords{s.Store.Records()} }

type hamperedRecords struct{ storage.Records }

func (r hamperedRecords) Get(ctx context.Context, name string) (storage.Record, error) {
	return passing(ctx, "Get "+name, func() (storage.Record, error) { return r.Records.Get(ctx, name) })
}

func (r hamperedRecords) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	return passing(ctx, "Swap "+name, func() (storage.Record, error) { return r.Records.Swap(ctx, name, old, value, expires) })
}

func (r hamperedRecords) Scan(ctx context.Context, prefix, after string, limit int) ([]storage.Record, error) {
	return passing(ctx, "Scan "+prefix, func() ([]storage.Record, error) { return r.Records.Scan(ctx, prefix, after, limit) })
}

// ofThisPackageAlone skips a test that asks of a store nothing but what the law of stores holds, and that takes minutes on a MongoDB: those in which bookings are killed and
// stopped between two steps are carried out there, too.
func ofThisPackageAlone(t *testing.T) {
	t.Helper()
	if anystore.IsMongo() {
		t.Skip("the order of steps is the same on every store; this takes minutes on a MongoDB")
	}
}
