package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// The fields of a claim, beside its _id.
const (
	claimHolder = "holder" // whose it is: no two holders are the same
	claimStands = "stands" // int64: the holder's patience in microseconds, as long as others leave it the claim
)

// claims are the conditions that are being decided: of several writers that demand that nothing matches one query, one at a time searches and
// writes. A claim is a document whose _id says what is demanded; whoever inserted it has it, and deletes it.
type claims struct {
	docs     *mongo.Collection
	patience time.Duration
	turns    turns // within this process

	mu     sync.Mutex
	others sightings[string] // holders, by the _id of the claim
}

func newClaims(s *Store) *claims {
	return &claims{docs: s.db.Collection(claimCollection), patience: s.config.Patience}
}

// claim is one that is held.
type claim struct {
	until time.Time // whoever has the claim sends its write before, or not at all

	// free gives it back, when the write ended with err. One that is in doubt (errDoubt) leaves it to whoever takes it over.
	free func(err error)
}

// take waits for a claim.
func (c *claims) take(ctx context.Context, p fhir.Partition, q search.Query) (claim, error) {
	id, holder := claimID(p, q), fhir.NewID(time.Now())
	back, err := c.turns.wait(ctx, id)
	if err != nil {
		return claim{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*c.patience) // as long as it takes to see that the holder has died
	defer cancel()
	for delay := time.Millisecond; ; delay = min(2*delay, c.patience/16) {
		until := time.Now().Add(c.patience / 2)
		got, err := c.try(ctx, id, holder)
		switch {
		case err != nil:
			c.release(ctx, id, holder) // the answer may have been lost
			back()
			return claim{}, err
		case got:
			return claim{until, func(err error) {
				if !errors.Is(err, errDoubt) {
					c.release(ctx, id, holder)
				}
				back()
			}}, nil
		}
		if err := pause(ctx, delay); err != nil {
			back()
			return claim{}, err
		}
	}
}

// try makes a claim, or takes over that of a process that died.
func (c *claims) try(ctx context.Context, id, holder string) (got bool, err error) {
	err = again(ctx, func() error {
		_, err := c.docs.InsertOne(ctx, bson.D{{Key: fieldID, Value: id}, {Key: claimHolder, Value: holder}, {Key: claimStands, Value: c.patience.Microseconds()}})
		return err
	})
	if !isDuplicate(err) {
		return err == nil, err
	}
	var found struct {
		Holder string
		Stands int64
	}
	err = c.docs.FindOne(ctx, bson.D{{Key: fieldID, Value: id}}).Decode(&found)
	switch {
	case isAbsent(err):
		return false, nil
	case err != nil:
		return false, err
	case found.Holder == holder: // the answer to the first insertion was lost
		return true, nil
	case !c.stale(id, found.Holder, time.Duration(found.Stands)*time.Microsecond):
		return false, nil
	}
	r, err := c.docs.UpdateOne(ctx, bson.D{{Key: fieldID, Value: id}, {Key: claimHolder, Value: found.Holder}}, bson.D{{Key: "$set", Value: bson.D{{Key: claimHolder, Value: holder}, {Key: claimStands, Value: c.patience.Microseconds()}}}})
	return err == nil && r.MatchedCount == 1, err
}

// stale says whether a claim has been somebody's for longer than any write may take.
func (c *claims) stale(id, holder string, stands time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.others.unchanged(id, holder) > max(c.patience, stands)
}

// release gives a claim back, also when ctx has ended. Should it fail, somebody else takes the claim over after a while.
func (c *claims) release(ctx context.Context, id, holder string) {
	c.mu.Lock()
	c.others.keep(func(name string) bool { return name != id })
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.patience/2)
	defer cancel()
	_, _ = c.docs.DeleteOne(ctx, bson.D{{Key: fieldID, Value: id}, {Key: claimHolder, Value: holder}})
}

// claimID is the hash of what is demanded. The order of the clauses, and of the tests in each, is nothing.
func claimID(p fhir.Partition, q search.Query) string {
	clauses := make([]string, len(q.All))
	for i, a := range q.All {
		tests := make([]string, len(a))
		for k, t := range a {
			tests[k] = fmt.Sprintf("%#v", t)
		}
		clauses[i] = fmt.Sprintf("%q", distinct(tests))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", p, q.Type, distinct(clauses)))
	return hex.EncodeToString(sum[:])
}

func distinct(texts []string) []string {
	slices.SortFunc(texts, strings.Compare)
	return slices.Compact(texts)
}

// leads says whether a clause leads to other resources.
func leads(all []search.Any) bool {
	return slices.ContainsFunc(all, func(a search.Any) bool {
		return slices.ContainsFunc(a, func(t search.Test) bool {
			switch t := t.(type) {
			case search.Refers, search.ReferredBy:
				return true
			case search.Not:
				return leads([]search.Any{t.Any})
			case search.Every:
				return leads(t)
			default:
				return false
			}
		})
	})
}
