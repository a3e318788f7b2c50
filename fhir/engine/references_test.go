package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
)

const (
	otherPatient = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a" // of a create
	otherBase    = "http://other.example/r4/"
)

// linkTypes are served where links are tested.
var linkTypes = []string{"Patient", "Observation", "DocumentReference", "CodeSystem", "Binary", "Practitioner", "Provenance", "Bundle"}

// neighbours are entries that others refer to: creates, an update, a conditional create of one that is there, a delete.
func neighbours(t *testing.T) []engine.Change {
	return []engine.Change{
		entry(t, "POST Patient", patientOf("", "50", "New"), fullURL(otherPatient)),
		entry(t, "POST Practitioner", `{"resourceType":"Practitioner"}`, fullURL(otherBase+"Practitioner/a3")),
		entry(t, "PUT Patient/put", patientOf("put", "51", "New"), fullURL(otherBase+"Patient/put")),
		entry(t, "POST Patient?"+mrn, patientOf("", "1", "New"), fullURL("urn:oid:1.2.3")),
		entry(t, "DELETE Patient/gone", "", fullURL(otherBase+"Patient/gone")),
		entry(t, "PATCH Patient/patched", rename, fullURL("urn:uuid:patched")),
	}
}

func observing(members string) string {
	return `{"resourceType":"Observation","status":"final","code":{"text":"x"},` + members + `}`
}

