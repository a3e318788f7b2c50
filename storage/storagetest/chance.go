package storagetest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// envSeed has the seed of a run that is to be repeated, a number of 64 bits.
const envSeed = "PORTICO_TEST_SEED"

// Seed is where the chance of a test begins: somewhere else each time, or where PORTICO_TEST_SEED says. The log of the test tells it. What a server
// makes itself, ids and instants, does not come from it.
func Seed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(envSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
	}
	t.Logf("%s=%d begins there again", envSeed, seed)
	return seed
}

// Chance makes what the law makes by chance, for a driver's own tests of what its searches are made of.
type Chance struct{ c *corpus }

// NewChance is the chance of a seed, where versions have one of these instants.
func NewChance(seed uint64, instants []fhir.Instant) *Chance {
	c := newCorpus(nil, seed)
	c.times = instants
	return &Chance{c}
}

// Entries are those of a resource. They refer to nothing that there is.
func (c *Chance) Entries() search.Entries { return c.c.entries() }

// Query is one of a type that may be any. It may have chains.
func (c *Chance) Query() search.Query { return c.c.query() }

// ID is one of few.
func (c *Chance) ID() string { return c.c.anyID() }
