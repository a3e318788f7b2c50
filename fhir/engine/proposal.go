package engine

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
)

// What $find proposes is stored as no resource. One record for each $find has what the proposals need to be read again: what they have in common, what comes of
// the schedules, and the times. The id of a proposal is that of the record, which nobody can guess, a dot and its number among the others. So vread, history and
// search know nothing of proposals. One that was held or booked is an Appointment under the same id, and that is what a read finds from then on.

const (
	proposalRecords = "engine/proposals/"
	proposalLife    = 30 * time.Minute
	proposalBase    = 36 // of the numbers behind the dot
)

// lastOfAll is the last instant that FHIR can write: the end of 9999 is a year of five digits.
var lastOfAll = fhir.InstantOf(time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC))

// proposalRecord is the name of a record. No partition can reach another's, whatever it is called.
func proposalRecord(p fhir.Partition, id string) string {
	return proposalRecords + url.PathEscape(string(p)) + "/" + id
}

// proposalID is the id of one of the proposals of a record.
func proposalID(record string, n int) string {
	return record + "." + strconv.FormatInt(int64(n), proposalBase)
}

// proposalPlace is the record of a proposal, and its number there.
func proposalPlace(id string) (record string, n int, ok bool) {
	record, number, dotted := strings.Cut(id, ".")
	at, err := strconv.ParseUint(number, proposalBase, 16)
	return record, int(at), dotted && record != "" && err == nil && proposalID(record, int(at)) == id
}

// proposal is a proposed Appointment that propose handed out under an id, as it is now: proposed, also when its slots were taken meanwhile. NotFound where there
// is none, it expired, or one of its slots is gone or is at another time.
func (e *Engine) proposal(ctx context.Context, p fhir.Partition, key fhir.Key) (fhir.Resource, error) {
	none := fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no %s.", key)
	id, n, ok := proposalPlace(key.ID)
	if !ok {
		return fhir.Resource{}, none
	}
	record, err := e.Store.Records().Get(ctx, proposalRecord(p, id))
	if errors.Is(err, fhir.NotFound) {
		return fhir.Resource{}, none
	}
	if err != nil {
		return fhir.Resource{}, err
	}
	value, err := fhir.ParseJSON(record.Value)
	if err != nil {
		return fhir.Resource{}, fhir.AsError(errors.New("the record of proposals is no JSON"))
	}
	kept, _ := value.(*fhir.Object)
	offers := kept.Array("offers")
	if n >= len(offers) {
		return fhir.Resource{}, none
	}
	offer, _ := offers[n].(*fhir.Object)
	there, err := e.stillThere(ctx, p, offer)
	if err != nil {
		return fhir.Resource{}, err
	}
	if !there {
		return fhir.Resource{}, fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "%s was proposed, but its slots are no longer there, or at another time. Look for another one with $find.", key)
	}
	return proposed(key.ID, kept, offer), nil
}