// TestLinks: https://hl7.org/fhir/R4/http.html#trules and https://hl7.org/fhir/R4/bundle.html#references. In what is wanted, {0} stands for the key of the
// first neighbour, and {self} for that of the entry itself.
func TestLinks(t *testing.T) {
	const own = otherBase + "Observation/own"
	for _, c := range []struct {
		name, fullURL    string
		body, old, wants string // body with old in it becomes the same with wants
	}{
		{"Reference.reference", "", observing(`"subject":{"reference":"%s"}`), otherPatient, "{0}"},
		{"to an update", "", observing(`"subject":{"reference":"%s"}`), otherBase + "Patient/put", "Patient/put"},
		{"to what a conditional create found", "", observing(`"subject":{"reference":"%s"}`), "urn:oid:1.2.3", "Patient/a"},
		{"to what is patched", "", observing(`"subject":{"reference":"%s"}`), "urn:uuid:patched", "Patient/patched"},
		{"to another server's resource", "", observing(`"subject":{"reference":"%s"}`), otherBase + "Patient/else", otherBase + "Patient/else"},
		{"to what is deleted", "", observing(`"subject":{"reference":"%s"}`), otherBase + "Patient/gone", otherBase + "Patient/gone"},
		{"to itself", own, observing(`"hasMember":[{"reference":"%s"}]`), own, "{self}"},
		{"in an array", "", observing(`"performer":[{"reference":"Patient/z"},{"reference":"%s"}]`), otherPatient, "{0}"},
		{"in a contained resource", "", observing(`"contained":[{"resourceType":"Observation","id":"c","status":"final","code":{"text":"x"},"subject":{"reference":"%s"}}],"hasMember":[{"reference":"#c"}]`), otherPatient, "{0}"},
		{"in an extension", "", observing(`"extension":[{"url":"http://example.org/e","valueReference":{"reference":"%s"}}]`), otherPatient, "{0}"},
		{"in an extension of a primitive", "", observing(`"_status":{"extension":[{"url":"http://example.org/e","valueReference":{"reference":"%s"}}]}`), otherPatient, "{0}"},
		{"in an extension of a primitive in an array", "", `{"resourceType":"Patient","name":[{"given":["A","B"],"_given":[null,{"extension":[{"url":"http://example.org/e","valueUri":"%s"}]}]}]}`, otherPatient, "{0}"},
		{"uri", "", observing(`"extension":[{"url":"http://example.org/e","valueUri":"%s"}]`), otherPatient, "{0}"},
		{"url", "", `{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"url":"%s"}}]}`, otherPatient, "{0}"},
		{"url with a fragment", "", `{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"url":"%s"}}]}`, otherPatient + "#part", "{0}#part"},
		{"policies, an array of uris", "", `{"resourceType":"Provenance","target":[{"reference":"Patient/z"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}],"policy":["http://example.org/p","%s"]}`, otherPatient, "{0}"},
		{"canonical stays", "", `{"resourceType":"Patient","meta":{"profile":["%s"]}}`, otherPatient, otherPatient},
		{"uuid stays, which holds no relative URL", "", observing(`"extension":[{"url":"http://example.org/e","valueUuid":"%s"}]`), otherPatient, otherPatient},
		{"a string stays", "", `{"resourceType":"Patient","identifier":[{"value":"%s"}]}`, otherPatient, otherPatient},
		{"a display stays", "", observing(`"subject":{"display":"%s"}`), otherPatient, otherPatient},
		{"a system stays", "", observing(`"category":[{"coding":[{"system":"%s","code":"x"}]}]`), otherPatient, otherPatient},
		{"the url of an extension stays", "", observing(`"extension":[{"url":"%s","valueBoolean":true}]`), otherPatient, otherPatient},
		{"the url of a resource stays", otherBase + "CodeSystem/x", `{"resourceType":"CodeSystem","status":"draft","content":"complete","url":"%s"}`, otherBase + "CodeSystem/x", otherBase + "CodeSystem/x"},
		{"the version of a create", "", observing(`"subject":{"reference":"%s"}`), otherPatient + "/_history/7", "{0}/_history/1"},
		{"the version of an update", "", observing(`"subject":{"reference":"%s"}`), otherBase + "Patient/put/_history/7", "Patient/put/_history/2"},
		{"the version of what was found", "", observing(`"subject":{"reference":"%s"}`), "urn:oid:1.2.3/_history/7", "Patient/a/_history/1"},
		{"the version of what is patched", "", observing(`"subject":{"reference":"%s"}`), "urn:uuid:patched/_history/7", "Patient/patched/_history/2"},
		{"relative, in an entry with a RESTful fullUrl", own, observing(`"performer":[{"reference":"%s"}]`), "Practitioner/a3", "{1}"},
		{"relative with a version, in an entry with a RESTful fullUrl", own, observing(`"performer":[{"reference":"%s"}]`), "Practitioner/a3/_history/4", "{1}/_history/1"},
		{"relative, to none of the entries", own, observing(`"performer":[{"reference":"%s"}]`), "Practitioner/a4", "Practitioner/a4"},
		{"relative, in an entry with a urn", "urn:uuid:own", observing(`"performer":[{"reference":"%s"}]`), "Practitioner/a3", "Practitioner/a3"},
		{"relative, in an entry without a fullUrl", "", observing(`"performer":[{"reference":"%s"}]`), "Practitioner/a3", "Practitioner/a3"},
		{"relative, in an entry of another server", "http://third.example/Observation/own", observing(`"performer":[{"reference":"%s"}]`), "Practitioner/a3", "Practitioner/a3"},
		{"relative, in an entry with another kind of URL", "http://third.example/own", observing(`"performer":[{"reference":"%s"}]`), "Practitioner/a3", "Practitioner/a3"},
		{"a link in the narrative", "", observing(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a <a title=\"href='%[1]s'\" href=\"%s\">x &amp; y</a> %[1]s</div>"}`), otherPatient, ""},
		{"an image in the narrative", "", observing(`"text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'><img alt='x' src = '%s' /></div>"}`), otherPatient, "{0}"},
		{"a fragment in the narrative", "", observing(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a name=\"x\"/><a href=\"%s\">x</a><a href=\"http://example.org\">z</a></div>"}`), otherPatient + "#a&amp;b", "{0}#a&amp;b"},
		{"an escaped link in the narrative", "", observing(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a name=\"x\"/><a href=\"%s\">x</a></div>"}`), strings.ReplaceAll(otherPatient, "-", "&#45;") + "&#35;a&amp;b", "{0}#a&amp;b"},
		{"a relative link in the narrative", own, observing(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"%s\">x</a></div>"}`), "Practitioner/a3", "{1}"},
		{"another place of the narrative stays", "", observing(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><q cite=\"%s\">x</q></div>"}`), otherPatient, otherPatient},
		{"a Bundle that is stored stays", "", `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"%[1]s","resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"%[1]s"}}}]}`, otherPatient, otherPatient},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTransactingOf(t, linkTypes...)
			have(t, e, "a")
			for _, id := range []string{"put", "gone", "patched"} {
				put(t, e, alice, id, "Old")
			}
			body, want := fmt.Sprintf(c.body, c.old), fmt.Sprintf(c.body, c.wants)
			if c.wants == "" { // only the value of the attribute is a link
				want = fmt.Sprintf(strings.Replace(c.body, `href=\"%s\"`, `href=\"{0}\"`, 1), c.old)
				body = fmt.Sprintf(strings.Replace(c.body, `href=\"%s\"`, `href=\"%[1]s\"`, 1), c.old)
			}
			r, err := fhir.ParseResource([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			out, err := e.Transact(t.Context(), alice, append(neighbours(t), entry(t, "POST "+r.Type(), body, fullURL(c.fullURL))))
			if err != nil {
				t.Fatal(err)
			}
			self := out[6].Version
			want = strings.NewReplacer("{0}", out[0].Version.Key.String(), "{1}", out[1].Version.Key.String(), "{self}", self.Key.String()).Replace(want)
			want = strings.Replace(want, `",`, fmt.Sprintf(`","id":%q,`, self.Key.ID), 1) // behind resourceType
			if got := plain(t, self); got != "1 "+want {
				t.Errorf("\n got %s\nwant 1 %s", got, want)
			}
		})
	}
}

