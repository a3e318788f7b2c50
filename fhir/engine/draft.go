package engine

import (
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// draft is a change on its way into the store.
type draft struct {
	Change
	index    int
	criteria search.Query // what Criteria say
	own      fhir.Key     // what is created where nothing is there yet; without ID where nothing can be
	named    bool         // the ID of own was there before, and may be taken

	given    bool          // a resource came with the change, and can be checked
	resource fhir.Resource // what is written: that of the change, or what the patch makes of before
	before   fhir.Resource // what is patched
	entries  search.Entries
	links    []*link // what in resource names others
	relinked bool    // links were set since entries were made
	pinned   bool    // a link names the version that is written: it has to be known before
	blind    bool    // who patches may not read what is patched

	aim
}

// aim is what was decided about a draft, by what is in the store: which resource it is about, and under which condition.
type aim struct {
	target    fhir.Key          // what is written, or what the condition of a create found; without ID where nothing was found
	found     fhir.Version      // what a condition selected; without number where nothing did
	condition storage.Condition // what the decision rests on; when it fails, the change is aimed anew
	idle      bool              // nothing is written
	next      int64             // number of the version that will be current; 0 where it is not known
	method    fhir.Method

	booked        fhir.Resource // what bookings make of resource; zero where they leave it
	bookedEntries search.Entries
}

// writesResource says whether the change leaves a resource that it has written.
func (d *draft) writesResource() bool { return !d.idle && d.Action != ActDelete }

// op is what the store is to do.
func (d *draft) op() storage.Op {
	switch {
	case d.idle && d.target.ID == "":
		return storage.Op{Condition: d.condition, Guard: true}
	case d.idle:
		return storage.Op{Key: d.target, Condition: d.condition, Guard: true}
	case d.Action == ActDelete:
		return storage.Op{Key: d.target, Condition: d.condition}
	case !d.booked.IsZero():
		return storage.Op{Key: d.target, Resource: d.booked, Entries: d.bookedEntries, Condition: d.condition, Method: d.method}
	default:
		return storage.Op{Key: d.target, Resource: d.resource, Entries: d.entries, Condition: d.condition, Method: d.method}
	}
}

// outcome is what a change came to, after what the store did.
func (d *draft) outcome(result storage.Result) Outcome {
	if d.idle {
		return Outcome{Version: d.found}
	}
	if d.blind {
		result.Version.Body = nil
	}
	return Outcome{Version: result.Version, Created: d.writesResource() && !result.Existed, Changed: result.Changed}
}

// read does what can be done with a change without looking at what it holds: type, scopes, keys, criteria. It gives new resources their ids.
func (e *Engine) read(p fhir.Principal, d *draft) error {
	d.resource = d.Resource
	if verbs[d.Action] == "" {
		return fhir.AsError(errors.New("a change without an action"))
	}
	if d.Action == ActCreate && d.Key.Type == "" {
		d.Key.Type = d.resource.Type()
	}
	if err := e.mayChange(p, d); err != nil {
		return err
	}
	if d.Conditional {
		criteria, err := e.criteria(p, d.Key.Type, d.Criteria)
		if err != nil {
			return err
		}
		d.criteria = criteria
	}
	switch {
	case d.Action == ActCreate, d.Action == ActUpdate && d.Conditional:
		return e.name(d)
	case d.Action == ActUpdate:
		d.own, d.named, d.target = d.Key, true, d.Key
		return sameKey(d.Key, d.resource)
	case !d.Conditional:
		d.target = d.Key
	}
	return nil
}

// name gives a resource that may be new its key. An update may bring one, and so may a create that says so in Change.Key.
func (e *Engine) name(d *draft) error {
	if d.resource.Type() != d.Key.Type {
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL is for %s, but the resource is of type %s.", d.Key.Type, fhir.Quote(d.resource.Type())).At("resourceType")
	}
	switch _, has := d.resource.Root().Get("id"); {
	case d.Action == ActCreate && d.Key.ID != "":
		d.named = true
		d.resource.SetID(d.Key.ID)
	case has && d.Action == ActUpdate:
		d.named = true
	default:
		d.resource.SetID(e.NewID(e.Now()))
	}
	d.own = d.resource.Key()
	d.target = d.own
	return nil
}

// sameKey refuses a body that contradicts the URL: R4 demands that an update's resource has the
// id of the URL.
func sameKey(key fhir.Key, r fhir.Resource) error {
	switch {
	case !fhir.ValidID(key.ID):
		return fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no id: an id is 1 to 64 of the characters A-Z a-z 0-9 - and .", fhir.Quote(key.ID))
	case r.Type() != key.Type:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL is for %s, but the resource is of type %s.", key.Type, fhir.Quote(r.Type())).At("resourceType")
	case r.ID() == "":
		return fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "An update's resource must have the id of the URL, %s.", fhir.Quote(key.ID)).At(key.Type + ".id")
	case r.ID() != key.ID:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The URL names the id %s, but the resource has the id %s.", fhir.Quote(key.ID), fhir.Quote(r.ID())).At(key.Type + ".id")
	default:
		return nil
	}
}

// maxEntries bounds the index entries of a resource: all writes wait while they are stored.
const maxEntries = 10_000

// prepare makes a resource ready to be stored, as far as that needs no store: checks, UTC, business rules, index entries.
func (e *Engine) prepare(r fhir.Resource) (search.Entries, error) {
	if err := e.Validator.Check(r); err != nil {
		return search.Entries{}, err
	}
	if err := e.checkRules(r); err != nil {
		return search.Entries{}, err
	}
	entries := e.Rules.Extract(r)
	if n := size(entries); n > maxEntries {
		return search.Entries{}, fhir.Errorf(fhir.Unprocessable, fhir.CodeTooCostly, "The resource has %d values that searches look at; at most %d are indexed.", n, maxEntries).At(r.Type())
	}
	return entries, nil
}

func size(x search.Entries) int { return len(x.Terms) + len(x.Texts) + len(x.Ranges) }
