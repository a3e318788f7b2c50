package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// propose carries out $find. Nothing is stored but what is needed to resolve the ids.
func (e *Engine) propose(ctx context.Context, p fhir.Principal, req FindRequest) (Proposals, error) {
	if err := e.mayPropose(p, req); err != nil {
		return Proposals{}, err
	}
	if err := e.checkFind(req); err != nil {
		return Proposals{}, err
	}
	f := finding{finder: e.finder(ctx, p), req: req}
	wanted, err := f.wanted()
	if err != nil || f.nobody {
		return Proposals{Issues: f.issues}, err
	}
	times, more, err := e.availability(ctx, p, wanted)
	if err != nil {
		return Proposals{}, err
	}
	found := Proposals{Total: len(times), Issues: f.issues}
	if more != nil {
		found.Issues = append(found.Issues, note(fhir.Information, fhir.CodeTooCostly, "", "There are more than the %d appointments that were determined, which are the soonest ones. Ask for a shorter period for later ones.", MaxDetermined))
	}
	if count := f.count(); count > 0 && len(times) > 0 {
		found.Appointments, err = f.offer(times[:min(count, len(times))])
	}
	return found, err
}

// checkFind refuses what a request says wrong by itself.
func (e *Engine) checkFind(req FindRequest) error {
	var refusal *fhir.Error
	if req.To <= req.From {
		refusal = also(refusal, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "The time ends at %s, which is not behind its start at %s.", req.To, req.From).At("end"))
	}
	refusal = also(refusal, checkNumbers(req))
	if req.Count < 0 || req.Count > MaxDetermined {
		refusal = also(refusal, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "So many appointments come at once as _count says, 1 to %d.", MaxDetermined).At("_count"))
	}
	for _, patient := range req.NewPatients {
		if patient.Type() != "Patient" {
			refusal = also(refusal, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A patient is a Patient, but this is of type %s.", fhir.Quote(patient.Type())).At("patient-resource"))
			continue
		}
		refusal = also(refusal, e.Validator.Check(patient))
		if len(patient.Root().Array("contained")) > 0 {
			refusal = also(refusal, fhir.Errorf(fhir.Invalid, fhir.CodeStructure, "The patient will be contained in the proposals, and what is contained contains nothing itself.").At("patient-resource"))
		}
	}
	if refusal == nil {
		return nil
	}
	return refusal
}

// checkNumbers refuses more values of one parameter than are looked into.
func checkNumbers(req FindRequest) error {
	var refusal *fhir.Error
	for _, of := range []struct {
		param string
		n     int
	}{
		{"specialty", len(req.Specialties)}, {"visit-type", len(req.VisitTypes)}, {"practitioner", len(req.Practitioners)}, {"organization", len(req.Organizations)},
		{"location-reference", len(req.Locations)}, {"location-string", len(req.LocationTexts)}, {"patient-reference", len(req.Patients)},
		{"patient-resource", len(req.NewPatients)}, {"reason", len(req.Reasons)}, {"insurance-reference", len(req.Insurances)},
	} {
		if of.n > MaxFindValues {
			refusal = also(refusal, fhir.Errorf(fhir.Invalid, fhir.CodeTooCostly, "There are %d values of %s; at most %d are taken.", of.n, of.param, MaxFindValues).At(of.param))
		}
	}
	if refusal == nil {
		return nil
	}
	return refusal
}

// finding is one call of $find.
type finding struct {
	*finder
	req       FindRequest
	locations []fhir.Key // that were asked for
	providers []fhir.Key // the organizations that were asked for
	referral  Reference  // what the proposals are based on
	nobody    bool       // what was asked for is not there, so that nothing can be found
	issues    []fhir.Issue
}

func note(s fhir.Severity, code fhir.IssueCode, path, format string, args ...any) fhir.Issue {
	issue := fhir.Errorf(fhir.Invalid, code, format, args...).At(path).Issues[0]
	issue.Severity = s
	return issue
}

// count is how many proposals are handed out.
func (f *finding) count() int {
	switch {
	case f.req.TotalOnly:
		return 0
	case f.req.Count == 0:
		return DefaultProposals
	default:
		return f.req.Count
	}
}

// wanted is the free time that is asked for.
func (f *finding) wanted() (w Wanted, err error) {
	to := f.limit()
	w = Wanted{From: f.req.From, To: to, EndBy: to, Codes: f.req.VisitTypes, Specialty: f.req.Specialties, Limit: MaxDetermined}
	if f.req.Timing != nil {
		if w.Suits, err = preferring(f.req.Timing); err != nil {
			return w, err
		}
	}
	for _, kind := range []struct {
		asked bool
		who   func() ([]fhir.Key, error)
	}{
		{len(f.req.Practitioners) > 0, f.practitioners},
		{len(f.req.Locations)+len(f.req.LocationTexts) > 0, f.places},
		{len(f.req.Organizations) > 0, f.organizations},
	} {
		if !kind.asked {
			continue
		}
		actors, err := kind.who()
		if err != nil {
			return w, err
		}
		f.nobody = f.nobody || len(actors) == 0
		w.Actors = append(w.Actors, actors)
	}
	if err := f.warnOfAbsent("patient-reference", f.req.Patients); err != nil {
		return w, err
	}
	return w, f.follow()
}

// limit is the end of what is looked at of the period. Nobody plans so far ahead, and whoever does asks for a later start; that it was cut is told.
func (f *finding) limit() fhir.Instant {
	limit := max(f.req.From, fhir.InstantOf(f.Now())) + MaxFindDays*24*3600*1_000_000
	if f.req.To <= limit {
		return f.req.To
	}
	f.issues = append(f.issues, note(fhir.Information, fhir.CodeTooCostly, "end", "The period is looked at until %s, %d days from its start, or from now where that is later. Ask for a later start for what is behind that.", limit, MaxFindDays))
	return limit
}

