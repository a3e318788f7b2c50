package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// generators make requests of the party that asks, by what they are after.
var generators = map[string]func(f *fenced) asked{
	"read":             (*fenced).reads,
	"search":           (*fenced).searches,
	"search by others": (*fenced).searchesByOthers,
	"form":             (*fenced).forms,
	"include":          (*fenced).includes,
	"history":          (*fenced).histories,
	"compartment":      (*fenced).compartments,
	"cursor":           (*fenced).cursors,
	"write":            (*fenced).writes,
	"write to others":  (*fenced).writesToOthers,
	"conditional":      (*fenced).conditionals,
	"batch":            (*fenced).batches,
	"transaction":      (*fenced).transactions,
	"site":             (*fenced).sites,
	"operation":        (*fenced).operations,
	"booking":          (*fenced).bookings,
	"slots":            (*fenced).slots,
	"finding":          (*fenced).findings,
	"record":           (*fenced).records,
}

// request makes one: each kind in turn.
func (f *fenced) request(i int) (kind string, a asked) {
	kinds := slices.Sorted(maps.Keys(generators))
	kind = kinds[i%len(kinds)]
	a = generators[kind](f)
	if f.random.IntN(4) == 0 {
		if a.header == nil {
			a.header = map[string]string{}
		}
		for name, value := range pick(f, map[string]string{"HC-API-Version": "2"}, map[string]string{"Prefer": "handling=strict"}, map[string]string{"Prefer": "return=OperationOutcome"}, map[string]string{"SU-SiteId": "Alder"}) {
			if a.header[name] == "" {
				a.header[name] = value
			}
		}
	}
	return kind, a
}

// pick chooses.
func pick[T any](f *fenced, of ...T) T { return of[f.random.IntN(len(of))] }

// typ is a type of the parties' resources.
func (f *fenced) typ() string { return pick(f, slices.Sorted(maps.Keys(templates))...) }

// other is a party whose data are asked for: one that does not ask itself, until the end.
func (f *fenced) other() *party { return pick(f, f.about...) }

// id is one of another party's. Some of them are bait, too.
func (f *fenced) id(typ string) string { return pick(f, f.other().ids[typ]...) }

// secret is a word of a resource of another party's.
func (f *fenced) secret(typ string) string { return pick(f, f.other().words[typ]...) }

func (f *fenced) reads() asked {
	typ := f.typ()
	path := "/" + typ + "/" + f.id(typ) + pick(f, "", "", "?_summary=true", "?_elements=name", "/_history/1", "/_history/2", "/_history/9", "/_history", "/_history?_count=0", "/$everything")
	a := asked{method: pick(f, "GET", "GET", "HEAD"), path: path}
	if f.random.IntN(3) == 0 {
		a.header = pick(f, map[string]string{"If-None-Match": `W/"1"`}, map[string]string{"If-Modified-Since": "Sun, 01 Mar 2099 12:00:00 GMT"})
	}
	return a
}

func (f *fenced) searches() asked {
	return asked{method: "GET", path: pick(f, "/"+f.typ()+"?", "?") + pick(f, "_count=1000", "_summary=count", "_sort=_lastUpdated", "_sort=-_lastUpdated&_count=1000", "_total=accurate&_count=1",
		"_lastUpdated=gt2000", "_summary=text&_count=100", "_id="+f.id(f.typ()), "_lastUpdated=ne1999&_count=1000", "_id:not=x&_count=1000", "_type=Patient,Task&_count=1000")}
}

func (f *fenced) searchesByOthers() asked {
	patient, word := f.id("Patient"), f.secret(pick(f, "Patient", "Patient", "Practitioner", "Organization"))
	return asked{method: "GET", path: pick(f,
		"/Patient?_id="+patient, "/Patient?_id="+patient+","+f.id("Patient"), "/Patient?name="+word, "/Patient?name:contains="+word[7:], "/Patient?name:exact="+word, "/Patient?identifier="+word,
		"/Patient?identifier=http://example.org/mrn%7C"+word, "/Patient?_content="+word, "/Patient?_text="+word, "/Observation?subject=Patient/"+patient, "/Observation?patient="+patient,
		"/Observation?patient.name="+word, "/Observation?patient.identifier="+word, "/Observation?subject:Patient.general-practitioner:Practitioner.name="+word, "/Observation?encounter.location.organization.name="+word,
		"/Patient?_has:Observation:subject:_id="+f.id("Observation"), "/Practitioner?_has:Patient:general-practitioner:name="+word, "/Organization?_has:Patient:organization:_has:Observation:patient:_id="+f.id("Observation"),
		"/Patient?_filter=name+eq+"+word, "/Observation?_filter=patient.name+eq+"+word+"+or+_id+eq+"+f.id("Observation"), "/Appointment?actor=Patient/"+patient+",Location/"+f.id("Location"),
		"/Task?owner=Practitioner/"+f.id("Practitioner")+"&_include=Task:owner&_include=Task:patient", "/Patient?general-practitioner="+url.QueryEscape("http://portico.example.org/fhir/Practitioner/"+f.id("Practitioner")),
		"?_id="+patient+"&_type=Patient", "/Patient?_id:not="+patient+"&_count=1000", "/Observation?subject:missing=false&subject:not="+patient+"&_summary=count",
	)}
}

