package mongo

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The answers are those that the servers give to hello and buildInfo, less the fields that say nothing.
func TestDeployments(t *testing.T) {
	const sessions = `"logicalSessionTimeoutMinutes": 30`
	for name, c := range map[string]struct {
		hello, build string
		host         string
		want         deployment
	}{
		"standalone": {
			hello: `{"isWritablePrimary": true, "maxWireVersion": 21, ` + sessions + `}`,
			want:  deployment{engine: mongoDB, ordersByTerms: true},
		},
		"primary": {
			hello: `{"isWritablePrimary": true, "secondary": false, "setName": "rs0", "me": "db1:27017", "hosts": ["db1:27017", "db2:27017"], "maxWireVersion": 25, ` + sessions + `}`,
			want:  deployment{engine: mongoDB, replicated: true, transactions: true, retries: true, ordersByTerms: true},
		},
		"secondary": {
			hello: `{"isWritablePrimary": false, "secondary": true, "setName": "rs0", "maxWireVersion": 21, ` + sessions + `}`,
			want:  deployment{engine: mongoDB, replicated: true, transactions: true, retries: true, ordersByTerms: true},
		},
		"primary of 3.6": {
			hello: `{"ismaster": true, "setName": "rs0", "maxWireVersion": 6, ` + sessions + `}`,
			want:  deployment{engine: mongoDB, replicated: true, retries: true, ordersByTerms: true},
		},
		"mongos": {
			hello: `{"isWritablePrimary": true, "msg": "isdbgrid", "maxWireVersion": 21, ` + sessions + `}`,
			want:  deployment{engine: mongoDB, replicated: true, transactions: true, retries: true, ordersByTerms: true},
		},
		"mongos of 4.0": {
			hello: `{"ismaster": true, "msg": "isdbgrid", "maxWireVersion": 7, ` + sessions + `}`,
			want:  deployment{engine: mongoDB, replicated: true, retries: true, ordersByTerms: true},
		},
		"set without sessions": {
			hello: `{"ismaster": true, "setName": "rs0", "maxWireVersion": 21}`,
			want:  deployment{engine: mongoDB, replicated: true, ordersByTerms: true},
		},
		"FerretDB": {
			hello: `{"isWritablePrimary": true, "maxWireVersion": 21, ` + sessions + `}`,
			build: `{"version": "7.0.77", "ferretdb": {"version": "v2.7.0"}}`,
			want:  deployment{engine: ferretDB},
		},
		"FerretDB that calls itself a set": {
			hello: `{"isWritablePrimary": true, "setName": "rs0", "maxWireVersion": 21, ` + sessions + `}`,
			build: `{"version": "7.0.77", "ferretdb": {"version": "v2.7.0"}}`,
			want:  deployment{engine: ferretDB, replicated: true},
		},
		"DocumentDB behind its gateway": {
			hello: `{"isWritablePrimary": true, "msg": "isdbgrid", "maxWireVersion": 21, "internal": {"documentdb_versions": ["0.107-0"]}, ` + sessions + `}`,
			want:  deployment{engine: documentDB, replicated: true},
		},
		"Amazon DocumentDB": {
			hello: `{"ismaster": true, "setName": "rs0", "maxWireVersion": 13, ` + sessions + `}`,
			host:  "Cluster.cluster-abc.eu-west-2.docdb.amazonaws.com:27017",
			want:  deployment{engine: amazonDocumentDB, replicated: true},
		},
		"Cosmos DB": {
			hello: `{"ismaster": true, "setName": "globaldb", "maxWireVersion": 21, ` + sessions + `}`,
			build: `{"_t": "BuildInfoResponse", "version": "7.0.0"}`,
			want:  deployment{engine: cosmosDB, replicated: true},
		},
		"Cosmos DB by its name": {
			hello: `{"ismaster": true, "setName": "globaldb", "maxWireVersion": 21, ` + sessions + `}`,
			host:  "store.mongo.cosmos.azure.com:10255",
			want:  deployment{engine: cosmosDB, replicated: true},
		},
	} {
		var g greeting
		var b build
		if c.build == "" {
			c.build = `{"version": "7.0.14", "gitVersion": "ce59cfc6a3c5e5c067dca0d30697edd68d4f5188", "modules": [], "storageEngines": ["devnull", "wiredTiger"]}`
		}
		if err := bson.UnmarshalExtJSON([]byte(c.hello), false, &g); err != nil {
			t.Fatal(name, err)
		}
		if err := bson.UnmarshalExtJSON([]byte(c.build), false, &b); err != nil {
			t.Fatal(name, err)
		}
		if got := deploymentOf(g, b, []string{"db1:27017", c.host}); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
