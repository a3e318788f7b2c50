package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir/search"
)

// The names of the indexes, for hints. Those that begin with the partition answer one partition's searches and histories, the others all of them.
const (
	hintNewest   = "partition_instant"           // partition, the newest first
	hintFeed     = "instant"                     // all partitions, the oldest first
	hintPrevious = "partition_previous"          // versions that have one before them, the newest of those first
	hintTerm     = "partition_ix_term_instant"   // a term, the newest first
	hintText     = "partition_ix_text_folded"    // a text
	hintTime     = "partition_ix_time"           // a parameter, the low of its ranges
	hintOrder    = "partition_ix_order_low"      // the low of an order, which begins with its parameter
	hintPlace    = "partition_ix_place_latitude" // a latitude
	hintLong     = "partition_ix_long"           // a promised key of which low says little of high
	hintExpires  = "expires"                     // of records
)

// hintSort is the name of the index that has the order of a promised key.
func hintSort(k search.SortKey) string {
	if k.Descending {
		return "partition_ix_sort_" + k.Param + "_high_id"
	}
	return "partition_ix_sort_" + k.Param + "_low_id"
}

// sortField is the field that the index of hintSort goes by: what a resource has that comes first in the order of the key.
func sortField(k search.SortKey) string {
	if k.Descending {
		return indexSort + "." + k.Param + ".high"
	}
	return indexSort + "." + k.Param + ".low"
}

// isPromised says whether a key has an index of its own: the end of its order, those without a value, has to be found, too.
func isPromised(k search.SortKey) bool { return k.Absent != "" && hasField(k) }

// index is an index that a collection has to have.
type index struct {
	name    string
	keys    bson.D
	partial bson.D // only documents of which this holds; nil: all
}

// up and down are the orders of an index by a field.
func up(field string) bson.E   { return bson.E{Key: field, Value: int32(1)} }
func down(field string) bson.E { return bson.E{Key: field, Value: int32(-1)} }

// versionIndexes are those of both collections of a type.
func versionIndexes() []index {
	return []index{
		{name: hintNewest, keys: bson.D{up(fieldPartition), down(fieldInstant)}},
		{name: hintFeed, keys: bson.D{up(fieldInstant)}},
		{name: hintPrevious, keys: bson.D{up(fieldPartition), down(fieldPrevious)}, partial: bson.D{{Key: fieldPrevious, Value: bson.D{{Key: "$exists", Value: true}}}}},
	}
}

// currentIndexes are those of the collection of a type's current versions.
func currentIndexes(keys []search.SortKey) []index {
	all := append(versionIndexes(),
		index{name: hintTerm, keys: bson.D{up(fieldPartition), up(indexTerm), down(fieldInstant)}},
		index{name: hintText, keys: bson.D{up(fieldPartition), up(indexText + ".folded")}},
		index{name: hintTime, keys: bson.D{up(fieldPartition), up(indexTime + ".param"), up(indexTime + ".low")}},
		index{name: hintOrder, keys: bson.D{up(fieldPartition), up(indexOrder + ".low")}},
		index{name: hintPlace, keys: bson.D{up(fieldPartition), up(indexPlace + ".latitude")}},
		index{name: hintLong, keys: bson.D{up(fieldPartition), up(indexLong)}},
	)
	for _, k := range keys {
		if !isPromised(k) {
			continue
		}
		k.Descending = false
		all = append(all, index{name: hintSort(k), keys: bson.D{up(fieldPartition), up(sortField(k)), up(fieldName)}})
		k.Descending = true
		all = append(all, index{name: hintSort(k), keys: bson.D{up(fieldPartition), down(sortField(k)), up(fieldName)}})
	}
	return all
}

// recordIndexes are those of the records.
func recordIndexes() []index {
	return []index{{name: hintExpires, keys: bson.D{up(recordExpires)}}}
}

// found is an index as the server lists it (https://www.mongodb.com/docs/manual/reference/command/listIndexes/).
type found struct {
	Name      string `bson:"name"`
	Keys      bson.D `bson:"key"`
	Partial   bson.D `bson:"partialFilterExpression"`
	Unique    bool   `bson:"unique"`
	Sparse    bool   `bson:"sparse"`
	Hidden    bool   `bson:"hidden"`
	Expires   any    `bson:"expireAfterSeconds"`
	Collation bson.D `bson:"collation"`
}

