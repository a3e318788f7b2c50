package rest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// bundle takes a Bundle at the base: https://hl7.org/fhir/R4/http.html#transaction.
func (s *server) bundle(x *exchange) error {
	r, err := x.parse(conformance.MaxBundleBytes)
	if err != nil {
		return err
	}
	if err := s.checkEnvelope(r); err != nil {
		return err
	}
	parts := s.takeApart(x, r)
	if r.Root().Text("type") == string(conformance.Transaction) {
		return s.transaction(x, parts)
	}
	return s.batch(x, parts)
}

// checkEnvelope refuses what is no Bundle to be carried out, but for its entries. Its errors are Invalid, Unprocessable and TooLarge.
func (s *server) checkEnvelope(r fhir.Resource) error {
	switch r.Type() {
	case "Bundle":
	case "":
		return fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "The request has no body, where a Bundle is needed.")
	default:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The base takes a Bundle of type %s. A resource of type %s goes to %s/[type] by POST, or to [type]/[id] by PUT.",
			strings.Join(s.bundleTypes(), " or "), fhir.Quote(r.Type()), s.Promises.BaseURL).At("resourceType")
	}
	shell := r.Root()
	if entries, _ := shell.Get("entry"); isEntries(entries) {
		shell = shell.Without("entry")
	}
	if err := s.Engine.Validator.CheckEnvelope(fhir.NewResource(shell)); err != nil {
		return err
	}
	bundleType := shell.Text("type")
	switch {
	case slices.Contains(s.bundleTypes(), bundleType):
	case bundleType == string(conformance.Transaction):
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "This server has no transactions, for its store makes one change at a time. Send a Bundle of type %s, whose entries are carried out each for itself.",
			strings.Join(s.bundleTypes(), " or ")).At("Bundle.type")
	default:
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "A Bundle of type %s is not carried out at the base; one of type %s is. To be stored, a Bundle goes to [type], where Bundle is served.",
			fhir.Quote(bundleType), strings.Join(s.bundleTypes(), " or ")).At("Bundle.type")
	}
	if n := len(r.Root().Array("entry")); n > conformance.MaxBundleEntries {
		return fhir.Errorf(fhir.TooLarge, fhir.CodeTooLong, "The Bundle has %d entries; it may have %d.", n, conformance.MaxBundleEntries).At("Bundle.entry")
	}
	return nil
}

// bundleTypes are the types of Bundle that are carried out, by the names of their interactions.
func (s *server) bundleTypes() []string {
	var types []string
	for _, i := range []conformance.Interaction{conformance.Batch, conformance.Transaction} {
		if s.Promises.OffersSystem(i) {
			types = append(types, string(i))
		}
	}
	return types
}

// isEntries says whether the value of Bundle.entry can be taken apart: an array with objects alone.
func isEntries(value any) bool {
	items, _ := value.(fhir.Array)
	return len(items) > 0 && !slices.ContainsFunc(items, func(item any) bool {
		_, isObject := item.(*fhir.Object)
		return !isObject
	})
}

// takeApart reads the entries of a Bundle.
func (s *server) takeApart(x *exchange, r fhir.Resource) []*part {
	var parts []*part
	seen := map[string]bool{}
	for i, e := range r.Root().Objects("entry") {
		p := s.readEntry(x, r.Root().Text("type"), i, e)
		if p.fault == nil && repeats(e, seen) {
			p.fault = fhir.Errorf(fhir.Invalid, fhir.CodeInvariant, "The fullUrl %s occurs before; with the same versionId, or none, it may occur only once (bdl-7).", fhir.Quote(p.fullURL)).At(p.at(".fullUrl"))
		}
		parts = append(parts, p)
	}
	return parts
}

// repeats says whether an entry has the fullUrl of one before, in the same version.
func repeats(e *fhir.Object, seen map[string]bool) bool {
	name := e.Text("fullUrl")
	if name == "" {
		return false
	}
	name += " " + e.Object("resource").Object("meta").Text("versionId")
	before := seen[name]
	seen[name] = true
	return before
}

// checkEntry holds an entry, but for the resource that it carries, against R4, as the only one of a Bundle.
func (s *server) checkEntry(bundleType string, i int, e *fhir.Object) error {
	const alone = "Bundle.entry[0]"
	place := "Bundle.entry[" + strconv.Itoa(i) + "]"
	if _, has := e.Get("request"); !has {
		return fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "An entry of a %s must have a request, which says what is to be done.", bundleType).At(place + ".request")
	}
	err := s.Engine.Validator.CheckEnvelope(fhir.NewResource(fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "Bundle"}, fhir.Member{Name: "type", Value: bundleType}, fhir.Member{Name: "entry", Value: fhir.Array{e}},
	)))
	return placed(err, func(issue *fhir.Issue) {
		issue.Path = place + strings.TrimPrefix(strings.TrimPrefix(issue.Path, alone), "Bundle")
	})
}

// placed returns the error with its issues changed; nil for nil.
func placed(err error, change func(*fhir.Issue)) error {
	if err == nil {
		return nil
	}
	marked := *fhir.AsError(err)
	marked.Issues = slices.Clone(marked.Issues)
	for i := range marked.Issues {
		change(&marked.Issues[i])
	}
	return &marked
}
