// Package mongo keeps a storage.Store in a MongoDB: a replica set, a sharded cluster or a standalone server, or another engine that speaks its wire
// protocol. Resources are native BSON, so that operators can ask for them with MongoDB's own tools; what makes searches fast stands
// beside them in the same document. DESIGN.md tells the layout, and why it is as it is.
//
// Each document is written whole by one compare-and-set: version, index entries and event of a change become visible at one moment
// without a transaction of several documents. Such transactions are used for commits of several operations, where the deployment has them.
package mongo