func (f *fenced) forms() asked {
	a := f.searchesByOthers()
	path, query, _ := strings.Cut(a.path, "?")
	return asked{method: "POST", path: path + "/_search", body: query, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
}

func (f *fenced) includes() asked {
	return asked{method: "GET", path: "/" + pick(f, "Observation?_count=1000&_include=*&_revinclude=*", "Patient?_count=50&_include=Patient:general-practitioner&_include=Patient:organization&_revinclude=Observation:subject",
		"Practitioner?_count=50&_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:subject&_include:iterate=Observation:encounter", "Observation?_count=100&_include=Observation:subject&_include:iterate=*",
		"Organization?_count=20&_revinclude=Patient:organization&_revinclude:iterate=*", "Task?_count=100&_include=Task:patient&_include=Task:owner&_include=Task:focus", "Encounter?_count=100&_include=Encounter:location&_include:iterate=Location:organization")}
}

func (f *fenced) histories() asked {
	return asked{method: "GET", path: pick(f, "/_history", "/"+f.typ()+"/_history") + pick(f, "", "?_count=1000", "?_count=0", "?_since=2000-01-01T00:00:00Z&_count=1000", "?_at=2000", "?_at="+fmt.Sprint(2000+f.random.IntN(90)))}
}

func (f *fenced) compartments() asked {
	typ := pick(f, "Patient", "Practitioner", "Encounter", "RelatedPerson")
	return asked{method: "GET", path: "/" + typ + "/" + f.id(typ) + "/" + pick(f, "*", "Observation", "Appointment", "Task", "Encounter", "*?_count=0", "Observation?_include=Observation:subject", "Patient")}
}

func (f *fenced) cursors() asked {
	path := pick(f, f.other().followed...)
	if f.random.IntN(3) == 0 { // where it was not given
		_, cursor, _ := strings.Cut(path, "?")
		path = pick(f, "/Patient?", "?", "/Task/_history?", "/_history?", "/Observation?") + cursor
	}
	return asked{method: "GET", path: path}
}

// mine is a resource of the party that asks, now and then one that refers to what others have.
func (f *fenced) mine(id string) (typ, body string, keeps bool) {
	me, of := f.parties[0], f.parties[0]
	if keeps = f.random.IntN(2) == 0; keeps {
		of = f.bait()
	}
	typ = f.typ()
	if id != "" {
		typ, id, _ = strings.Cut(id, "/")
	}
	return typ, me.resource(typ, id, f.random.IntN(6), of), keeps
}

// bait is another party, with those of its ids alone that may be written into resources of the party that asks. What is shown of the others is a leak.
func (f *fenced) bait() *party {
	p := *f.other()
	p.ids = map[string][]string{}
	for typ, ids := range f.parties[p.number].ids {
		p.ids[typ] = ids[:2]
	}
	return &p
}

func (f *fenced) writes() asked {
	me := f.parties[0]
	switch f.random.IntN(3) {
	case 0:
		typ, body, keeps := f.mine("")
		return asked{method: "POST", path: "/" + typ, body: body, keeps: keeps}
	case 1:
		typ := f.typ()
		id := pick(f, me.ids[typ][:4]...)
		_, body, keeps := f.mine(typ + "/" + id)
		return asked{method: "PUT", path: "/" + typ + "/" + id, body: body, keeps: keeps, header: map[string]string{"If-Match": "*"}}
	default: // takes over an id of others; it is the party's own from then on
		typ := f.typ()
		id := pick(f, f.bait().ids[typ]...)
		return asked{method: "PUT", path: "/" + typ + "/" + id, body: me.resource(typ, id, 0, me), keeps: true, header: map[string]string{"If-None-Match": pick(f, "*", "")}}
	}
}

const jsonPatch = "application/json-patch+json"

func (f *fenced) writesToOthers() asked {
	typ := f.typ()
	path := "/" + typ + "/" + f.id(typ)
	switch f.random.IntN(4) {
	case 0:
		return asked{method: "PATCH", path: path, body: pick(f, `[{"op":"remove","path":"/text"}]`, `[{"op":"test","path":"/id","value":"x"}]`, `[{"op":"copy","from":"/text/div","path":"/implicitRules"}]`), header: map[string]string{"Content-Type": jsonPatch}}
	case 1:
		return asked{method: "DELETE", path: path, header: map[string]string{"If-Match": pick(f, "", `W/"1"`, "*")}}
	case 2:
		return asked{method: "PUT", path: path, body: f.parties[0].resource(typ, strings.TrimPrefix(path, "/"+typ+"/"), 0, f.parties[0]), header: map[string]string{"If-Match": pick(f, `W/"1"`, "*", `W/"1", W/"2"`)}}
	default:
		return asked{method: "PUT", path: path, body: `{"resourceType":"` + typ + `","id":"x"}`}
	}
}

// selecting is a query that finds something of another party's.
func (f *fenced) selecting(typ string) string {
	if typ == "Patient" {
		return pick(f, "identifier=", "name=") + f.secret("Patient")
	}
	return "_id=" + f.id(typ)
}

func (f *fenced) conditionals() asked {
	typ := pick(f, "Patient", "Patient", f.typ())
	path := "/" + typ + "?" + f.selecting(typ)
	me := f.parties[0]
	switch f.random.IntN(4) {
	case 0:
		return asked{method: "POST", path: "/" + typ, body: me.resource(typ, "", 0, me), header: map[string]string{"If-None-Exist": f.selecting(typ)}}
	case 1:
		return asked{method: "PUT", path: path, body: me.resource(typ, "", 0, me), header: map[string]string{"If-Match": pick(f, "", "", `W/"1"`)}}
	case 2:
		return asked{method: "PATCH", path: path, body: `[{"op":"remove","path":"/text"}]`, header: map[string]string{"Content-Type": jsonPatch}}
	default:
		return asked{method: "DELETE", path: path}
	}
}

// partOf is a request as an entry of a Bundle.
func partOf(a asked) string {
	request := fmt.Sprintf(`"method":%q,"url":%q`, a.method, strings.TrimPrefix(a.path, "/"))
	for header, element := range map[string]string{"If-Match": "ifMatch", "If-None-Match": "ifNoneMatch", "If-None-Exist": "ifNoneExist"} {
		if value := a.header[header]; value != "" {
			request += fmt.Sprintf(`,%q:%q`, element, value)
		}
	}
	resource := ""
	if a.header["Content-Type"] == jsonPatch {
		resource = fmt.Sprintf(`"resource":{"resourceType":"Binary","contentType":%q,"data":%q},`, jsonPatch, base64.StdEncoding.EncodeToString([]byte(a.body)))
	} else if a.body != "" {
		resource = `"resource":` + a.body + `,`
	}
	return `{` + resource + `"request":{` + request + `}}`
}

// bundled puts requests into one.
func bundled(kind string, all ...asked) asked {
	a := asked{method: "POST"}
	var entries []string
	reads := func(entry asked) bool { return entry.method == "GET" }
	a.grows = slices.ContainsFunc(all, reads) && slices.ContainsFunc(all, func(entry asked) bool { return !reads(entry) })
	for _, entry := range all {
		entries = append(entries, partOf(entry))
		a.keeps = a.keeps || entry.keeps
	}
	a.body = `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
	return a
}

func (f *fenced) batches() asked {
	var all []asked
	reads, writes := []func() asked{f.reads, f.searchesByOthers, f.includes, f.compartments, f.cursors}, []func() asked{f.writesToOthers, f.conditionals}
	from := pick(f, reads, writes, slices.Concat(reads, writes))
	for range 1 + f.random.IntN(5) {
		all = append(all, pick(f, from...)())
	}
	return bundled("batch", all...)
}

func (f *fenced) transactions() asked {
	me := f.parties[0]
	switch f.random.IntN(4) {
	case 0: // refers to others by what a search finds
		observation := me.resource("Observation", "", 0, me)
		at := strings.Index(observation, `"Patient/`) + 1
		end := at + strings.IndexByte(observation[at:], '"')
		return bundled("transaction", asked{method: "POST", path: "/Observation", body: observation[:at] + "Patient?" + f.selecting("Patient") + observation[end:]})
	case 1:
		return bundled("transaction", f.reads())
	case 2:
		typ, body, keeps := f.mine("")
		return bundled("transaction", asked{method: "POST", path: "/" + typ, body: body, keeps: keeps}, pick(f, f.searchesByOthers, f.includes)())
	default:
		return bundled("transaction", pick(f, f.conditionals, f.writesToOthers)())
	}
}

