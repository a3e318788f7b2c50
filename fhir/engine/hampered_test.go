package engine_test

import (
	"context"
	"fmt"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// hampered is a store without transactions. Whoever calls it may be stopped before and after each call, by what their context carries.
type hampered struct{ storage.Store }

// hampering is told of each call before it is carried out and after it, by what is called, as in "before Commit Slot/1".
type hampering func(ctx context.Context, point string)

type hamperingKey struct{}

// hamper is a context in which all calls of a hampered store are told of.
func hamper(ctx context.Context, h hampering) context.Context {
	return context.WithValue(ctx, hamperingKey{}, h)
}

// passing tells of a call, and returns what tells of its end.
func passing(ctx context.Context, format string, args ...any) (end func()) {
	h, ok := ctx.Value(hamperingKey{}).(hampering)
	if !ok {
		return func() {}
	}
	point := fmt.Sprintf(format, args...)
	h(ctx, "before "+point)
	return func() { h(ctx, "after "+point) }
}

func (s hampered) Transactions() bool { return false }

func (s hampered) Commit(ctx context.Context, p fhir.Partition, ops []storage.Op) ([]storage.Result, error) {
	if len(ops) > 1 {
		return nil, &storage.OpError{Index: 1, Err: fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "No transactions.")}
	}
	end := passing(ctx, "Commit %s", ops[0].Key)
	results, err := s.Store.Commit(ctx, p, ops)
	end()
	return results, err
}

func (s hampered) Read(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Version, error) {
	end := passing(ctx, "Read %s", key)
	v, err := s.Store.Read(ctx, p, key)
	end()
	return v, err
}

func (s hampered) ReadVersion(ctx context.Context, p fhir.Partition, key fhir.Key, number int64) (fhir.Version, error) {
	end := passing(ctx, "ReadVersion %s", key)
	v, err := s.Store.ReadVersion(ctx, p, key, number)
	end()
	return v, err
}

func (s hampered) Records() storage.Records { return hamperedRecords{s.Store.Records()} }

type hamperedRecords struct{ storage.Records }

func (r hamperedRecords) Get(ctx context.Context, name string) (storage.Record, error) {
	end := passing(ctx, "Get %s", name)
	record, err := r.Records.Get(ctx, name)
	end()
	return record, err
}

func (r hamperedRecords) Swap(ctx context.Context, name string, old int64, value []byte, expires fhir.Instant) (storage.Record, error) {
	end := passing(ctx, "Swap %s", name)
	record, err := r.Records.Swap(ctx, name, old, value, expires)
	end()
	return record, err
}
