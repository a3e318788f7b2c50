package engine

import (
	"maps"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// What each interaction takes of a client's scopes (https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html). What is refused here is
// Forbidden, caused by a fhir.MissingScope; what is not served is told first, for it is the same for everybody.

// permissions are what the changes take.
var permissions = map[Action]fhir.Permission{
	ActCreate: fhir.MayCreate, ActUpdate: fhir.MayUpdate, ActPatch: fhir.MayUpdate, ActDelete: fhir.MayDelete,
}

// permits says whether a client may do something with a type.
func (e *Engine) permits(p fhir.Principal, resourceType string, wanted fhir.Permission) bool {
	return e.open || p.Scopes.Permit(resourceType, wanted)
}

// may refuses a type that is not served, or with which the client may not do something.
func (e *Engine) may(p fhir.Principal, resourceType string, wanted fhir.Permission) error {
	if err := e.serves(resourceType); err != nil || e.open {
		return err
	}
	return p.Needs(resourceType, wanted)
}

// knows refuses a type that is not served, or with which the client may do nothing at all.
func (e *Engine) knows(p fhir.Principal, resourceType string) error {
	if err := e.serves(resourceType); err != nil || p.Scopes.Of(resourceType) != 0 {
		return err
	}
	return p.Needs(resourceType, fhir.MayRead)
}

// mayFollow refuses the history of a resource or of a type. That of all types is for historyTypes.
func (e *Engine) mayFollow(p fhir.Principal, key fhir.Key) error {
	switch {
	case key.Type == "":
		return nil
	case key.ID == "":
		return e.may(p, key.Type, fhir.MaySearch)
	default:
		return e.may(p, key.Type, fhir.MayRead)
	}
}

// mayChange refuses a change. Its criteria are a search, and a test in a patch tells what is there. Who patches without reading learns nothing else.
func (e *Engine) mayChange(p fhir.Principal, d *draft) error {
	if err := e.writes(d.Key.Type); err != nil {
		return err
	}
	wanted := permissions[d.Action]
	if d.Conditional {
		wanted |= fhir.MaySearch
	}
	if d.Action == ActPatch && d.Patch.Tests() {
		wanted |= fhir.MayRead
	}
	d.blind = d.Action == ActPatch && !p.Scopes.Permit(d.Key.Type, fhir.MayRead)
	return p.Needs(d.Key.Type, wanted)
}

// defaultTypes are those that interactions with all types are about where none are named, in a compartment or, for the zero Key, anywhere: all but the
// record of who did what, which would drown the rest.
func (e *Engine) defaultTypes(compartment fhir.Key) []string {
	return slices.DeleteFunc(slices.Clone(e.Types), func(typ string) bool {
		return typ == auditType || compartment.Type != "" && !e.Rules.InCompartment(compartment.Type, typ)
	})
}

// searchable are those of some types that the client may search; where that is none, it is refused.
func searchable(p fhir.Principal, types []string) ([]string, error) {
	permitted := slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !p.Scopes.Permit(typ, fhir.MaySearch) })
	if len(permitted) == 0 && len(types) > 0 {
		return nil, p.Needs(fhir.AnyType, fhir.MaySearch)
	}
	return permitted, nil
}

// mayShow refuses types that the client may not search, naming each of them.
func mayShow(p fhir.Principal, types []string) error {
	var refusal *fhir.Error
	for _, typ := range types {
		refusal = also(refusal, p.Needs(typ, fhir.MaySearch))
	}
	if refusal == nil {
		return nil
	}
	return refusal
}

// also adds the issues of an error, if there is one, to a refusal.
func also(refusal *fhir.Error, err error) *fhir.Error {
	if err == nil {
		return refusal
	}
	e := fhir.AsError(err)
	if refusal == nil {
		return e
	}
	refusal.Issues = append(refusal.Issues, e.Issues...)
	return refusal
}

// mayPropose refuses $find to whom it would show what they may not see: it shows slots and schedules as a search does, and Appointments under their ids. What is told by an identifier or a
// text is looked for, as a chain does. Which services and roles stand for an actor, a place or an organization is the server's own business: they are not shown.
func (e *Engine) mayPropose(p fhir.Principal, req FindRequest) error {
	if err := e.may(p, "Appointment", fhir.MayRead); err != nil {
		return err
	}
	types := []string{"Schedule", "Slot"}
	look := func(typ string, is bool) {
		if is {
			types = append(types, typ)
		}
	}
	look("Practitioner", slices.ContainsFunc(req.Practitioners, Reference.isLogical))
	look("Organization", slices.ContainsFunc(req.Organizations, Reference.isLogical))
	look("Location", slices.ContainsFunc(req.Locations, Reference.isLogical) || len(req.LocationTexts) > 0)
	look("ServiceRequest", req.Referral.isLogical())
	for _, typ := range types {
		if err := e.serves(typ); err != nil {
			return err
		}
	}
	return mayShow(p, types)
}