func (f *fenced) sites() asked {
	a := pick(f, f.reads, f.searches, f.compartments)()
	id, _, _ := strings.Cut(f.other().key, ".")
	_, secret, _ := strings.Cut(f.parties[0].key, ".")
	a.header = pick(f, map[string]string{"SU-SiteId": "birch"}, map[string]string{"X-Practice-Group-Id": "birch"}, map[string]string{"SU-SiteId": "alder", "X-Practice-Group-Id": "birch"},
		map[string]string{"SU-SiteId": "nobody"}, map[string]string{"Authorization": id + "." + secret}, map[string]string{"Authorization": "Bearer " + id + "." + secret}, map[string]string{"SU-SiteId": "_portico"},
		map[string]string{"X-Api-Key": f.parties[0].key, "SU-SiteId": "Alder"})
	return a
}

func (f *fenced) operations() asked {
	me := f.parties[0]
	typ := f.typ()
	if f.random.IntN(3) == 0 {
		return asked{method: "GET", path: "/$explain?url=" + url.QueryEscape(strings.TrimPrefix(f.searchesByOthers().path, "/"))}
	}
	return asked{method: "POST", path: "/" + typ + pick(f, "", "/"+f.id(typ)) + "/$validate" + pick(f, "", "?mode=create"), body: me.resource(typ, f.id(typ), 0, f.other())}
}

