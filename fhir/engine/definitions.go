package engine

import (
	"context"
	"hash/crc32"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// definitionTypes are the types of what the server defines itself.
var definitionTypes = []string{"OperationDefinition", "SearchParameter", "StructureDefinition"}

// definitionRules are those by which such definitions are searched.
func definitionRules() (*search.Rules, error) {
	return search.NewRules(search.Config{Types: definitionTypes})
}

// RulesOf are the rules by which a type is searched: where nothing of it is stored, those of the server's own definitions.
func (e *Engine) RulesOf(resourceType string) *search.Rules {
	if slices.Contains(e.Types, resourceType) {
		return e.Rules
	}
	return e.definitions
}

// OfDefinitions is an engine that reads and searches definitions of the server's own, as they are since some time. There are few, they are the same for
// everybody, whatever the scopes, and they change with the program alone: none of them is in the store.
func (e *Engine) OfDefinitions(all []fhir.Resource, since time.Time) *Engine {
	own := *e
	own.Rules, own.Types, own.ReadOnly, own.index, own.open = e.definitions, definitionTypes, definitionTypes, &indexing{}, true
	own.Store = newShelf(e.Store, own.Rules, all, fhir.InstantOf(since))
	return &own
}

// shelf has definitions in the place of what is stored.
type shelf struct {
	storage.Store // is asked nothing that a definition could answer
	versions      map[fhir.Key]fhir.Version
	indexed       map[string][]search.Indexed // by type
}

func newShelf(store storage.Store, rules *search.Rules, all []fhir.Resource, since fhir.Instant) *shelf {
	s := &shelf{store, make(map[fhir.Key]fhir.Version), make(map[string][]search.Indexed)}
	for _, r := range all {
		body := fhir.AppendJSON(nil, r.Root())
		number := int64(crc32.ChecksumIEEE(body)) // they are not counted: the ETag tells what another program defines otherwise
		s.versions[r.Key()] = fhir.Version{Key: r.Key(), Number: number, Instant: since, Method: fhir.Created, Body: body}
		s.indexed[r.Type()] = append(s.indexed[r.Type()], search.Indexed{ID: r.ID(), Instant: since, Entries: rules.Extract(r)})
	}
	return s
}

// Of is search.World's.
func (s *shelf) Of(resourceType string) iter.Seq[search.Indexed] {
	return slices.Values(s.indexed[resourceType])
}

// Read is storage.Store's.
func (s *shelf) Read(_ context.Context, _ fhir.Partition, key fhir.Key) (fhir.Version, error) {
	v, ok := s.versions[key]
	if !ok {
		return v, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s among this server's own definitions, which are all that it has of the type.", key)
	}
	return v, nil
}

// Search is storage.Store's. A page continues behind as many matches as its cursor, which nobody but the engine can make, says.
func (s *shelf) Search(ctx context.Context, _ fhir.Partition, q search.Query, page storage.PageRequest) (out storage.SearchPage, err error) {
	found := slices.DeleteFunc(slices.Clone(s.indexed[q.Type]), func(x search.Indexed) bool { return !search.MatchIn(s, q, x) })
	search.Sort(q, found)
	out.Total, out.Counted = len(found), page.CountUpTo != 0
	behind, _ := strconv.Atoi(string(page.After)) // none is 0
	found = found[min(behind, len(found)):]
	if page.Limit > 0 && page.Limit < len(found) {
		out.Next = strconv.AppendInt(nil, int64(behind+page.Limit), 10)
	}
	for _, x := range found[:min(page.Limit, len(found))] {
		out.Versions = append(out.Versions, s.versions[fhir.Key{Type: q.Type, ID: x.ID}])
	}
	return out, ctx.Err()
}

// Explain is storage.Store's.
func (s *shelf) Explain(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.Plan, error) {
	found, err := s.Search(ctx, p, q, page)
	plan := storage.Plan{Index: "definitions in memory", Clause: -1, Looked: len(s.indexed[q.Type]), Found: len(found.Versions)}
	for i := range q.All {
		plan.ByRow = append(plan.ByRow, i)
	}
	return plan, err
}
