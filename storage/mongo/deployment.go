package mongo

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/portico-health/portico/fhir"
)

// deployment is what a server said of itself when it was connected to.
type deployment struct {
	engine        string // "MongoDB", or what speaks its protocol
	replicated    bool   // acknowledgement by a majority
	transactions  bool   // of several documents
	retries       bool   // a write that the driver sends a second time is carried out once
	ordersByTerms bool   // an index over a list keeps the order of the fields behind it: MongoDB's do, those of the DocumentDB extension do not
}

// The engines that speak the protocol. What is none of the others is taken for MongoDB.
const (
	mongoDB          = "MongoDB"
	ferretDB         = "FerretDB"
	documentDB       = "DocumentDB" // the extension of PostgreSQL behind a gateway of its own
	amazonDocumentDB = "Amazon DocumentDB"
	cosmosDB         = "Azure Cosmos DB"
)

// The wire versions (https://github.com/mongodb/specifications/blob/master/source/wireversion-featurelist/wireversion-featurelist.md) from which there are
// transactions.
const (
	wireTransactions        = 7 // MongoDB 4.0, in a replica set
	wireShardedTransactions = 8 // MongoDB 4.2, in a sharded cluster
)

// greeting is what of the answer to hello (https://www.mongodb.com/docs/manual/reference/command/hello/) tells deployments apart.
type greeting struct {
	SetName  string `bson:"setName"`                      // of a member of a replica set
	Message  string `bson:"msg"`                          // "isdbgrid" of mongos
	Sessions *int32 `bson:"logicalSessionTimeoutMinutes"` // not of servers without sessions
	MaxWire  int32  `bson:"maxWireVersion"`
	Internal struct {
		DocumentDB any `bson:"documentdb_versions"`
	} `bson:"internal"`
}

// build is what of the answer to buildInfo tells engines apart.
type build struct {
	FerretDB any    `bson:"ferretdb"`
	Type     string `bson:"_t"` // "BuildInfoResponse" of Cosmos DB
}

// hostsOf are the ends of host names of services that do not say what they are.
var hostsOf = map[string]string{
	".docdb.amazonaws.com":         amazonDocumentDB,
	".docdb-elastic.amazonaws.com": amazonDocumentDB,
	".cosmos.azure.com":            cosmosDB,
	".cosmosdb.azure.com":          cosmosDB,
}

// look asks the server what it is. hosts are those of the connection string.
func look(ctx context.Context, client *mongo.Client, hosts []string) (deployment, error) {
	var g greeting
	var b build
	admin := client.Database("admin")
	if err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&g); err != nil {
		return deployment{}, err
	}
	if err := admin.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&b); err != nil {
		return deployment{}, err
	}
	return deploymentOf(g, b, hosts), nil
}

// deploymentOf is what follows from what a server said. What MongoDB has is not taken for granted in what looks like it: there is an engine that applies the
// writes of a transaction at once.
func deploymentOf(g greeting, b build, hosts []string) deployment {
	d := deployment{engine: engineOf(g, b, hosts)}
	sharded := g.Message == "isdbgrid"
	d.replicated = g.SetName != "" || sharded
	if d.engine == mongoDB {
		d.ordersByTerms = true
		d.retries = d.replicated && g.Sessions != nil
		d.transactions = d.retries && (sharded && g.MaxWire >= wireShardedTransactions || !sharded && g.MaxWire >= wireTransactions)
	}
	return d
}

// undoesTransactions finds out whether an aborted transaction leaves nothing behind, of a server that should have transactions: one that applies at once what is written in
// them could only do harm with them.
func (s *Store) undoesTransactions(ctx context.Context) (undone bool, err error) {
	session, err := s.client.StartSession()
	if err != nil {
		return false, err
	}
	defer session.EndSession(ctx)
	if err := session.StartTransaction(options.Transaction().SetWriteConcern(writeconcern.Majority())); err != nil {
		return false, err
	}
	documents := s.db.Collection(recordCollection)
	trial := bson.E{Key: fieldID, Value: "transaction/" + fhir.NewID(time.Now())}
	// A record that has expired: should this process die here, it is swept.
	_, err = documents.InsertOne(mongo.NewSessionContext(ctx, session), bson.D{trial, {Key: recordExpires, Value: int64(fhir.InstantOf(s.now()))}})
	if err != nil && passes(err) {
		return false, err
	}
	refused := err != nil
	if err := session.AbortTransaction(ctx); err != nil {
		return false, err
	}
	left, err := documents.DeleteOne(ctx, bson.D{trial})
	return err == nil && !refused && left.DeletedCount == 0, err
}

func engineOf(g greeting, b build, hosts []string) string {
	switch {
	case b.FerretDB != nil:
		return ferretDB
	case b.Type != "":
		return cosmosDB
	case g.Internal.DocumentDB != nil:
		return documentDB
	}
	for _, h := range hosts {
		name, _, _ := strings.Cut(strings.ToLower(h), ":")
		for end, engine := range hostsOf {
			if strings.HasSuffix(name, end) {
				return engine
			}
		}
	}
	return mongoDB
}