// stillThere says whether the slots of an offer are there, at its time.
func (e *Engine) stillThere(ctx context.Context, p fhir.Partition, offer *fhir.Object) (bool, error) {
	at, end := instantOf(offer, "start"), instantOf(offer, "end")
	for _, reference := range offer.Objects("slot") {
		key, _ := e.pointed(reference)
		v, err := e.Store.Read(ctx, p, key)
		if errors.Is(err, fhir.NotFound) || err == nil && v.IsDeleted() {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		r, err := stored(v)
		if err != nil {
			return false, err
		}
		slot := booking.SlotOf(e.Rules.BaseURL(), r)
		if slot.Start != at {
			return false, nil
		}
		at = slot.End
	}
	return at == end, nil
}

// instantOf is a time that an offer tells.
func instantOf(offer *fhir.Object, name string) fhir.Instant {
	d, err := fhir.ParseDateTime(offer.Text(name))
	if err != nil {
		return fhir.Beginning
	}
	return d.Interval().Low
}

// appointmentElements are the elements of a proposal, in the order of R4 (https://hl7.org/fhir/R4/appointment.html).
var appointmentElements = []string{
	"contained", "status", "serviceCategory", "serviceType", "specialty", "reasonCode", "supportingInformation", "start", "end", "minutesDuration", "slot", "basedOn",
	"participant", "requestedPeriod",
}

// proposed is the Appointment of an offer: what the offer says, else its schedule, else all offers of the record alike; and whoever takes part by any of them.
func proposed(id string, kept, offer *fhir.Object) fhir.Resource {
	schedules := kept.Array("schedules")
	n, _ := offer.Get("schedule")
	index, _ := n.(fhir.Number)
	at, _ := strconv.Atoi(index.String())
	ofSchedule, _ := schedules[at].(*fhir.Object)
	common := kept.Object("appointment")
	a := fhir.NewObject(fhir.Member{Name: "resourceType", Value: appointmentType}, fhir.Member{Name: "id", Value: id},
		fhir.Member{Name: "meta", Value: fhir.NewObject(fhir.Member{Name: "lastUpdated", Value: kept.Text("made")})})
	for _, name := range appointmentElements {
		if name == "participant" {
			a.Set(name, slices.Concat(common.Array(name), ofSchedule.Array(name)))
			continue
		}
		for _, from := range []*fhir.Object{offer, ofSchedule, common} {
			if value, has := from.Get(name); has {
				a.Set(name, fhir.Clone(value))
				break
			}
		}
	}
	return fhir.NewResource(a)
}

// offer makes proposals of times, and keeps what it takes to read them again.
func (f *finding) offer(times []Time) ([]fhir.Version, error) {
	made := fhir.InstantOf(f.Now())
	var schedules, offers fhir.Array
	numbers := make(map[*diary]int)
	for _, t := range times {
		n, known := numbers[t.diary]
		if !known {
			n = len(schedules)
			schedules, numbers[t.diary] = append(schedules, f.ofSchedule(t.diary)), n
		}
		offers = append(offers, f.ofTime(t, n))
	}
	kept := fhir.NewObject(fhir.Member{Name: "made", Value: made.String()}, fhir.Member{Name: "appointment", Value: f.common()},
		fhir.Member{Name: "schedules", Value: schedules}, fhir.Member{Name: "offers", Value: offers})
	record := f.NewID(f.Now())
	expires := fhir.InstantOf(f.Now().Add(proposalLife))
	if _, err := f.Store.Records().Swap(f.ctx, proposalRecord(f.who.Partition, record), 0, fhir.AppendJSON(nil, kept), expires); err != nil {
		return nil, err
	}
	found := make([]fhir.Version, len(offers))
	for i, offer := range offers {
		r := proposed(proposalID(record, i), kept, offer.(*fhir.Object))
		found[i] = fhir.Version{Key: r.Key(), Instant: made, Body: fhir.AppendJSON(nil, r.Root())}
	}
	return found, nil
}

// ofTime is what an Appointment has of its slots.
func (f *finding) ofTime(t Time, schedule int) *fhir.Object {
	o := fhir.NewObject(fhir.Member{Name: "schedule", Value: fhir.Number(strconv.Itoa(schedule))})
	copyElements(o, t.first.Root(), "serviceCategory", "serviceType", "specialty")
	o.Set("start", t.first.Root().Text("start"))
	o.Set("end", t.last.Root().Text("end"))
	if minutes := t.End.Time().Sub(t.Start.Time()) / time.Minute; minutes > 0 {
		o.Set("minutesDuration", fhir.Number(strconv.Itoa(int(minutes))))
	}
	var slots fhir.Array
	for _, s := range t.Slots {
		slots = append(slots, referenceTo(s.Key))
	}
	o.Set("slot", slots)
	return o
}

// ofSchedule is what an Appointment has of its schedule: codes, and the actors, who have accepted by offering the time. Of several services it is the one
// that was asked for by a code or an organization, if that is clear: an appointment is for one. Of several locations it is those that were asked for.
func (f *finding) ofSchedule(d *diary) *fhir.Object {
	service, o := f.serviceOf(d), fhir.NewObject()
	if service != nil {
		if category, has := service.Get("category"); has {
			o.Set("serviceCategory", category)
		}
	}
	asked := func(element string, tokens []string) {
		if len(tokens) == 1 {
			o.Set(element, fhir.Array{conceptOf(tokens[0])})
		}
	}
	asked("serviceType", f.req.VisitTypes)
	asked("specialty", f.req.Specialties)
	copyElements(o, d.root.Root(), "serviceCategory", "serviceType", "specialty")
	offeredAt := f.narrow(f.actorsOf(d.root, "Location"), f.locations)
	var participants fhir.Array
	for _, actor := range d.root.Root().Objects("actor") {
		key, _ := f.pointed(actor)
		if key.Type == "HealthcareService" && (service == nil || key.ID != service.Text("id")) || key.Type == "Location" && !slices.Contains(offeredAt, key) {
			continue
		}
		participants = append(participants, participant(fhir.Clone(actor), "accepted"))
	}
	o.Set("participant", participants)
	return o
}

// serviceOf is the service of a schedule that an appointment is for; nil where that is not clear.
func (f *finding) serviceOf(d *diary) *fhir.Object {
	services := d.services
	for _, asks := range []func(*fhir.Object) bool{
		func(s *fhir.Object) bool { _, has := anyOf(s, "type", f.req.VisitTypes); return has },
		func(s *fhir.Object) bool { _, has := anyOf(s, "specialty", f.req.Specialties); return has },
		func(s *fhir.Object) bool {
			by, _ := f.pointed(s.Object("providedBy"))
			return slices.Contains(f.providers, by)
		},
	} {
		var narrower []fhir.Resource
		for _, s := range services {
			if asks(s.Root()) {
				narrower = append(narrower, s)
			}
		}
		if len(narrower) > 0 {
			services = narrower
		}
	}
	if len(services) != 1 {
		return nil
	}
	return services[0].Root()
}

// narrow are those that were asked for, or all where none was.
func (f *finding) narrow(all, asked []fhir.Key) []fhir.Key {
	both := slices.DeleteFunc(slices.Clone(all), func(k fhir.Key) bool { return !slices.Contains(asked, k) })
	if len(both) == 0 {
		return all
	}
	return both
}

// common is what all proposals of a request have.
func (f *finding) common() *fhir.Object {
	o := fhir.NewObject(fhir.Member{Name: "status", Value: "proposed"})
	var participants, contained, reasons, supporting fhir.Array
	for _, patient := range f.req.Patients {
		participants = append(participants, participant(patient.object("Patient"), "needs-action"))
	}
	for i, patient := range f.req.NewPatients {
		patient = patient.Clone()
		patient.Root().Delete("meta")
		patient.SetID("patient-" + strconv.Itoa(i+1))
		contained = append(contained, patient.Root())
		participants = append(participants, participant(fhir.NewObject(fhir.Member{Name: "reference", Value: "#" + patient.ID()}), "needs-action"))
	}
	for _, reason := range f.req.Reasons {
		reasons = append(reasons, conceptOf(reason))
	}
	for _, insurance := range f.req.Insurances {
		supporting = append(supporting, insurance.object(""))
	}
	for _, m := range []struct {
		name string
		all  fhir.Array
	}{{"contained", contained}, {"reasonCode", reasons}, {"supportingInformation", supporting}, {"participant", participants}} {
		if len(m.all) > 0 {
			o.Set(m.name, m.all)
		}
	}
	if !f.req.Referral.IsZero() {
		o.Set("basedOn", fhir.Array{f.referral.object("ServiceRequest")})
	}
	o.Set("requestedPeriod", fhir.Array{fhir.NewObject(fhir.Member{Name: "start", Value: f.req.From.String()}, fhir.Member{Name: "end", Value: min(f.req.To, lastOfAll).String()})})
	return o
}

// copyElements copies some elements of one object to another.
func copyElements(to, from *fhir.Object, names ...string) {
	for _, name := range names {
		if value, has := from.Get(name); has {
			to.Set(name, value)
		}
	}
}

func participant(actor any, status string) *fhir.Object {
	return fhir.NewObject(fhir.Member{Name: "actor", Value: actor}, fhir.Member{Name: "status", Value: status})
}

func referenceTo(key fhir.Key) *fhir.Object {
	return fhir.NewObject(fhir.Member{Name: "reference", Value: key.String()})
}

// object is a Reference as FHIR has it. A logical one says of which type its resource is: that which it came with, or else this one, if it is known ("": it is not).
func (r Reference) object(typ string) *fhir.Object {
	if !r.isLogical() {
		return referenceTo(r.Key)
	}
	identifier := fhir.NewObject()
	if r.System != "" {
		identifier.Set("system", r.System)
	}
	identifier.Set("value", r.Value)
	o := fhir.NewObject()
	if typ = cmp.Or(r.Key.Type, typ); typ != "" {
		o.Set("type", typ)
	}
	o.Set("identifier", identifier)
	return o
}

// conceptOf is the CodeableConcept of a token.
func conceptOf(token string) *fhir.Object {
	coding := fhir.NewObject()
	system, code, told := strings.Cut(token, "|")
	switch {
	case !told:
		code = token
	case system != "":
		coding.Set("system", system)
	}
	coding.Set("code", code)
	return fhir.NewObject(fhir.Member{Name: "coding", Value: fhir.Array{coding}})
}
