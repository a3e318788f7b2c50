package mongo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// ownDatabases are those that MongoDB has for itself. In none of them a transaction may write:
// https://www.mongodb.com/docs/manual/core/transactions/#transactions-and-operations.
var ownDatabases = []string{"admin", "config", "local"}

// What the name of a database may not have, and how many bytes it has at most: https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions.
const (
	notInDatabase    = "/\\. \"$\x00"
	maxDatabaseBytes = 63
)

// refused are the reasons not to use a connection string that the driver can read.
func refused(uri, database string, dial *options.ClientOptions) (faults []string) {
	if fault := refusedDatabase(database); fault != "" {
		faults = append(faults, fault)
	}
	if p := dial.ReadPreference; p != nil && p.Mode() != readpref.PrimaryMode {
		faults = append(faults, fmt.Sprintf("The connection string asks for readPreference=%s. Portico reads from the primary alone: what was written has to be seen. Leave it out.", p.Mode()))
	}
	if w := dial.WriteConcern; w != nil && !w.Acknowledged() {
		faults = append(faults, "The connection string asks for w=0. Portico needs its writes acknowledged. Leave it out.")
	}
	if names := unknownOptions(uri); names != nil {
		faults = append(faults, fmt.Sprintf("The connection string has options that the driver does not know, and would ignore: %s. Correct or leave them out.", strings.Join(names, ", ")))
	}
	return faults
}

// refusedDatabase tells why no store can be in a database of that name; it is empty where one can.
func refusedDatabase(name string) string {
	switch {
	case name == "":
		return `The connection string names no database. Put its name behind the servers: "mongodb://server:27017/portico".`
	case strings.ContainsAny(name, notInDatabase) || len(name) > maxDatabaseBytes:
		return fmt.Sprintf("The connection string names the database %q. A name has no spaces, dots, slashes, quotation marks or dollars, and %d bytes at most.", name, maxDatabaseBytes)
	case slices.Contains(ownDatabases, name):
		return fmt.Sprintf("The connection string names the database %q, which is MongoDB's own. Name another; where it is the one that knows the user, write that as the option authSource=%s.", name, name)
	}
	return ""
}

// unknownOptions are the options of a connection string that the driver passes over, in small letters, sorted. A tls that is misspelt would be no encryption.
func unknownOptions(uri string) []string {
	read, err := connstring.Parse(uri)
	if err != nil {
		return nil // it has been read before: what is unknown can wait until the servers can be looked up again
	}
	return slices.Sorted(maps.Keys(read.UnknownOptions))
}