// warnOfAbsent tells of literal references to what is not there, as far as the client may read what is. Nothing else becomes of them: a schedule or an appointment
// may refer to what the server does not have.
func (f *finding) warnOfAbsent(param string, references []Reference) error {
	for _, r := range references {
		if r.isLogical() || !f.who.Scopes.Permit(r.Key.Type, fhir.MayRead) {
			continue
		}
		v, err := f.Store.Read(f.ctx, f.who.Partition, r.Key)
		if err != nil && !errors.Is(err, fhir.NotFound) {
			return fhir.AsError(err)
		}
		if err != nil || v.IsDeleted() {
			f.issues = append(f.issues, note(fhir.Warning, fhir.CodeNotFound, param, "There is no %s on this server.", r.Key))
		}
	}
	return nil
}

// follow looks for the ServiceRequest that a referral is. One that is not there, or is not the only one of its identifier, is referred to by that.
func (f *finding) follow() error {
	f.referral = f.req.Referral
	if !f.referral.isLogical() {
		return nil
	}
	found, err := f.identified("ServiceRequest", f.referral)
	switch {
	case err != nil:
		return err
	case len(found) == 1:
		f.referral = Reference{Key: found[0]}
	default:
		f.issues = append(f.issues, note(fhir.Warning, fhir.CodeNotFound, "referral-identifier", "%d ServiceRequests have this identifier. The appointments refer to it by the identifier alone.", len(found)))
	}
	return nil
}

// practitioners are those that are asked for, and the roles of each behind it.
func (f *finding) practitioners() ([]fhir.Key, error) {
	asked, err := f.resolve("practitioner", "Practitioner", f.req.Practitioners)
	if err != nil || len(asked) == 0 || !slices.Contains(f.Types, "PractitionerRole") {
		return asked, err
	}
	roles, err := f.some(search.Query{Type: "PractitionerRole", All: []search.Any{referring("practitioner", asked)}, Sort: []search.SortKey{{Param: search.ID}}}, mostPlaces)
	if err != nil {
		return nil, err
	}
	of := make(map[fhir.Key][]fhir.Key)
	for _, v := range roles {
		r, err := stored(v)
		if err != nil {
			return nil, err
		}
		who, _ := f.pointed(r.Root().Object("practitioner"))
		of[who] = append(of[who], v.Key)
	}
	var actors []fhir.Key
	for _, key := range asked {
		actors = append(append(actors, key), of[key]...)
	}
	return actors, nil
}

// places are the Locations that are asked for, and what is at them.
func (f *finding) places() (_ []fhir.Key, err error) {
	if f.locations, err = f.resolve("location-reference", "Location", f.req.Locations); err != nil {
		return nil, err
	}
	for _, text := range f.req.LocationTexts {
		found, err := f.search("Location", "address", text)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			f.issues = append(f.issues, note(fhir.Warning, fhir.CodeNotFound, "location-string", "No Location has %s in its address.", fhir.Quote(text)))
		}
		f.locations = append(f.locations, found...)
	}
	return f.located(f.locations)
}

// organizations are the services, locations and roles of those that are asked for.
func (f *finding) organizations() ([]fhir.Key, error) {
	asked, err := f.resolve("organization", "Organization", f.req.Organizations)
	if err != nil || len(asked) == 0 {
		return nil, err
	}
	f.providers = asked
	var actors []fhir.Key
	for _, typ := range []string{"HealthcareService", "Location", "PractitionerRole"} {
		found, err := f.keys(typ, referring("organization", asked))
		if err != nil {
			return nil, err
		}
		actors = append(actors, found...)
	}
	return actors, nil
}

// resolve are the resources at which References point: those of this type that have the identifier of a logical one. Of what is not there a warning tells.
func (f *finding) resolve(param, typ string, references []Reference) (all []fhir.Key, err error) {
	if err := f.warnOfAbsent(param, references); err != nil {
		return nil, err
	}
	for _, r := range references {
		if !r.isLogical() {
			all = append(all, r.Key)
			continue
		}
		found, err := f.identified(typ, r)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			f.issues = append(f.issues, note(fhir.Warning, fhir.CodeNotFound, param, "No %s has the identifier %s of the system %s.", typ, fhir.Quote(r.Value), fhir.Quote(r.System)))
		}
		all = append(all, found...)
	}
	return all, nil
}

// identified are the resources of a type that have an identifier, in any system where it tells none.
func (f *finding) identified(typ string, r Reference) ([]fhir.Key, error) {
	token := escapes.Replace(r.Value)
	if r.System != "" {
		token = escapes.Replace(r.System) + "|" + token
	}
	return f.searchEscaped(typ, "identifier", token)
}

// escapes are those of the values of a search (https://hl7.org/fhir/R4/search.html#escaping).
var escapes = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

// search are the resources of a type that a value of a parameter finds.
func (f *finding) search(typ, param, value string) ([]fhir.Key, error) {
	return f.searchEscaped(typ, param, escapes.Replace(value))
}

func (f *finding) searchEscaped(typ, param, value string) ([]fhir.Key, error) {
	if !slices.Contains(f.Types, typ) || strings.TrimSpace(value) == "" {
		return nil, nil
	}
	r, err := f.Rules.Parse(typ, []search.Pair{{Name: param, Value: value}}, search.Options{Strict: true, Now: fhir.InstantOf(f.Now())})
	if err != nil || len(r.Query.All) != 1 {
		return nil, err
	}
	return f.keys(typ, r.Query.All[0])
}