// narrowed is a search of all types that names those which the client may search, where it named none and may not search all. So the link of the page
// tells it, and later pages keep to it.
func (e *Engine) narrowed(p fhir.Principal, req SearchRequest, pairs []search.Pair) ([]search.Pair, error) {
	named := func(pair search.Pair) bool { return pair.Name == "_type" && strings.Trim(pair.Value, ", ") != "" }
	if e.open || req.Type != "" || slices.ContainsFunc(pairs, named) {
		return pairs, nil
	}
	all := e.defaultTypes(req.Compartment)
	permitted, err := searchable(p, all)
	if len(permitted) == len(all) || err != nil {
		return pairs, err
	}
	return append(slices.Clip(pairs), search.Pair{Name: "_type", Value: strings.Join(permitted, ",")}), nil
}

// mayFind refuses a search for types that the client may not search, or that looks into such.
func (e *Engine) mayFind(p fhir.Principal, requests []search.Request) error {
	if e.open || p.Scopes.Permit(fhir.AnyType, fhir.MaySearch) {
		return nil
	}
	types := make([]string, len(requests))
	for i, r := range requests {
		types[i] = r.Query.Type
	}
	if err := mayShow(p, types); err != nil {
		return err
	}
	for _, r := range requests {
		if err := e.mayLookInto(p, r.Query); err != nil {
			return err
		}
	}
	return nil
}

// mayLookInto refuses a query whose chains or _has lead to types that the client may not search: by what it finds it would learn what is there.
// AuditEvents are looked into for nobody (audit.Trail.Over): where a chain may lead to others as well they are passed over, and else it is Invalid.
func (e *Engine) mayLookInto(p fhir.Principal, q search.Query) error {
	if e.open || p.Scopes.Permit(fhir.AnyType, fhir.MaySearch) {
		return nil
	}
	var refusal *fhir.Error
	for _, typ := range slices.Sorted(maps.Keys(q.Uses())) {
		if typ == q.Type || typ == auditType || p.Scopes.Permit(typ, fhir.MaySearch) {
			continue
		}
		missing := fhir.ScopeOf(typ, fhir.MaySearch)
		refusal = also(refusal, fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "The query looks into resources of type %s, by a chain or _has; that takes the scope %s. "+
			"A chain that does not say the type of what a reference points at looks into all that are possible: name the type, as in subject:Patient.name.", typ, missing).Because(missing))
	}
	if refusal == nil {
		return nil
	}
	return refusal
}

// maySubscribe refuses a Subscription to what the client may not search: its criteria are a search that goes on. Like all criteria they look into one type.
func maySubscribe(p fhir.Principal, r fhir.Resource) error {
	if r.Type() != "Subscription" {
		return nil
	}
	resourceType, _, _ := strings.Cut(r.Root().Text("criteria"), "?")
	if err := p.Needs(resourceType, fhir.MaySearch); err != nil {
		return fhir.AsError(err).At("Subscription.criteria")
	}
	return nil
}

// withheld are types of which a page leaves out what was to come with its matches.
type withheld struct{ read, search []string }

// note adds a type, and the permission that is missing.
func (w *withheld) note(resourceType string, missing fhir.Permission) {
	types := &w.read
	if missing == fhir.MaySearch {
		types = &w.search
	}
	if !slices.Contains(*types, resourceType) {
		*types = append(*types, resourceType)
	}
}

// warnings say what is left out.
func (w withheld) warnings() []fhir.Issue {
	var all []fhir.Issue
	for _, kind := range []struct {
		types     []string
		missing   fhir.Permission
		name, why string
	}{
		{w.read, fhir.MayRead, "_include", "that are referred to"},
		{w.search, fhir.MaySearch, "_revinclude", "that may refer to what was found"},
	} {
		if len(kind.types) == 0 {
			continue
		}
		slices.Sort(kind.types)
		scopes := make([]string, len(kind.types))
		for i, typ := range kind.types {
			scopes[i] = string(fhir.ScopeOf(typ, kind.missing))
		}
		all = append(all, fhir.Issue{Severity: fhir.Warning, Code: fhir.CodeSuppressed, Path: kind.name, Detail: "Resources " + kind.why + " are left out where they are of type " +
			strings.Join(kind.types, ", ") + ": the credential does not permit to see them. It takes the scope " + strings.Join(scopes, ", ") + "."})
	}
	return all
}
