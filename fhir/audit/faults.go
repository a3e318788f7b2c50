package audit

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/portico-health/portico/fhir"
)

// faults are why something could not be done, by partition. That of no partition concerns all.
type faults map[fhir.Partition]error

// add puts errors among the faults, of each partition the first one. The i-th error is one of the partition of i.
func (f faults) add(errs []error, partition func(i int) fhir.Partition) {
	for i, err := range errs {
		if p := partition(i); err != nil && f[p] == nil {
			f[p] = err
		}
	}
}

// of is the one that concerns a partition.
func (f faults) of(p fhir.Partition) error {
	if err := f[""]; err != nil {
		return err
	}
	return f[p]
}

// first is one of them, the same each time.
func (f faults) first() error {
	for _, p := range slices.Sorted(maps.Keys(f)) {
		return f[p]
	}
	return nil
}

// maxAtOnce is how many blocks are written, and how many versions are read, at once.
const maxAtOnce = 8

// each does something for each of n things, some of them at once, and goes on behind what fails. It returns the error of each.
func each(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, maxAtOnce) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				errs[i] = do(int(i))
			}
		})
	}
	all.Wait()
	return errs
}
