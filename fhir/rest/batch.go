package rest

import (
	"net/http"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

// maxAnswer is how large the answer to a Bundle may grow, in bytes: beyond, entries that read are refused, and those that write are answered without
// the resource.
const maxAnswer = 64 << 20

// batch carries out each entry as a request of its own, one after the other: https://hl7.org/fhir/R4/http.html#brules. What one comes to
// does not touch the others. When the client goes away, or its time is over, no further entry is begun.
func (s *server) batch(x *exchange, parts []*part) error {
	refuseLinks(parts)
	x.applied("return", x.prefer.returns)
	b := newBundle("batch-response", s.Promises.BaseURL, -1, nil)
	for _, p := range parts {
		s.perform(x, p, b.isFull())
		b.answered(p)
		p.body = nil
	}
	x.write(http.StatusOK, b.end())
	return nil
}

// refuseLinks makes a fault of every link from an entry to the name of another: "References within a Bundle.entry.resource to another
// Bundle.entry.resource that is being created within the batch are considered to be non-conformant"
// (https://hl7.org/fhir/R4/http.html#brules). Stored, it would lead nowhere.
func refuseLinks(parts []*part) {
	names := map[string]bool{}
	for _, p := range parts {
		if strings.HasPrefix(p.fullURL, "urn:") {
			names[p.fullURL] = true
		}
	}
	if len(names) == 0 {
		return
	}
	for _, p := range parts {
		if name := linkAmong(names, p.resource); name != "" && p.fault == nil {
			p.fault = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The resource refers to %s, which another entry has for its fullUrl. Entries of a batch cannot refer to each other; those of a transaction can.", fhir.Quote(name)).At(p.at(".resource"))
		}
	}
}

// linkAmong finds the first link of a resource, with a fragment or without, that is one of the names; or "".
func linkAmong(names map[string]bool, r fhir.Resource) string {
	for _, link := range engine.Links(r) {
		if name, _, _ := strings.Cut(link, "#"); names[name] {
			return name
		}
	}
	return ""
}

// isFull says whether an answer has the size beyond which it should not grow.
func (b *bundle) isFull() bool { return len(b.text) > maxAnswer }

// perform carries out the request of an entry, and keeps its answer in the part.
func (s *server) perform(outer *exchange, p *part, full bool) {
	x := outer.of(p)
	defer s.recovered(x)
	if err := s.attempt(x, full); err != nil {
		s.fail(x, err)
	}
}

// of is the exchange of an entry.
func (x *exchange) of(p *part) *exchange {
	return &exchange{request: p.request, address: p.address, version: x.version, prefer: x.prefer, who: x.who, part: p}
}

// attempt finds and does what an entry asks for. The places of its error are in the Bundle.
func (s *server) attempt(x *exchange, full bool) error {
	if x.part.fault != nil {
		return x.part.fault
	}
	if err := x.request.Context().Err(); err != nil {
		return fhir.Errorf(fhir.Unavailable, fhir.CodeTransient, "The time of the request was over before this entry was begun. Nothing was done.").At(x.part.at("")).Because(err)
	}
	a, err := s.find(x)
	switch {
	case err != nil:
	case full && a.plan == nil:
		err = fhir.Errorf(fhir.TooCostly, fhir.CodeTooCostly, "What the entries before are answered with is larger than %d MiB. Ask for this in a request of its own.", maxAnswer>>20)
	default:
		if full {
			x.prefer.returns = "minimal"
		}
		err = s.do(x, a)
	}
	if err != nil {
		return x.part.locate(err)
	}
	return nil
}
