package mongo

import (
	"fmt"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// What a killed process sent is carried out beside the copy that was started again: the same versions by two at once are no conflict, and are there once.
func TestRestoreBesideTheSame(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	other := openAgain(t, s.config)
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	for round := range 3 {
		var versions []storage.Restored
		for number := int64(1); number <= 2; number++ {
			for i := range 100 {
				key := fhir.Key{Type: []string{"Patient", "Slot"}[i%2], ID: fmt.Sprintf("r%d-%d", round, i)}
				at := fhir.Instant(1_700_000_000_000_000 + int64(round)*1000 + number*200 + int64(i))
				body := fmt.Appendf(nil, `{"resourceType":%q,"id":%q,"meta":{"versionId":"%d","lastUpdated":%q}}`, key.Type, key.ID, number, at)
				versions = append(versions, storage.Restored{Partition: home, Existed: number > 1,
					Version: fhir.Version{Key: key, Number: number, Instant: at, Method: fhir.Updated, Body: body}})
			}
		}
		ends := make(chan error)
		for _, store := range []*Store{s, other} {
			go func() { ends <- store.Restore(t.Context(), versions) }()
		}
		for range 2 {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
	}
	looked, err := s.Check(t.Context(), nil, func(f storage.Fault) { t.Error(f) })
	if err != nil || looked.Resources != 300 || looked.Versions != 600 {
		t.Errorf("%+v, %v, want 300 resources in 600 versions", looked, err)
	}
}
