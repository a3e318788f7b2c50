package rest

import (
	"net/http"
	"strconv"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// planner reads what a request asks to write. It writes nothing.
type planner func(*exchange) (engine.Change, error)

// answer tells what a change came to. Of the outcome of a create that found a match, nothing was created.
func (s *server) answer(x *exchange, c engine.Change, o engine.Outcome) {
	switch {
	case c.Action == engine.ActDelete:
		x.deleted(c, o)
	case o.Created:
		s.locate(x, o.Version)
		x.represent(http.StatusCreated, o.Version, "was created, as")
	case c.Action == engine.ActCreate:
		s.locate(x, o.Version)
		x.represent(http.StatusOK, o.Version, "matches the condition, so that nothing was created; it is in")
	default:
		x.represent(http.StatusOK, o.Version, "was updated, as")
	}
}

// locate says where a version is.
func (s *server) locate(x *exchange, v fhir.Version) {
	x.header().Set("Location", s.Promises.BaseURL+"/"+v.Key.String()+"/_history/"+strconv.FormatInt(v.Number, 10))
}

// represent answers a write with the version that is current now, in the form that the client prefers
// (https://hl7.org/fhir/R4/http.html#ops). In words: the resource, what became of it, its version.
func (x *exchange) represent(status int, v fhir.Version, became string) {
	x.stamp(v)
	if v.Body == nil && x.prefer.returns != "OperationOutcome" { // the client may not read it
		x.writeEmpty(status)
		return
	}
	x.applied("return", x.prefer.returns)
	switch x.prefer.returns {
	case "minimal":
		x.writeEmpty(status)
	case "OperationOutcome":
		x.tell(status, informed(v.Key.String()+" "+became+" version "+strconv.FormatInt(v.Number, 10)+"."))
	default:
		x.write(status, v.Body)
	}
}