// shape is all of an index that has a meaning, but its name, in a form that can be compared and read.
func (f found) shape() string {
	text := inWords(f.Keys)
	for _, option := range []struct {
		is   bool
		text string
	}{
		{f.Partial != nil, "of " + inWords(f.Partial)},
		{f.Unique, "unique"},
		{f.Sparse, "sparse"},
		{f.Hidden, "hidden"},
		{f.Expires != nil, fmt.Sprintf("expiring after %v s", f.Expires)},
		{f.Collation != nil, "with a collation"},
	} {
		if option.is {
			text += ", " + option.text
		}
	}
	return text
}

func (i index) shape() string { return found{Keys: i.keys, Partial: i.partial}.shape() }

// inWords writes a document in the way of the shell. A number is written alike whatever type it has.
func inWords(d bson.D) string {
	parts := make([]string, len(d))
	for i, e := range d {
		if inner, ok := e.Value.(bson.D); ok {
			e.Value = inWords(inner)
		}
		parts[i] = fmt.Sprintf("%s: %v", e.Key, e.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// building is how long Open lets an index be built: that of a collection that is large already takes its time, and an interrupted one begins anew.
const building = time.Hour

// ensure makes what a collection lacks of these indexes, within a time. Another process may be at it, too: who comes second may be refused, and finds what it wants.
func (s *Store) ensure(ctx context.Context, collection string, want []index, within time.Duration) error {
	indexes := s.db.Collection(collection).Indexes()
	var refused error
	for range 3 {
		missing, err := s.missing(ctx, collection, want)
		if err != nil || len(missing) == 0 {
			return err
		}
		long, cancel := context.WithTimeout(ctx, within)
		_, refused = indexes.CreateMany(long, missing)
		cancel()
		if refused == nil {
			return nil
		}
	}
	return fmt.Errorf("indexes of %s: %w", collection, refused)
}

// missing are the indexes that a collection lacks. Those that contradict what is wanted are an error, those that nobody asked for are noted.
func (s *Store) missing(ctx context.Context, collection string, want []index) ([]mongo.IndexModel, error) {
	cursor, err := s.db.Collection(collection).Indexes().List(ctx)
	if err != nil {
		return nil, err
	}
	var there []found
	if err := cursor.All(ctx, &there); err != nil {
		return nil, err
	}
	missing, foreign, conflicts := compare(want, there)
	var faults []error
	for _, c := range conflicts {
		faults = append(faults, fmt.Errorf("collection %s: %s", collection, c))
	}
	for _, f := range foreign {
		s.note("collection %s has an index %s on %s that Portico does not use. It is left alone.", collection, f.Name, f.shape())
	}
	return missing, errors.Join(faults...)
}

// compare tells what of the indexes that are wanted is missing, what there is beside them, and what stands in their way, in a sentence each.
func compare(want []index, there []found) (missing []mongo.IndexModel, foreign []found, conflicts []string) {
	taken := map[string]bool{"_id_": true}
	for _, w := range want {
		taken[w.name] = true
		named := slices.IndexFunc(there, func(f found) bool { return f.Name == w.name })
		alike := slices.IndexFunc(there, func(f found) bool { return inWords(f.Keys) == inWords(w.keys) })
		switch {
		case named >= 0 && there[named].shape() == w.shape():
		case named >= 0:
			conflicts = append(conflicts, fmt.Sprintf("the index %s is on %s and should be on %s. Drop it, and it is made anew.", w.name, there[named].shape(), w.shape()))
		case alike >= 0 && there[alike].shape() == w.shape():
			taken[there[alike].Name] = true
			conflicts = append(conflicts, fmt.Sprintf("the index on %s is named %s and should be named %s. Drop it, and it is made anew.", w.shape(), there[alike].Name, w.name))
		default:
			missing = append(missing, w.model())
		}
	}
	for _, f := range there {
		if !taken[f.Name] {
			foreign = append(foreign, f)
		}
	}
	return missing, foreign, conflicts
}

func (i index) model() mongo.IndexModel {
	o := options.Index().SetName(i.name)
	if i.partial != nil {
		o.SetPartialFilterExpression(i.partial)
	}
	return mongo.IndexModel{Keys: i.keys, Options: o}
}
