package storagetest

import (
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

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
