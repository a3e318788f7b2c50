package rest

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
)

// explain is the server's own operation $explain: how a search is understood and carried out. The search is the parameter url, relative to the base
// ("Appointment?patient=Patient/1"), percent-encoded once more where it stands in a URL; a POST may bring it in Parameters
// (https://hl7.org/fhir/R4/operations.html#executing).
func (s *server) explain(x *exchange) error {
	text, err := x.explained()
	if err != nil {
		return err
	}
	in, err := s.searchAt(x, text)
	if err != nil {
		return err
	}
	asked := in.asked(in.request.URL.RawQuery)
	e, err := s.engineOf(asked.Type).Explain(x.enter(), x.who, asked)
	switch {
	case errors.Is(err, fhir.Forbidden):
		return err
	case err != nil:
		return within(ofHTTP("url"), err)
	}
	x.applied("handling", x.prefer.handling)
	x.write(http.StatusOK, fhir.AppendJSON(nil, explanation(s.Promises.BaseURL+in.searched(), e)))
	return nil
}

// explained is the search that is asked about.
func (x *exchange) explained() (string, error) {
	asked := x.parameters()["url"]
	if x.request.Method == http.MethodPost {
		r, err := x.parse(maxBody)
		if err != nil {
			return "", err
		}
		if !r.IsZero() && r.Type() != "Parameters" {
			return "", fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The parameters of an operation stand in Parameters, not in a resource of type %s.", fhir.Quote(r.Type())).At("resourceType")
		}
		for _, p := range r.Root().Objects("parameter") {
			if p.Text("name") == "url" {
				asked = append(asked, p.Text("valueUri")+p.Text("valueString"))
			}
		}
	}
	if len(asked) != 1 || asked[0] == "" {
		return "", fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "$explain has one parameter, url: a search relative to the base and percent-encoded, as in $explain?url=Appointment%%3Fpatient%%3DPatient%%2F1.").At(ofHTTP("url"))
	}
	return asked[0], nil
}

// searchAt is the exchange in which a search would be asked for by GET. Its error is Invalid.
func (s *server) searchAt(x *exchange, text string) (*exchange, error) {
	u, err := s.resolve(text, "")
	if err != nil {
		return nil, fhir.AsError(err).At(ofHTTP("url"))
	}
	in := &exchange{request: &http.Request{Method: http.MethodGet, URL: u}, version: x.version, prefer: x.prefer, who: x.who, address: locate(u.EscapedPath())}
	_, offered := s.routes[target{place: in.place, resourceType: in.key.Type}][http.MethodGet]
	if !offered || !slices.Contains([]place{onBase, onType, onCompartment}, in.place) {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no search that is offered here: write [type]?[parameters], as in Appointment?patient=Patient/1.", fhir.Quote(text)).At(ofHTTP("url"))
	}
	return in, nil
}

// explanation writes what is known of a search as Parameters (https://hl7.org/fhir/R4/parameters.html).
func explanation(address string, e engine.Explanation) *fhir.Object {
	asked := e.Requests[0]
	if len(asked.Applied) > 0 {
		address += "?" + search.JoinQuery(asked.Applied)
	}
	all := fhir.Array{parameter("understood", "valueUri", address)}
	if len(asked.Ignored) > 0 {
		r, _ := fhir.ParseResource(outcome(parameterIssues(asked.Ignored))) // what this server writes itself
		all = append(all, parameter("ignored", "resource", r.Root()))
	}
	all = append(all,
		parameter("page", "valueInteger", number(asked.Count)),
		parameter("budget", "valueInteger", number(e.Budget)),
		parameter("gathered", "valueInteger", number(engine.MaxGathered)),
	)
	for i := range e.Requests {
		all = append(all, parameter("type", "part", append(asks(e, i), carriedOut(e, i)...)))
	}
	return fhir.NewObject(fhir.Member{Name: "resourceType", Value: "Parameters"}, fhir.Member{Name: "parameter", Value: all})
}

// asks tells what a search asks of the resources of a type.
func asks(e engine.Explanation, of int) fhir.Array {
	q, plan := e.Requests[of].Query, e.Plans[of]
	all := fhir.Array{parameter("name", "valueCode", q.Type)}
	for i, clause := range q.All {
		all = append(all, parameter("clause", "part", fhir.Array{
			parameter("text", "valueString", clause.String()),
			parameter("index", "valueBoolean", i == plan.Clause),
			parameter("checked", "valueBoolean", slices.Contains(plan.ByRow, i)),
		}))
	}
	for _, key := range q.Sort {
		all = append(all, parameter("sort", "part", fhir.Array{
			parameter("text", "valueString", key.String()),
			parameter("streams", "valueBoolean", key.Streams()),
		}))
	}
	return all
}

// carriedOut tells how the first page of a type is made.
func carriedOut(e engine.Explanation, i int) fhir.Array {
	plan := e.Plans[i]
	all := fhir.Array{parameter("index", "valueString", plan.Index)}
	if plan.Clause >= 0 {
		all = append(all, parameter("matches", "valueInteger", number(plan.Matches)), parameter("counted", "valueBoolean", plan.Counted))
	}
	return append(all,
		parameter("ordered", "valueBoolean", plan.Ordered),
		parameter("found", "valueInteger", number(plan.Found)),
		parameter("looked", "valueInteger", number(plan.Looked)),
		parameter("refused", "valueBoolean", e.Refused(i)),
	)
}

// parameter is one of Parameters; kind says what it holds: "valueString", "part".
func parameter(name, kind string, value any) *fhir.Object {
	return fhir.NewObject(fhir.Member{Name: "name", Value: name}, fhir.Member{Name: kind, Value: value})
}

func number(n int) fhir.Number { return fhir.Number(strconv.Itoa(n)) }
