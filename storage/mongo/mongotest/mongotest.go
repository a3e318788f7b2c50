// Package mongotest gives tests databases of their own, on the MongoDB that a variable names, or on another engine that speaks its protocol. Tests of the rooms
// above choose by it what store they run on.
package mongotest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Server is the variable that names the server, as mongodb://127.0.0.1:27017/. Tests make and drop databases on it whose names begin with "portico_test_".
const Server = "PORTICO_TEST_MONGO_URI"

// databases are those that were made by this process, and are not dropped yet.
var databases struct {
	sync.Mutex
	reused bool // until Main drops them; otherwise they are dropped with their test
	all    []string
	free   []string // no test has them
	client *mongo.Client
}

// Main runs the tests of a package, and returns the exit code. They use databases one after the other, emptied in between: making indexes takes longer than most
// tests. When all are done, the databases are dropped.
func Main(m *testing.M) int {
	databases.reused = true
	code := m.Run()
	if err := dropAll(); err != nil {
		fmt.Fprintln(os.Stderr, "mongotest:", err)
		return max(code, 1)
	}
	return code
}

// URI is the connection string of a database that has no documents, and is the test's own until it ends. The test is skipped where there is no server.
func URI(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(Server)
	if server == "" {
		tb.Skipf("%s names no MongoDB (mongodb://127.0.0.1:27017/)", Server)
	}
	name, err := take(server)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := give(name); err != nil {
			tb.Error(err)
		}
	})
	before, query, _ := strings.Cut(server, "?")
	uri := strings.TrimSuffix(before, "/") + "/" + name
	if query != "" {
		uri += "?" + query
	}
	return uri
}

// take finds a database that no test has.
func take(server string) (name string, err error) {
	databases.Lock()
	defer databases.Unlock()
	if databases.client == nil {
		if databases.client, err = mongo.Connect(options.Client().ApplyURI(server)); err != nil {
			return "", err
		}
	}
	if n := len(databases.free); n > 0 {
		name, databases.free = databases.free[n-1], databases.free[:n-1]
		return name, nil
	}
	name = "portico_test_" + strings.ToLower(rand.Text()[:16])
	databases.all = append(databases.all, name)
	return name, nil
}

// give drops a database, or makes it fit for the next test.
func give(name string) error {
	databases.Lock()
	defer databases.Unlock()
	db := databases.client.Database(name)
	if !databases.reused {
		databases.all = slices.DeleteFunc(databases.all, func(n string) bool { return n == name })
		return db.Drop(context.Background())
	}
	collections, err := db.ListCollectionNames(context.Background(), bson.D{})
	for _, c := range collections {
		_, failed := db.Collection(c).DeleteMany(context.Background(), bson.D{})
		err = errors.Join(err, failed)
	}
	databases.free = append(databases.free, name)
	return err
}

func dropAll() (err error) {
	databases.Lock()
	defer databases.Unlock()
	for _, name := range databases.all {
		err = errors.Join(err, databases.client.Database(name).Drop(context.Background()))
	}
	if databases.client != nil {
		err = errors.Join(err, databases.client.Disconnect(context.Background()))
	}
	return err
}
