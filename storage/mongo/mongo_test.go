package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/storagetest"
)

// uriVariable names a MongoDB, or an engine that speaks its protocol, for the tests: they make and drop databases in it whose names begin with "portico_test_".
const uriVariable = "PORTICO_TEST_MONGO_URI"

// testURI is the connection string of a test's own database. The test is skipped where there is no server.
func testURI(t testing.TB, name string) string {
	t.Helper()
	server := os.Getenv(uriVariable)
	if server == "" {
		t.Skipf("%s names no MongoDB (mongodb://127.0.0.1:27017/)", uriVariable)
	}
	sum := sha256.Sum256([]byte(name))
	return strings.TrimSuffix(server, "/") + "/portico_test_" + hex.EncodeToString(sum[:8])
}

// openTest opens a store in a database that stands for dir, and is dropped when the test ends.
func openTest(t testing.TB, dir string, change func(*Config)) *Store {
	t.Helper()
	c := Config{URI: testURI(t, dir), SortKeys: storagetest.SortKeys}
	if change != nil {
		change(&c)
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		client, err := connect(ctx, c)
		if err == nil {
			err = client.Database(s.db.Name()).Drop(ctx)
		}
		if err == nil {
			err = client.Disconnect(ctx)
		}
		if err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestLaw(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{
		Open: func(t *testing.T, dir string, now func() time.Time) storage.Store {
			return openTest(t, dir, func(c *Config) { c.Now = now })
		},
		Largest: maxResource,
	})
}
