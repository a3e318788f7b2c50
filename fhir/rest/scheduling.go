package rest

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// The operations $hold and $book of IHE's ITI Scheduling (https://profiles.ihe.net/ITI/Scheduling/): POST with Parameters, answered 200 with a searchset
// whether they succeed or are rejected.

// The parameters of $hold and $book, by their OperationDefinitions.
var (
	holdTakes = []takes{{name: "appointment-reference", types: []string{"Reference"}, required: true}}
	bookTakes = []takes{{name: "appointment-reference", types: []string{"Reference"}}, {name: "appointment-resource", types: []string{"Appointment"}}}
)

// hold is $hold (ITI-116). A proposal has no version, and what is held stays as it is.
func (s *server) hold(x *exchange) error {
	if err := x.matchesNothing("$hold takes no %s: what it holds is a proposal, which has no version. Leave it out."); err != nil {
		return err
	}
	in, err := s.input(x, "hold", holdTakes)
	if err != nil {
		return err
	}
	in.refuseURL(x.parameters())
	var key fhir.Key
	for _, g := range in.all["appointment-reference"] {
		key, _ = in.key(g, "Appointment")
	}
	if err := joined(in.faults); err != nil {
		return err
	}
	b, err := s.Engine.Hold(x.enter(), x.who, key)
	if err != nil {
		return err
	}
	s.answerBooking(x, b)
	return nil
}

// book is $book (ITI-117). If-Match binds it to a version of the appointment; it may be left out in every version of the API.
func (s *server) book(x *exchange) error {
	in, err := s.input(x, "book", bookTakes)
	if err != nil {
		return err
	}
	in.refuseURL(x.parameters())
	req, place := in.bookRequest()
	if err := joined(in.faults); err != nil {
		return err
	}
	x.key.ID = cmp.Or(req.Reference.ID, req.Resource.ID()) // whose version If-Match names
	if req.Pre, err = x.precondition(); err != nil {
		return err
	}
	req.Pre.Required = false
	b, err := s.Engine.Book(x.enter(), x.who, req)
	if err != nil {
		return placed(err, inResource(place))
	}
	for i := range b.Issues {
		inResource(place)(&b.Issues[i])
	}
	s.answerBooking(x, b)
	return nil
}

// bookRequest reads what $book is asked, and where the resource stands that came, if one did.
func (in *input) bookRequest() (req engine.BookRequest, place string) {
	references, resources := in.all["appointment-reference"], in.all["appointment-resource"]
	if len(references)+len(resources) != 1 && len(in.faults) == 0 {
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "$book takes one of two parameters: appointment-reference, for an appointment as it was proposed or is held, or appointment-resource, for one that is sent. There are %d.", len(references)+len(resources)).At("Parameters.parameter"))
		return req, ""
	}
	for _, g := range references {
		req.Reference, _ = in.key(g, "Appointment")
	}
	for _, g := range resources {
		o, _ := g.value.(*fhir.Object)
		req.Resource, place = fhir.NewResource(o), g.place+".resource"
	}
	return req, place
}

// inResource puts the places of issues about an Appointment that came in Parameters within these; where none came they stay.
func inResource(place string) func(*fhir.Issue) {
	return func(issue *fhir.Issue) {
		if below, ok := strings.CutPrefix(issue.Path, "Appointment"); ok && place != "" {
			issue.Path = place + below
		}
	}
}

// answerBooking answers with what an operation came to.
func (s *server) answerBooking(x *exchange, b engine.Booking) {
	var shown []fhir.Version
	switch {
	case b.Appointment.Body != nil:
		shown = append(shown, b.Appointment)
	case b.Appointment.Key.ID != "":
		b.Issues = append(b.Issues, fhir.Issue{Severity: fhir.Information, Code: fhir.CodeSuppressed, Detail: b.Appointment.Key.String() + " is left out: the credential does not permit to read it. It takes the scope " +
			string(fhir.ScopeOf(b.Appointment.Key.Type, fhir.MayRead)) + "."})
	}
	s.answerOperation(x, len(shown), shown, b.Issues)
}

// answerOperation answers with Appointments and what there is to say, as all operations of the profile do.
func (s *server) answerOperation(x *exchange, total int, shown []fhir.Version, issues []fhir.Issue) {
	b := newBundle("searchset", s.Promises.BaseURL, total, []link{{"self", s.Promises.BaseURL + "/" + x.key.Type + "/$" + x.operation}}, shown)
	for _, v := range shown {
		b.found(v, modeMatch)
	}
	if len(issues) > 0 {
		b.outcome(outcome(issues))
	}
	x.write(http.StatusOK, b.end())
}
