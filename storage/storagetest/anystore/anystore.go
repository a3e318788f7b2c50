// Package anystore opens the store that the tests of the rooms above run on: an embedded one, or with PORTICO_TEST_STORE=mongodb one on the server that
// PORTICO_TEST_MONGO_URI names. So whatever they hold true of one driver they hold true of the other.
package anystore

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/mongo"
	"github.com/portico-health/portico/storage/mongo/mongotest"
	"github.com/portico-health/portico/storage/sqlite"
)

// Variable chooses the store: mongodb, or anything else for the embedded one.
const Variable = "PORTICO_TEST_STORE"

// IsMongo says whether tests run on a MongoDB.
func IsMongo() bool { return os.Getenv(Variable) == "mongodb" }

// Open opens a store of the test's own, whose time is that of now (nil: time.Now), and which has the promised orders of the rules. It is closed when the
// test ends.
func Open(tb testing.TB, rules *search.Rules, now func() time.Time) storage.Store {
	tb.Helper()
	var s storage.Store
	var err error
	if IsMongo() {
		s, err = mongo.Open(tb.Context(), mongo.Config{URI: mongotest.URI(tb), SortKeys: rules.Streaming, Now: now})
	} else {
		s, err = sqlite.Open(tb.Context(), sqlite.Config{Path: filepath.Join(tb.TempDir(), "test.db"), Now: now})
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

var (
	mu   sync.Mutex
	uris = make(map[string]string) // of the databases that stand for folders
)

// Setting is how the program's setting names the store that stands for a folder of the test: always the same for the same folder.
func Setting(tb testing.TB, dir string) string {
	tb.Helper()
	if !IsMongo() {
		return "sqlite:" + filepath.Join(dir, "portico.db")
	}
	mu.Lock()
	defer mu.Unlock()
	if uris[dir] == "" {
		uris[dir] = mongotest.URI(tb)
		tb.Cleanup(func() {
			mu.Lock()
			defer mu.Unlock()
			delete(uris, dir)
		})
	}
	return uris[dir]
}
