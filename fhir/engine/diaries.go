package engine

import (
	"errors"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/r4"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// mostPlaces is how many resources of each type may stand for an area, an organization or a text.
const mostPlaces = 1_000

// diaries are those of the schedules that are asked for: in use, and of services that can be booked.
func (l *looking) diaries() ([]*diary, error) {
	q, err := l.scheduled()
	if q == nil || err != nil {
		return nil, err
	}
	found, err := l.some(*q, mostSchedules)
	if err != nil {
		return nil, err
	}
	var all []*diary
	for _, v := range found {
		d, err := l.diary(v)
		if err != nil {
			return nil, err
		}
		if d != nil {
			all = append(all, d)
		}
	}
	for _, d := range all {
		d.size = min(l.wanted.Limit/len(all)+fewestAtOnce, mostAtOnce)
	}
	return all, nil
}

// scheduled is the query for the schedules that are asked for; nil where nothing can be one.
func (l *looking) scheduled() (*search.Query, error) {
	q := search.Query{Type: "Schedule", Sort: []search.SortKey{{Param: search.ID}}}
	if l.wanted.PostalArea != "" { // the first: fewer schedules are in an area than have a service
		locations, err := l.keys("Location", search.InPostalArea(l.wanted.PostalArea))
		if err != nil {
			return nil, err
		}
		there, err := l.located(locations, "coverage-area")
		if len(there) == 0 || err != nil {
			return nil, err
		}
		q.All = append(q.All, referring("actor", there))
	}
	for _, actors := range append([][]fhir.Key{l.wanted.Services}, l.wanted.Actors...) {
		if len(actors) > 0 {
			q.All = append(q.All, referring("actor", actors))
		}
	}
	return &q, nil
}

// located are locations, and the services and roles that are at one of them; and services that refer to one by another parameter as well.
func (f *finder) located(locations []fhir.Key, also ...string) ([]fhir.Key, error) {
	if len(locations) == 0 {
		return nil, nil
	}
	at := referring("location", locations)
	ofServices := at
	for _, param := range also {
		ofServices = append(ofServices[:len(ofServices):len(ofServices)], referring(param, locations)...)
	}
	services, err := f.keys("HealthcareService", ofServices)
	if err != nil {
		return nil, err
	}
	roles, err := f.keys("PractitionerRole", at)
	return slices.Concat(locations, services, roles), err
}

// referring holds for what refers to one of some resources by a parameter.
func referring(param string, to []fhir.Key) search.Any {
	a := make(search.Any, len(to))
	for i, key := range to {
		a[i] = search.Equal{Param: param, Value: key.String()}
	}
	return a
}

// keys are those of the resources of a type that satisfy a clause, by id; none of a type that is not served.
func (f *finder) keys(typ string, a search.Any) ([]fhir.Key, error) {
	if !slices.Contains(f.Types, typ) {
		return nil, nil
	}
	found, err := f.some(search.Query{Type: typ, All: []search.Any{a}, Sort: []search.SortKey{{Param: search.ID}}}, mostPlaces)
	keys := make([]fhir.Key, len(found))
	for i, v := range found {
		keys[i] = v.Key
	}
	return keys, err
}

// some are all that a query finds, up to a number. TooCostly where there are more.
func (f *finder) some(q search.Query, most int) (all []fhir.Version, err error) {
	for page := (storage.PageRequest{Limit: most + 1}); ; {
		found, err := f.find(q, page)
		if err != nil {
			return nil, err
		}
		if all = append(all, found.Versions...); len(all) > most {
			return nil, fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "More than %d resources of type %s would have to be looked into. Name a service, an actor or a smaller area.", most, q.Type)
		}
		if page.After = found.Next; found.Next == nil {
			return all, nil
		}
	}
}

// diary opens that of a schedule; nil for one that is not in use, or whose services cannot be booked now.
func (l *looking) diary(v fhir.Version) (*diary, error) {
	r, err := stored(v)
	if err != nil {
		return nil, err
	}
	if active, told := r.Root().Get("active"); told && active == false {
		return nil, nil
	}
	d := &diary{schedule: v, root: r, next: max(l.wanted.From, l.behind.Start)}
	lead := booking.HoursPolicy(r)
	for _, key := range l.actorsOf(r, "HealthcareService") {
		if len(l.wanted.Services) > 0 && !slices.Contains(l.wanted.Services, key) {
			continue
		}
		s, err := l.service(key)
		if err != nil || s.fault != nil {
			return nil, err
		}
		lead = booking.Strictest(lead, s.policy)
		if !s.resource.IsZero() {
			d.services = append(d.services, s.resource)
		}
	}
	d.next = max(d.next, l.now+fhir.Instant(lead.Lead.Microseconds()))
	if len(l.wanted.Actors) > 0 {
		actors := l.actorsOf(r, "")
		d.rank = slices.IndexFunc(l.wanted.Actors[0], func(wanted fhir.Key) bool { return slices.Contains(actors, wanted) })
	}
	return d, nil
}

// actorsOf are the actors of a schedule that this server has, of one type or ("") of any.
func (e *Engine) actorsOf(schedule fhir.Resource, typ string) (actors []fhir.Key) {
	for _, actor := range schedule.Root().Objects("actor") {
		if key, ours := e.pointed(actor); ours && (typ == "" || key.Type == typ) {
			actors = append(actors, key)
		}
	}
	return actors
}

// pointed is the resource of this server at which a Reference points, also at one version of it.
func (e *Engine) pointed(reference *fhir.Object) (fhir.Key, bool) {
	text, _, _ := strings.Cut(e.Rules.Relative(reference.Text("reference")), historySegment)
	typ, id, _ := strings.Cut(text, "/")
	return fhir.Key{Type: typ, ID: id}, r4.IsResource(typ) && fhir.ValidID(id)
}

// service reads a service and its policy, each once. One that is not there has none.
func (l *looking) service(key fhir.Key) (service, error) {
	if s, known := l.services[key]; known {
		return s, nil
	}
	var s service
	v, err := l.Store.Read(l.ctx, l.who.Partition, key)
	if err == nil && !v.IsDeleted() {
		if s.resource, err = stored(v); err == nil {
			s.policy, s.fault = booking.PolicyOf(s.resource)
		}
	}
	if err != nil && !errors.Is(err, fhir.NotFound) {
		return s, fhir.AsError(err)
	}
	l.services[key] = s
	return s, nil
}
