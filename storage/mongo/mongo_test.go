package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

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
	dropAfter(t, c)
	return openAgain(t, c)
}

// openAgain opens a store in a database that is dropped by whoever opened it first.
func openAgain(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dropAfter drops the database of a configuration when the test ends.
func dropAfter(t testing.TB, c Config) {
	t.Cleanup(func() {
		ctx := context.Background()
		at, err := connstring.Parse(c.URI)
		if err != nil {
			t.Error(err)
			return
		}
		client, err := connect(c)
		if err == nil {
			err = client.Database(at.Database).Drop(ctx)
		}
		if err == nil {
			err = client.Disconnect(ctx)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func TestLaw(t *testing.T) { storagetest.Run(t, law(Config{})) }

// What is found must not depend on the way that is chosen to it.
func TestLawOnOtherWays(t *testing.T) {
	h := law(Config{handful: 2, enough: 2})
	h.Parts, h.Slow = []string{"chains", "meaning", "distances", "orders", "oracle", "totals", "pages", "churn", "cursors", "explains", "budgets"}, 8
	storagetest.Run(t, h)
}

// The long form of what the law holds of a crawl: 10 000 resources, in every order.
func TestCrawl(t *testing.T) {
	if os.Getenv("PORTICO_TEST_SOAK") == "" {
		t.Skip("set PORTICO_TEST_SOAK=1 to go through 10 000 resources in every order while others write: it takes long")
	}
	storagetest.Crawl(t, law(Config{}), 10_000)
}

// law is how the law opens stores, with what a configuration says of the way to what is found.
func law(c Config) storagetest.Harness {
	var known sync.Map // the folders that a database stands for; a part of the law that opens one again does not drop it
	return storagetest.Harness{
		Open: func(t *testing.T, dir string, now func() time.Time) storage.Store {
			c := c
			c.URI, c.SortKeys, c.Now, c.Patience = testURI(t, dir), storagetest.SortKeys, now, time.Minute // eight megabytes on a busy machine
			if _, again := known.LoadOrStore(dir, true); !again {
				dropAfter(t, c)
			}
			return openAgain(t, c)
		},
		Largest: maxResource, Respells: true, Gathers: true, Slow: 4,
	}
}
