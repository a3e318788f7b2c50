package audit

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// resourceType is what an event is shown as.
const resourceType = "AuditEvent"

// The code systems of what an AuditEvent says.
const (
	dicom         = "http://dicom.nema.org/resources/ontology/DCM"
	eventTypes    = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interactions  = "http://hl7.org/fhir/restful-interaction"
	participants  = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
	sourceTypes   = "http://terminology.hl7.org/CodeSystem/security-source-type"
	entityTypes   = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	objectRoles   = "http://terminology.hl7.org/CodeSystem/object-role"
	balpEntities  = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
	clientSystem  = fhir.OwnURL + "client" // of the identifiers of credentials
	serverDisplay = "Portico"
)

// action is what an event did: a code of https://hl7.org/fhir/R4/valueset-audit-event-action.html. A search executes, by the patterns of IHE.
func (i Interaction) action() string {
	switch i {
	case Create:
		return "C"
	case Read, Vread, HistoryInstance, HistoryType, HistorySystem:
		return "R"
	case Update, Patch:
		return "U"
	case Delete:
		return "D"
	default:
		return "E"
	}
}

// code is a code in a system, with the words for it.
type code struct{ system, code, display string }

// has says whether a token is the code, alone or in its system.
func (c code) has(token string) bool {
	system, bare, found := strings.Cut(token, "|")
	return !found && token == c.code || found && system == c.system && (bare == c.code || bare == "")
}

func (c code) coding() *fhir.Object { return coding(c.system, c.code, c.display) }

// class is AuditEvent.type.
func (i Interaction) class() code {
	if i == Login {
		return code{dicom, "110114", "User Authentication"}
	}
	return code{eventTypes, "rest", "RESTful Operation"}
}

// kind is AuditEvent.subtype. Codes of DICOM: https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_d.html.
func (i Interaction) kind() code {
	if i == Login {
		return code{dicom, "110122", "Login"}
	}
	return code{interactions, string(i), string(i)}
}

// version is the AuditEvent of an event, by the patterns of IHE's Basic Audit Log Patterns (https://profiles.ihe.net/ITI/BALP/). It says nothing of a profile:
// those are of successes alone, and demand the server's address.
func (e *Event) version(id string) fhir.Version {
	return fhir.Version{
		Key: fhir.Key{Type: resourceType, ID: id}, Number: 1, Instant: e.Instant, Method: fhir.Created,
		Body: fhir.NewDraft(e.resource(id)).Stamp(1, e.Instant),
	}
}

// resource is the AuditEvent without its version.
func (e *Event) resource(id string) fhir.Resource {
	root := object("resourceType", resourceType, "id", id)
	root.Set("type", e.Interaction.class().coding())
	root.Set("subtype", fhir.Array{e.Interaction.kind().coding()})
	root.Set("action", e.Interaction.action())
	root.Set("recorded", e.Instant.String())
	root.Set("outcome", strconv.Itoa(int(e.Outcome)))
	setText(root, "outcomeDesc", e.Detail)
	root.Set("agent", fhir.Array{e.client(), e.server()})
	root.Set("source", e.source())
	if entities := e.entities(); len(entities) > 0 {
		root.Set("entity", entities)
	}
	return fhir.NewResource(root)
}

// client is who asked. By IHE's patterns it is the source of what travels, also where it reads, but for a deletion.
func (e *Event) client() *fhir.Object {
	role := coding(dicom, "110153", "Source Role ID")
	if e.Interaction == Delete {
		role = coding(dicom, "110150", "Application")
	}
	agent := object("type", concept(role))
	if id := plain(e.Who.Client); id != "" {
		agent.Set("who", object("identifier", object("system", clientSystem, "value", id)))
		agent.Set("altId", id)
	}
	agent.Set("requestor", true)
	if address := plain(e.Who.Address); address != "" {
		agent.Set("network", object("address", address, "type", "2")) // an IP address
	}
	return agent
}

func (e *Event) server() *fhir.Object {
	role := coding(dicom, "110152", "Destination Role ID")
	if e.Interaction == Delete {
		role = coding(participants, "custodian", "Custodian")
	}
	return object("type", concept(role), "who", object("display", serverDisplay), "requestor", false)
}

func (e *Event) source() *fhir.Object {
	source := object()
	site, _, _ := strings.Cut(string(e.Who.Partition), "/")
	setText(source, "site", site)
	source.Set("observer", object("display", serverDisplay))
	source.Set("type", fhir.Array{coding(sourceTypes, "4", "Application Server")})
	return source
}

// entities are what the event is about: patients, a resource or a type, what was asked, the request.
func (e *Event) entities() (all fhir.Array) {
	for _, id := range e.Patients {
		all = append(all, object("what", object("reference", "Patient/"+id),
			"type", coding(entityTypes, "1", "Person"), "role", coding(objectRoles, "1", "Patient")))
	}
	if about := e.about(); about != nil {
		all = append(all, about)
	}
	if query := e.query(); query != "" {
		all = append(all, object("type", coding(entityTypes, "2", "System Object"), "role", coding(objectRoles, "24", "Query"),
			"query", base64.StdEncoding.EncodeToString([]byte(query))))
	}
	if request := plain(e.Who.Request); request != "" {
		all = append(all, object("what", object("identifier", object("value", request)),
			"type", coding(balpEntities, "XrequestId", "")))
	}
	return all
}

// about is the resource that the event is about; or what was named and can be no resource.
func (e *Event) about() *fhir.Object {
	if e.Key.ID == "" {
		return nil
	}
	about := object()
	if refersTo(e.Key) {
		reference := e.Key.String()
		if e.Number > 0 {
			reference += "/_history/" + strconv.FormatInt(e.Number, 10)
		}
		about.Set("what", object("reference", reference))
	}
	about.Set("type", coding(entityTypes, "2", "System Object"))
	about.Set("role", coding(objectRoles, "4", "Domain Resource"))
	if !refersTo(e.Key) {
		setText(about, "name", e.Key.String())
	}
	return about
}

// query is what was asked of many resources, relative to the base; "" of one resource.
func (e *Event) query() string {
	path := e.Key.Type
	switch e.Interaction {
	case HistoryInstance:
		if path = e.Key.String() + "/_history"; e.Query == "" { // nothing but the resource
			return ""
		}
	case HistoryType:
		path += "/_history"
	case HistorySystem:
		path = "_history"
	}
	if e.Query != "" {
		return path + "?" + e.Query
	}
	if e.Key.ID != "" {
		return ""
	}
	return path
}

// refersTo says whether a key is that of a resource as a reference may name it: what is asked for in vain need not be.
func refersTo(key fhir.Key) bool { return r4.IsResource(key.Type) && fhir.ValidID(key.ID) }

// object is an object of names and values.
func object(pairs ...any) *fhir.Object {
	members := make([]fhir.Member, len(pairs)/2)
	for i := range members {
		members[i] = fhir.Member{Name: pairs[2*i].(string), Value: pairs[2*i+1]}
	}
	return fhir.NewObject(members...)
}

func coding(system, code, display string) *fhir.Object {
	if display == "" {
		return object("system", system, "code", code)
	}
	return object("system", system, "code", code, "display", display)
}

func concept(coding *fhir.Object) *fhir.Object { return object("coding", fhir.Array{coding}) }

// setText sets a text, if there is one.
func setText(o *fhir.Object, name, text string) {
	if text = plain(text); text != "" {
		o.Set(name, text)
	}
}

// plain is a text as a FHIR string may be: some of what clients send is not.
func plain(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD")))
}
