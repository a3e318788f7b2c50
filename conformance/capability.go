package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/portico-health/portico/fhir"
)

// Capability is the CapabilityStatement of one version of the FHIR face, as JSON text
// (https://hl7.org/fhir/R4/capabilitystatement.html). The same table gives the same bytes. It fails when the
// table names a type or a kind of parameter that R4 does not have.
func Capability(p Promises, v APIVersion) ([]byte, error) {
	statement := models.CapabilityStatement{
		Name:   pointer(p.Software),
		Title:  pointer(p.Software + " FHIR R4, API version " + v.Number),
		Status: models.PublicationStatusActive,
		Date:   p.Started.UTC().Format(time.RFC3339),
		Kind:   models.CapabilityStatementKindInstance,
		Software: &models.CapabilityStatementSoftware{
			Name: p.Software, Version: pointer(p.Release),
		},
		Implementation: &models.CapabilityStatementImplementation{
			Description: "FHIR R4 endpoint for booking and running clinical care tasks", Url: pointer(p.BaseURL),
		},
		FhirVersion: models.FHIRVersion4_0_1,
		Format:      []string{"application/fhir+json", "json"},
	}
	if slices.ContainsFunc(p.Types, func(t Type) bool { return t.Offers(Patch) }) {
		statement.PatchFormat = []string{JSONPatch}
	}
	server := models.CapabilityStatementRest{
		Mode:          models.RestfulCapabilityModeServer,
		Documentation: pointer(versionNotes(p, v)),
		Security:      capabilityOfSecurity(p.Security),
	}
	for _, t := range p.Types {
		resource, err := capabilityOf(t, v)
		if err != nil {
			return nil, fmt.Errorf("the CapabilityStatement of %s: %w", t.Name, err)
		}
		server.Resource = append(server.Resource, resource)
	}
	for _, i := range p.System {
		interaction := models.CapabilityStatementRestInteraction{Documentation: documentation(systemNotes(i))}
		if err := setCode(&interaction.Code, string(i)); err != nil {
			return nil, fmt.Errorf("the CapabilityStatement: %w", err)
		}
		server.Interaction = append(server.Interaction, interaction)
	}
	var err error
	if server.SearchParam, err = searchParams(p.Params); err != nil {
		return nil, fmt.Errorf("the CapabilityStatement: %w", err)
	}
	for _, name := range p.Compartments {
		server.Compartment = append(server.Compartment, "http://hl7.org/fhir/CompartmentDefinition/"+strings.ToLower(name[:1])+name[1:])
	}
	for _, o := range p.Operations {
		server.Operation = append(server.Operation, operation(o))
	}
	statement.Rest = []models.CapabilityStatementRest{server}
	return encode(statement)
}

// versionNotes says in words how the version of the face behaves.
func versionNotes(p Promises, v APIVersion) string {
	notes := []string{"API version " + v.Number + ", asked for by the header HC-API-Version (" + strings.Join(p.VersionNumbers(), ", ") + "; without it " + p.Versions[0].Number + ")."}
	if v.Strict {
		notes = append(notes, "Unknown search parameters are refused, unless the request says Prefer: handling=lenient.")
	} else {
		notes = append(notes, "Unknown search parameters are ignored and named in the answer, unless the request says Prefer: handling=strict.")
	}
	if v.MatchRequired {
		notes = append(notes, "An update, patch or delete of an existing resource needs If-Match, also when a search selects it.")
	}
	notes = append(notes, searchNotes(p)...)
	if !v.Deprecated.IsZero() {
		notes = append(notes, "This version is deprecated since "+v.Deprecated.UTC().Format(time.DateOnly)+".")
	}
	if !v.Sunset.IsZero() {
		notes = append(notes, "It is served until "+v.Sunset.UTC().Format(time.DateOnly)+".")
	}
	return strings.Join(notes, " ")
}

// searchNotes are the facts of every search for which the CapabilityStatement has no element.
func searchNotes(p Promises) []string {
	limits := p.SearchLimits
	return []string{
		fmt.Sprintf("Searches take chained parameters (patient.name, subject:Patient.name) and _has beside the parameters of the type, over at most %d references, and _filter.", limits.Links),
		"Results of searches are shaped by " + strings.Join(p.Results, ", ") + "; a read takes _summary and _elements, too.",
		fmt.Sprintf("A page has at most %d matches. A search is refused as too costly where a page would look at more than %d resources and index entries in vain, "+
			"would bring more than %d resources with its matches, or would sort more than %d matches whose order no index has; $explain tells beforehand.",
			limits.Count, limits.Budget, limits.Includes, limits.Gathered),
	}
}