// Resources may refer to each other in a circle, and what is found by a reference is what was stored.
func TestLinksInACircle(t *testing.T) {
	e := newTransactingOf(t, linkTypes...)
	out, err := e.Transact(t.Context(), alice, []engine.Change{
		entry(t, "POST Observation", observing(`"hasMember":[{"reference":"urn:uuid:b"}]`), fullURL("urn:uuid:a")),
		entry(t, "POST Observation", observing(`"hasMember":[{"reference":"urn:uuid:a"}]`), fullURL("urn:uuid:b")),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		hit := found(t, e, "Observation", "has-member="+out[1-i].Version.Key.String())
		if len(hit) != 1 || hit[0] != plain(t, out[i].Version) {
			t.Errorf("%v", hit)
		}
	}
}

// A patch brings links, too; those that are stored stay as they are.
func TestLinksOfAPatch(t *testing.T) {
	e := newTransactingOf(t, linkTypes...)
	commit(t, e, resource(t, `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"focus":[{"reference":"http://other.example/Patient/1"}]}`))
	out, err := e.Transact(t.Context(), alice, []engine.Change{
		entry(t, "PATCH Observation/o", `[{"op":"add","path":"/subject","value":{"reference":"urn:uuid:p"}},{"op":"add","path":"/focus/-","value":{"reference":"Patient?identifier=5"}},{"op":"add","path":"/focus/-","value":{"reference":"urn:uuid:q/_history/1"}}]`),
		entry(t, "POST Patient", `{"resourceType":"Patient"}`, fullURL("urn:uuid:p")),
		entry(t, "POST Patient", `{"resourceType":"Patient","identifier":[{"value":"5"}]}`, fullURL("http://other.example/Patient/1")),
		entry(t, "PUT Patient/put", `{"resourceType":"Patient","id":"put"}`, fullURL("urn:uuid:q")),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`2 {"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"focus":[{"reference":"http://other.example/Patient/1"},{"reference":%q},{"reference":"Patient/put/_history/1"}],"subject":{"reference":%q}}`,
		out[2].Version.Key, out[1].Version.Key)
	if got := plain(t, out[0].Version); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	_, err = e.Transact(t.Context(), alice, []engine.Change{entry(t, "PATCH Observation/o", `[{"op":"replace","path":"/subject","value":{"reference":"urn:uuid:none"}}]`)})
	wantFaults(t, err, fault{0, fhir.Invalid, "Observation.subject.reference: The reference \"urn:uuid:none\""})
}

func TestLinkFaults(t *testing.T) {
	p := `{"resourceType":"Patient"}`
	for _, c := range []struct {
		name    string
		entries []engine.Change
		want    []fault
	}{
		{"a urn that no entry has", []engine.Change{entry(t, "POST Observation", observing(`"subject":{"reference":"urn:uuid:x"},"performer":[{"display":"y"},{"reference":"urn:oid:1.2"}]`))},
			[]fault{{0, fhir.Invalid, "Observation.performer[1].reference: The reference \"urn:oid:1.2\""}}},
		{"a urn of what is deleted", []engine.Change{entry(t, "POST Observation", observing(`"subject":{"reference":"urn:uuid:x"}`)), entry(t, "DELETE Patient/a", "", fullURL("urn:uuid:x"))},
			[]fault{{0, fhir.Invalid, "urn:uuid:x"}}},
		{"a urn in a contained resource", []engine.Change{entry(t, "POST Observation", observing(`"contained":[{"resourceType":"Observation","id":"c","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:x"}}],"hasMember":[{"reference":"#c"}]`))},
			[]fault{{0, fhir.Invalid, "Observation.contained[0].subject.reference"}}},
		{"a link to a type that may not stand there", []engine.Change{entry(t, "POST Observation", observing(`"subject":{"reference":"urn:uuid:x"}`)), entry(t, "POST Practitioner", `{"resourceType":"Practitioner"}`, fullURL("urn:uuid:x"))},
			[]fault{{0, fhir.Unprocessable, "Practitioner"}}},
		{"faults of both kinds", []engine.Change{entry(t, "POST Observation", observing(`"subject":{"reference":"urn:uuid:x"},"colour":1`))},
			[]fault{{0, fhir.Invalid, "urn:uuid:x"}, {0, fhir.Invalid, "colour"}}},
		{"a fullUrl that is relative", []engine.Change{entry(t, "POST Patient", p, fullURL("Patient/1"))}, []fault{{0, fhir.Invalid, "fullUrl: \"Patient/1\" is no absolute URL"}}},
		{"a fullUrl that is none", []engine.Change{entry(t, "POST Patient", p, fullURL("http://[x"))}, []fault{{0, fhir.Invalid, "fullUrl"}}},
		{"a fullUrl with a version", []engine.Change{entry(t, "POST Patient", p, fullURL("http://example.org/Patient/1/_history/2"))}, []fault{{0, fhir.Invalid, "bdl-8"}}},
		{"a fullUrl of another id", []engine.Change{entry(t, "PUT Patient/b", `{"resourceType":"Patient","id":"b"}`, fullURL("http://example.org/Patient/a"))}, []fault{{0, fhir.Invalid, "is about, Patient/b"}}},
		{"a fullUrl of another id, by criteria", []engine.Change{entry(t, "PUT Patient?_id=b", `{"resourceType":"Patient","id":"b"}`, fullURL("http://example.org/Patient/a"))}, []fault{{0, fhir.Invalid, "is about, Patient/b"}}},
		{"a fullUrl of another id, to delete", []engine.Change{entry(t, "DELETE Patient/b", "", fullURL("http://example.org/Patient/a"))}, []fault{{0, fhir.Invalid, "is about, Patient/b"}}},
		{"a fullUrl of another type", []engine.Change{entry(t, "POST Patient", p, fullURL("http://example.org/Location/a"))}, []fault{{0, fhir.Invalid, "is about, Patient."}}},
		{"two with one fullUrl", []engine.Change{entry(t, "POST Patient", p, fullURL("urn:uuid:x")), entry(t, "POST Patient", p, fullURL("urn:uuid:x"))}, []fault{{1, fhir.Invalid, "bdl-7"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTransactingOf(t, linkTypes...)
			_, err := e.Transact(t.Context(), alice, c.entries)
			wantFaults(t, err, c.want...)
			if left := state(t, e); len(left) != 0 {
				t.Errorf("%v", left)
			}
		})
	}
}

// TestConditionalReferences: https://hl7.org/fhir/R4/http.html#trules, "Conditional References".
func TestConditionalReferences(t *testing.T) {
	obs := func(reference string) engine.Change {
		return entry(t, "POST Observation", observing(fmt.Sprintf(`"subject":{"reference":%q}`, reference)))
	}
	const where = "Observation.subject.reference: "
	for _, c := range []struct {
		name    string
		there   []string
		entries []engine.Change // the first is an Observation
		want    string          // "" for the key of the second entry
		refusal fhir.Kind
		words   string
	}{
		{"one", []string{"a"}, []engine.Change{obs("Patient?" + mrn)}, "Patient/a", 0, ""},
		{"one, by an address below the base", []string{"a"}, []engine.Change{obs("http://example.org/fhir/Patient?" + mrn)}, "Patient/a", 0, ""},
		{"none", nil, []engine.Change{obs("Patient?" + mrn)}, "", fhir.PreconditionFailed, where + "No Patient matches the conditional reference \"Patient?identifier"},
		{"several", []string{"a", "b"}, []engine.Change{obs("Patient?" + mrn)}, "", fhir.PreconditionFailed, where + "Several"},
		{"one that is created", nil, []engine.Change{obs("Patient?" + mrn), entry(t, "POST Patient", patientOf("", "1", "New"))}, "", 0, ""},
		{"one that a condition lets be created", nil, []engine.Change{obs("Patient?" + mrn), entry(t, "POST Patient?"+mrn, patientOf("", "1", "New"))}, "", 0, ""},
		{"one that a conditional create finds", []string{"a"}, []engine.Change{obs("Patient?" + mrn), entry(t, "POST Patient?"+mrn, patientOf("", "1", "New"))}, "Patient/a", 0, ""},
		{"one that is created beside one", []string{"a"}, []engine.Change{obs("Patient?" + mrn), entry(t, "POST Patient", patientOf("", "1", "New"))}, "", fhir.PreconditionFailed, "Several"},
		{"two that are created", nil, []engine.Change{obs("Patient?" + mrn), entry(t, "POST Patient", patientOf("", "1", "New")), entry(t, "POST Patient", patientOf("", "1", "New"))}, "", fhir.PreconditionFailed, "Several"},
		{"one that is updated", []string{"a"}, []engine.Change{obs("Patient?" + mrn), entry(t, "PUT Patient/a", patientOf("a", "1", "New"))}, "Patient/a", 0, ""},
		{"one that is updated and no longer matches", []string{"a"}, []engine.Change{obs("Patient?" + mrn), entry(t, "PUT Patient/a", patientOf("a", "2", "New"))}, "", fhir.PreconditionFailed, "No Patient"},
		{"one of two, the other updated and no longer matching", []string{"a", "b"}, []engine.Change{obs("Patient?" + mrn), entry(t, "PUT Patient/a", patientOf("a", "2", "New"))}, "Patient/b", 0, ""},
		{"one that is patched", []string{"a"}, []engine.Change{obs("Patient?family=new"), entry(t, "PATCH Patient/a", rename)}, "Patient/a", 0, ""},
		{"one that is deleted", []string{"a"}, []engine.Change{obs("Patient?" + mrn), entry(t, "DELETE Patient/a", "")}, "", fhir.PreconditionFailed, "No Patient"},
		{"one of two, the other deleted by a condition", []string{"a"}, []engine.Change{obs("Patient?family=old,new"), entry(t, "POST Patient", patientOf("", "2", "New")), entry(t, "DELETE Patient?family=old", "")}, "", 0, ""},
		{"by id", []string{"a"}, []engine.Change{obs("Patient?_id=a")}, "Patient/a", 0, ""},
		{"another partition's", nil, []engine.Change{obs("Patient?family=bobs")}, "", fhir.PreconditionFailed, "No Patient"},
		{"a parameter that is not known", []string{"a"}, []engine.Change{obs("Patient?" + mrn + "&zzz=1")}, "", fhir.Invalid, where + "The conditional reference"},
		{"no criteria", []string{"a"}, []engine.Change{obs("Patient?")}, "", fhir.Invalid, where},
		{"criteria without a value", []string{"a"}, []engine.Change{obs("Patient?identifier=")}, "", fhir.Invalid, where},
		{"what shapes a result", []string{"a"}, []engine.Change{obs("Patient?" + mrn + "&_count=1")}, "", fhir.Invalid, where},
		{"a type that is not served", nil, []engine.Change{obs("Group?identifier=1")}, "", fhir.Invalid, "Group"},
		{"a type that may not stand there", nil, []engine.Change{obs("Practitioner?identifier=1")}, "", fhir.Unprocessable, "Practitioner"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTransactingOf(t, linkTypes...)
			have(t, e, c.there...)
			put(t, e, bob, "b", "Bobs")
			before := state(t, e)
			out, err := e.Transact(t.Context(), alice, c.entries)
			if c.refusal != 0 {
				wantFaults(t, err, fault{0, c.refusal, c.words})
				if len(state(t, e)) != len(before) {
					t.Error("something was written")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				c.want = out[1].Version.Key.String()
			}
			if !strings.Contains(string(out[0].Version.Body), fmt.Sprintf(`"subject":{"reference":%q}`, c.want)) {
				t.Errorf("want %s: %s", c.want, out[0].Version.Body)
			}
			if n := len(found(t, e, "Observation", "subject="+c.want)); n != 1 {
				t.Errorf("%d refer to %s", n, c.want)
			}
		})
	}
}

// All places of a reference are told, and equal references are searched for once.
func TestConditionalReferencesAreToldEach(t *testing.T) {
	e := newTransactingOf(t, linkTypes...)
	const none = `{"reference":"Patient?identifier=none"}`
	_, err := e.Transact(t.Context(), alice, []engine.Change{
		entry(t, "POST Observation", observing(`"subject":`+none+`,"performer":[`+none+`]`)),
		entry(t, "POST Patient", `{"resourceType":"Patient"}`),
		entry(t, "POST Observation", observing(`"subject":`+none)),
	})
	wantFaults(t, err, fault{0, fhir.PreconditionFailed, "Observation.performer[0].reference"}, fault{2, fhir.PreconditionFailed, "Observation.subject.reference"})
	var many []engine.Change
	for i := range 1001 {
		many = append(many, entry(t, "POST Observation", observing(fmt.Sprintf(`"subject":{"reference":"Patient?identifier=%d"}`, i))))
	}
	_, err = e.Transact(t.Context(), alice, many)
	wantKind(t, err, fhir.Invalid, "more than 1000 different")
}

// While the index of a parameter is made anew, no reference can be followed by it; that is no fault of the client.
func TestConditionalReferencesWaitForTheIndex(t *testing.T) {
	store := openStore(t)
	mustTransact(t, store)
	observe(t, under(t, store, baseA))
	e := under(t, store, baseB)
	member := func(query string) []engine.Change {
		return []engine.Change{entry(t, "POST Observation", observing(fmt.Sprintf(`"hasMember":[{"reference":"Observation?%s"}]`, query)))}
	}
	_, err := e.Transact(t.Context(), alice, member("subject=Patient/3"))
	wantKind(t, err, fhir.Unavailable, "subject")
	if _, err := e.Transact(t.Context(), alice, member("_id=c")); err != nil {
		t.Error(err)
	}
	reindex(t, e)
	if _, err := e.Transact(t.Context(), alice, member("subject=Patient/3")); err != nil {
		t.Error(err)
	}
}

// A change that stands for itself has no neighbours: its own name means nothing, and its links stay as they are.
func TestLinksOfASingleWrite(t *testing.T) {
	e := newEngineOf(t, linkTypes...)
	body := observing(`"subject":{"reference":"urn:uuid:x"}`)
	out, err := e.Write(t.Context(), alice, entry(t, "PUT Observation/o", strings.Replace(body, "{", `{"id":"o",`, 1), fullURL("urn:uuid:x")))
	if err != nil || !strings.Contains(string(out.Version.Body), `{"reference":"urn:uuid:x"}`) {
		t.Errorf("%s, %v", out.Version.Body, err)
	}
	_, err = e.Write(t.Context(), alice, entry(t, "POST Observation", observing(`"subject":{"reference":"Patient?identifier=1"}`)))
	wantKind(t, err, fhir.Invalid, "is no reference")
}