// bookings hold and book what others have, and what is the party's own under the ids of others.
func (f *fenced) bookings() asked {
	me := f.parties[0]
	a := asked{method: "POST", path: "/Appointment/$" + pick(f, "hold", "book"), header: map[string]string{"If-Match": pick(f, "", "", `W/"1"`)}}
	parameter := `{"name":"appointment-reference","valueReference":{"reference":"Appointment/` + f.id("Appointment") + `"}}`
	if strings.HasSuffix(a.path, "book") && f.random.IntN(3) == 0 {
		a.keeps = true
		sent := me.resource("Appointment", pick(f, f.bait().ids["Appointment"]...), 0, f.bait())
		parameter = `{"name":"appointment-resource","resource":` + strings.Replace(sent, `"proposed"`, pick(f, `"pending"`, `"booked"`, `"cancelled"`), 1) + `}`
	}
	a.body = `{"resourceType":"Parameters","parameter":[` + parameter + `]}`
	return a
}

// slots makes the slots of schedules that others have, or have too.
func (f *fenced) slots() asked {
	period := `{"resourceType":"Parameters","parameter":[{"name":"start","valueDate":"2099-03-0` + pick(f, "1", "2") + `"},{"name":"end","valueDate":"2099-03-0` + pick(f, "2", "3") + `"}]}`
	return asked{method: "POST", path: "/Schedule/" + f.id("Schedule") + "/$generate-slots", body: period}
}

// findings look for time with whom and where others have it, or for whom others know: what is proposed then names them.
func (f *fenced) findings() asked {
	parameter := func(name, typ, value string) string {
		return fmt.Sprintf(`{"name":%q,"value%s":%s}`, name, typ, value)
	}
	to := func(name, typ, id string) string {
		return parameter(name, "Reference", `{"reference":"`+typ+"/"+id+`"}`)
	}
	known := func(name, typ string) string {
		return parameter(name, "Reference", `{"identifier":{"value":"`+f.secret(typ)+`"}}`)
	}
	a := asked{method: "POST", path: "/Appointment/$find", keeps: f.random.IntN(3) == 0}
	all := []string{parameter("start", "DateTime", `"2099-03-01"`), parameter("end", "DateTime", `"2099-03-05"`), parameter("_count", "Integer", "1000")}
	if a.keeps {
		of := f.bait()
		all = append(all, to("patient-reference", "Patient", pick(f, of.ids["Patient"]...)), to("insurance-reference", "Coverage", pick(f, of.ids["DocumentReference"]...)))
	} else {
		all = append(all, pick(f,
			to("practitioner", "Practitioner", f.id("Practitioner")), known("practitioner", "Practitioner"), to("organization", "Organization", f.id("Organization")), known("organization", "Organization"),
			to("location-reference", "Location", f.id("Location")), parameter("location-string", "String", `"`+f.secret("Location")+`"`),
		))
	}
	a.body = `{"resourceType":"Parameters","parameter":[` + strings.Join(all, ",") + `]}`
	return a
}

func (f *fenced) records() asked {
	return asked{method: "GET", record: true, path: "/AuditEvent" + pick(f, "?_count=1000", "?_count=0", "?entity=Patient/"+f.id("Patient"), "?patient="+f.id("Patient"), "?date=gt2000&_count=1000", "/"+f.id("Patient"), "?_id="+f.id("Patient"),
		"?_sort=-date&_count=200", "?_include=*&_count=100", "?entity.name="+f.secret("Patient"), "/_history?_count=100")}
}