// capabilityOf is the part of one resource type.
func capabilityOf(t Type, v APIVersion) (models.CapabilityStatementRestResource, error) {
	out := models.CapabilityStatementRestResource{
		Profile:           pointer("http://hl7.org/fhir/StructureDefinition/" + t.Name),
		Documentation:     documentation(typeNotes(t)),
		Versioning:        pointer(models.ResourceVersionPolicyVersioned),
		ReadHistory:       pointer(t.Offers(Vread)),
		UpdateCreate:      pointer(t.Offers(Update)),
		ConditionalCreate: pointer(t.OffersConditional(Create)),
		ConditionalRead:   pointer(models.ConditionalReadStatusFullSupport),
		ConditionalUpdate: pointer(t.OffersConditional(Update)),
		ConditionalDelete: pointer(models.ConditionalDeleteStatusNotSupported),
		SearchInclude:     t.Includes,
		SearchRevInclude:  t.RevIncludes,
		ReferencePolicy:   []models.ReferenceHandlingPolicy{models.ReferenceHandlingPolicyLiteral, models.ReferenceHandlingPolicyLogical},
	}
	if t.OffersConditional(Delete) {
		out.ConditionalDelete = pointer(models.ConditionalDeleteStatusSingle)
	}
	if !t.Offers(Vread) {
		out.Versioning = pointer(models.ResourceVersionPolicyNoVersion)
	}
	if t.Definitions != nil {
		out.ConditionalRead, out.ReferencePolicy = pointer(models.ConditionalReadStatusNotMatch), nil
	}
	if err := setCode(&out.Type, t.Name); err != nil {
		return out, err
	}
	if v.MatchRequired && t.Offers(Update) {
		out.Versioning = pointer(models.ResourceVersionPolicyVersionedUpdate)
	}
	for _, i := range t.Interactions {
		var interaction models.CapabilityStatementRestResourceInteraction
		if err := setCode(&interaction.Code, string(i)); err != nil {
			return out, err
		}
		out.Interaction = append(out.Interaction, interaction)
	}
	var err error
	if out.SearchParam, err = searchParams(t.Params); err != nil {
		return out, err
	}
	for _, o := range t.Operations {
		out.Operation = append(out.Operation, operation(o))
	}
	return out, nil
}

// searchParams are what is said of search parameters.
func searchParams(params []Param) ([]models.CapabilityStatementRestResourceSearchParam, error) {
	var all []models.CapabilityStatementRestResourceSearchParam
	for _, p := range params {
		param := models.CapabilityStatementRestResourceSearchParam{
			Name: p.Name, Definition: pointer(p.Definition), Documentation: documentation(paramNotes(p)),
		}
		if err := setCode(&param.Type, p.Type); err != nil {
			return nil, err
		}
		all = append(all, param)
	}
	return all, nil
}

// typeNotes are the facts of a type for which the CapabilityStatement has no element.
func typeNotes(t Type) []string {
	var notes []string
	if !t.Offers(Create) && !t.Offers(Update) {
		notes = append(notes, "Written by the server alone.")
	}
	if t.OffersConditional(Patch) {
		notes = append(notes, "A search may select what to patch.")
	}
	if t.Limit != "" {
		notes = append(notes, t.Limit)
	}
	if len(t.SortKeys) > 0 {
		notes = append(notes, "_sort streams by "+strings.Join(t.SortKeys, ", ")+", each also descending.")
	}
	if len(t.Gathered) > 0 {
		notes = append(notes, "Of a limited number of matches it takes also "+strings.Join(t.Gathered, ", ")+".")
	}
	if len(t.Unchecked) > 0 {
		notes = append(notes, "Invariants that are not checked: "+strings.Join(t.Unchecked, ", ")+".")
	}
	return notes
}

// systemNotes are the facts of an interaction with all types for which the CapabilityStatement has no element.
func systemNotes(i Interaction) []string {
	switch i {
	case Batch, Transaction:
		return []string{fmt.Sprintf("At most %d entries and %d MiB.", MaxBundleEntries, MaxBundleBytes>>20)}
	case HistorySystem:
		return []string{"_type, a list of types, is a parameter of this server's own. AuditEvents have no history."}
	case SearchSystem:
		return []string{"_sort takes _lastUpdated and -_lastUpdated. AuditEvent is searched by itself: _type names it alone, or not at all."}
	default:
		return nil
	}
}

func paramNotes(p Param) []string {
	if len(p.Modifiers) == 0 {
		return nil
	}
	return []string{"Modifiers: " + strings.Join(p.Modifiers, ", ") + "."}
}

func operation(o Operation) models.CapabilityStatementRestResourceOperation {
	return models.CapabilityStatementRestResourceOperation{Name: o.Name, Definition: o.Definition}
}

// documentation joins notes; nil, for an absent element, when there are none.
func documentation(notes []string) *string {
	if len(notes) == 0 {
		return nil
	}
	return pointer(strings.Join(notes, " "))
}

// setCode sets one of the models' codes, which are Go constants, by its text.
func setCode(code json.Unmarshaler, text string) error {
	quoted, err := json.Marshal(text)
	if err != nil {
		return err
	}
	return code.UnmarshalJSON(quoted)
}

// encode writes a model as compact JSON. The models put resourceType last and escape what JSON lets stand; readers expect
// it first, and text as it is.
func encode(model json.Marshaler) ([]byte, error) {
	text, err := model.MarshalJSON()
	if err != nil {
		return nil, err
	}
	r, err := fhir.ParseResource(text)
	if err != nil {
		return nil, err
	}
	resourceType := r.Type()
	r.Root().Delete("resourceType")
	r.Root().SetAfter("resourceType", resourceType)
	return fhir.AppendJSON(nil, r.Root()), nil
}

func pointer[T any](v T) *T { return &v }
