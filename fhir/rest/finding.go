package rest

import (
	"net/url"
	"strconv"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// findTakes are the parameters of $find, by its OperationDefinition, and _count, which it takes from the parameters of every search.
var findTakes = []takes{
	{name: "start", types: []string{"dateTime"}, required: true},
	{name: "end", types: []string{"dateTime"}, required: true},
	{name: "specialty", types: []string{"string"}, repeats: true},
	{name: "visit-type", types: []string{"string"}, repeats: true},
	{name: "practitioner", types: []string{"Reference"}, repeats: true},
	{name: "organization", types: []string{"Reference"}, repeats: true},
	{name: "location-string", types: []string{"string"}, repeats: true},
	{name: "location-reference", types: []string{"Reference"}, repeats: true},
	{name: "patient-reference", types: []string{"Reference"}, repeats: true},
	{name: "patient-resource", types: []string{"Patient"}, repeats: true},
	{name: "reason", types: []string{"string"}, repeats: true},
	{name: "referral-identifier", types: []string{"Identifier"}},
	{name: "timing", types: []string{"Timing"}},
	{name: "insurance-reference", types: []string{"Reference"}, repeats: true},
	{name: "_count", types: []string{"integer", "unsignedInt", "positiveInt"}},
}

// finds is $find (ITI-115).
func (s *server) finds(x *exchange) error {
	in, err := s.input(x, "find", findTakes)
	if err != nil {
		return err
	}
	params := x.parameters()
	in.refuseURL(params, "_count")
	req := in.findRequest(params)
	if err := joined(in.faults); err != nil {
		return err
	}
	found, err := s.Engine.Find(x.enter(), x.who, req)
	if err != nil {
		return in.located(err)
	}
	for i := range found.Issues {
		found.Issues[i].Path = in.placeOf(found.Issues[i].Path)
	}
	s.answerOperation(x, found.Total, found.Appointments, found.Issues)
	return nil
}

// findRequest reads what $find is asked.
func (in *input) findRequest(params url.Values) engine.FindRequest {
	req := engine.FindRequest{
		From: in.instant("start", false), To: in.instant("end", true),
		Specialties: in.tokens("specialty"), VisitTypes: in.tokens("visit-type"), Reasons: in.tokens("reason"),
		Practitioners: in.references("practitioner", "Practitioner", "PractitionerRole"), Organizations: in.references("organization", "Organization"),
		Locations: in.references("location-reference", "Location"), Patients: in.references("patient-reference", "Patient"),
		Insurances: in.references("insurance-reference", "InsurancePlan", "Coverage"),
	}
	for _, g := range in.all["location-string"] {
		text, _ := g.value.(string)
		req.LocationTexts = append(req.LocationTexts, text)
	}
	for _, g := range in.all["patient-resource"] {
		o, _ := g.value.(*fhir.Object)
		req.NewPatients = append(req.NewPatients, fhir.NewResource(o))
	}
	for _, g := range in.all["referral-identifier"] {
		o, _ := g.value.(*fhir.Object)
		req.Referral, _ = in.logical(o, g.place+".value")
	}
	for _, g := range in.all["timing"] {
		req.Timing, _ = g.value.(*fhir.Object)
	}
	req.Count, req.TotalOnly = in.count(params["_count"])
	return req
}

// count reads _count, from the URL or the body. 0 asks for the total alone (https://hl7.org/fhir/R4/search.html#count).
func (in *input) count(fromURL []string) (count int, totalOnly bool) {
	type place struct{ text, at string }
	var asked []place
	for _, text := range fromURL {
		asked = append(asked, place{text, ofHTTP("_count")})
	}
	for _, g := range in.all["_count"] {
		n, _ := g.value.(fhir.Number)
		asked = append(asked, place{n.String(), g.place + ".value"})
	}
	if len(asked) == 0 {
		return 0, false
	}
	n, err := strconv.Atoi(asked[0].text)
	switch {
	case len(asked) > 1:
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "_count is given %d times, in the URL and in the body together; once is enough.", len(asked)).At(asked[1].at))
	case err != nil || n < 0:
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no number of appointments: _count is 0, for the total alone, or more.", fhir.Quote(asked[0].text)).At(asked[0].at))
	}
	return min(n, engine.MaxDetermined), n == 0
}
