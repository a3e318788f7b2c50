// Package mongotest gives tests databases of their own, on the MongoDB that a variable names, or on another engine that speaks its protocol. Tests of the rooms
// above choose by it what store they run on.
package mongotest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Server is the variable that names the server, as mongodb://127.0.0.1:27017/. Tests make and drop databases on it whose names begin with "portico_test_".
const Server = "PORTICO_TEST_MONGO_URI"

// URI is the connection string of a database that is not there yet, and is dropped when the test ends. The test is skipped where there is no server.
func URI(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(Server)
	if server == "" {
		tb.Skipf("%s names no MongoDB (mongodb://127.0.0.1:27017/)", Server)
	}
	name := "portico_test_" + strings.ToLower(rand.Text()[:16])
	tb.Cleanup(func() {
		if err := drop(server, name); err != nil {
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

func drop(server, name string) error {
	ctx := context.Background()
	client, err := mongo.Connect(options.Client().ApplyURI(server))
	if err != nil {
		return err
	}
	if err := client.Database(name).Drop(ctx); err != nil {
		return err
	}
	return client.Disconnect(ctx)
}
