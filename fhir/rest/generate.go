package rest

import (
	"net/http"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// generateTakes are the parameters of $generate-slots.
var generateTakes = []takes{
	{name: "start", types: []string{"date", "dateTime", "instant"}, required: true},
	{name: "end", types: []string{"date", "dateTime", "instant"}, required: true},
}

// generate is the server's own operation Schedule/[id]/$generate-slots: it makes slots by the working hours of the Schedule, and answers with their numbers.
func (s *server) generate(x *exchange) error {
	in, err := s.input(x, "generate-slots", generateTakes)
	if err != nil {
		return err
	}
	in.refuseURL(x.parameters())
	req := engine.GenerateRequest{Schedule: x.key, Start: in.moment("start"), End: in.moment("end")}
	if err := joined(in.faults); err != nil {
		return err
	}
	out, err := s.Engine.Generate(x.enter(), x.who, req)
	if err != nil {
		return in.located(err)
	}
	x.write(http.StatusOK, fhir.AppendJSON(nil, fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "Parameters"},
		fhir.Member{Name: "parameter", Value: fhir.Array{
			parameter("created", "valueInteger", number(out.Created)),
			parameter("kept", "valueInteger", number(out.Kept)),
			parameter("removed", "valueInteger", number(out.Removed)),
			parameter("left", "valueInteger", number(out.Left)),
		}},
	)))
	return nil
}

// moment reads a day or an instant; the zero DateTime where there is none.
func (in *input) moment(name string) fhir.DateTime {
	text, place, is := in.text(name)
	if !is {
		return fhir.DateTime{}
	}
	d, err := fhir.ParseDateTime(text)
	if err != nil || d.Precision != fhir.Day && !d.HasZone {
		in.fault(fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no day, as 2026-03-29, and no instant, as 2026-03-29T09:00:00Z.", fhir.Quote(text)).At(place))
		return fhir.DateTime{}
	}
	return d
}
