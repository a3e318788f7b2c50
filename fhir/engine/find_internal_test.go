package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// clinic is a store with two practitioners in Leeds, of whom one has a role, and one in Bath.
func clinic(t *testing.T, now *time.Time) *Engine {
	t.Helper()
	e := newDiaryEngineAt(t, func() time.Time { return *now })
	concept := func(system, code string) string {
		return fmt.Sprintf(`[{"coding":[{"system":"https://example.org/%s","code":%q}]}]`, system, code)
	}
	stow(t, e,
		`{"resourceType":"Location","id":"leeds","address":{"line":["1 High Street"],"city":"Leeds","postalCode":"LS1 4AP"},"managingOrganization":{"reference":"Organization/north"}}`,
		`{"resourceType":"Location","id":"bath","address":{"city":"Bath","postalCode":"BA1 1AA"}}`,
		`{"resourceType":"Practitioner","id":"ann","identifier":[{"system":"https://example.org/n","value":"A|1,x"}]}`,
		`{"resourceType":"PractitionerRole","id":"bob-role","practitioner":{"reference":"Practitioner/bob"},"organization":{"reference":"Organization/west"}}`,
		`{"resourceType":"Practitioner","id":"bob"}`, `{"resourceType":"Organization","id":"west"}`, `{"resourceType":"Patient","id":"1"}`,
		`{"resourceType":"Organization","id":"north","identifier":[{"system":"https://example.org/o","value":"N"}]}`,
		`{"resourceType":"ServiceRequest","id":"referral","status":"active","intent":"order","subject":{"reference":"Patient/1"},"identifier":[{"system":"https://example.org/r","value":"77"}]}`,
		serviceJSON("wound", 0, `,"type":`+concept("t", "wound")+`,"category":`+concept("c", "home")),
		serviceJSON("blood", 0, `,"type":`+concept("t", "blood")+`,"providedBy":{"reference":"Organization/north"}`),
		scheduleJSON("s-ann", `,"specialty":`+concept("s", "nurse"), "Practitioner/ann", "HealthcareService/wound", "HealthcareService/blood", "Location/leeds"),
		scheduleJSON("s-bob", "", "PractitionerRole/bob-role", "HealthcareService/blood", "Location/leeds", "Location/bath"),
		slotJSON("a1", "s-ann", "free", 60, 80, ""), slotJSON("a2", "s-ann", "free", 80, 100, `,"serviceType":`+concept("t", "blood")), slotJSON("a3", "s-ann", "busy-tentative", 100, 120, ""),
		slotJSON("b1", "s-bob", "free", 60, 90, ""), slotJSON("b2", "s-bob", "free", 24*60+60, 24*60+90, ""),
	)
	return e
}

// offered are the slots of proposals.
func offered(t *testing.T, p Proposals) []string {
	t.Helper()
	all := []string{}
	for _, v := range p.Appointments {
		r, err := fhir.ParseResource(v.Body)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, s := range r.Root().Objects("slot") {
			ids = append(ids, strings.TrimPrefix(s.Text("reference"), "Slot/"))
		}
		all = append(all, strings.Join(ids, " "))
	}
	return all
}

func literal(keys ...string) (all []Reference) {
	for _, k := range keys {
		typ, id, _ := strings.Cut(k, "/")
		all = append(all, Reference{Key: fhir.Key{Type: typ, ID: id}})
	}
	return all
}

func timingOf(t *testing.T, text string) *fhir.Object {
	t.Helper()
	v, err := fhir.ParseJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v.(*fhir.Object)
}

func TestFind(t *testing.T) {
	now := tuesday
	e := clinic(t, &now)
	for _, c := range []struct {
		name string
		req  FindRequest
		want []string
		says string // the place of its only issue
	}{
		{"all, soonest first", FindRequest{}, []string{"a1", "b1", "a2", "b2"}, ""},
		{"so many", FindRequest{Count: 2}, []string{"a1", "b1"}, ""},
		{"ended in time", FindRequest{From: at(0), To: at(85)}, []string{"a1"}, ""},
		{"practitioner", FindRequest{Practitioners: literal("Practitioner/ann")}, []string{"a1", "a2"}, ""},
		{"practitioner by a role", FindRequest{Practitioners: literal("Practitioner/bob")}, []string{"b1", "b2"}, ""},
		{"practitioner who is not there", FindRequest{Practitioners: literal("Practitioner/eve", "Practitioner/ann")}, []string{"a1", "a2"}, "practitioner"},
		{"organization that is not there", FindRequest{Organizations: literal("Organization/east")}, []string{}, "organization"},
		{"location that is not there, by its id", FindRequest{Locations: literal("Location/york", "Location/bath")}, []string{"b1", "b2"}, "location-reference"},
		{"patients, of whom one is there", FindRequest{Patients: literal("Patient/1", "Patient/2")}, []string{"a1", "b1", "a2", "b2"}, "patient-reference"},
		{"a period that is longer than is looked at", FindRequest{From: at(0), To: at(401 * 24 * 60)}, []string{"a1", "b1", "a2", "b2"}, "end"},
		{"from long ago", FindRequest{From: at(-1000 * 24 * 60), To: at(400 * 24 * 60)}, []string{"a1", "b1", "a2", "b2"}, ""},
		{"role", FindRequest{Practitioners: literal("PractitionerRole/bob-role")}, []string{"b1", "b2"}, ""},
		{"practitioners, the second one preferred", FindRequest{Practitioners: literal("Practitioner/bob", "Practitioner/ann")}, []string{"b1", "a1", "a2", "b2"}, ""},
		{"practitioner by identifier", FindRequest{Practitioners: []Reference{{System: "https://example.org/n", Value: "A|1,x"}}}, []string{"a1", "a2"}, ""},
		{"practitioner by an identifier of any system", FindRequest{Practitioners: []Reference{{Value: "A|1,x"}}}, []string{"a1", "a2"}, ""},
		{"practitioner whom nobody knows", FindRequest{Practitioners: []Reference{{System: "https://example.org/n", Value: "A"}}}, []string{}, "practitioner"},
		{"location", FindRequest{Locations: literal("Location/bath")}, []string{"b1", "b2"}, ""},
		{"location by its address", FindRequest{LocationTexts: []string{"1 high st"}}, []string{"a1", "b1", "a2", "b2"}, ""},
		{"location by one of two texts", FindRequest{LocationTexts: []string{"York, west", "bath"}}, []string{"b1", "b2"}, "location-string"},
		{"location that is not there", FindRequest{LocationTexts: []string{"York"}}, []string{}, "location-string"},
		{"organization of a service and a location", FindRequest{Organizations: literal("Organization/north")}, []string{"a1", "b1", "a2", "b2"}, ""},
		{"organization of a role", FindRequest{Organizations: literal("Organization/west")}, []string{"b1", "b2"}, ""},
		{"organization by identifier", FindRequest{Organizations: []Reference{{System: "https://example.org/o", Value: "N"}}, Practitioners: literal("Practitioner/ann")}, []string{"a1", "a2"}, ""},
		{"practitioner who is not at the location", FindRequest{Practitioners: literal("Practitioner/ann"), Locations: literal("Location/bath")}, []string{}, ""},
		{"type of visit, by the service", FindRequest{VisitTypes: []string{"https://example.org/t|wound"}}, []string{"a1"}, ""},
		{"specialty", FindRequest{Specialties: []string{"nurse"}}, []string{"a1", "a2"}, ""},
		{"day of the week", FindRequest{Timing: timingOf(t, `{"repeat":{"dayOfWeek":["wed","fri"]}}`)}, []string{"b2"}, ""},
		{"time of day, in London", FindRequest{Timing: timingOf(t, `{"repeat":{"timeOfDay":["10:25:00"]}}`)}, []string{"b1", "a2", "b2"}, ""},
		{"time of day and day", FindRequest{Timing: timingOf(t, `{"repeat":{"timeOfDay":["10:25:00","23:00:00"],"dayOfWeek":["tue"],"boundsPeriod":{"end":"2026-03-31"}}}`)}, []string{"b1", "a2"}, ""},
		{"event", FindRequest{Timing: timingOf(t, `{"event":["2026-03-31T09:25:00Z"]}`)}, []string{"b1", "a2"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.req.To == 0 {
				c.req.From, c.req.To = at(0), at(48*60)
			}
			found, err := e.Find(t.Context(), carol, c.req)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, offered(t, found)); diff != "" {
				t.Errorf("got +, want -:\n%s", diff)
			}
			if total := len(c.want); found.Total != total && c.req.Count == 0 || found.Total < total {
				t.Errorf("the total is %d", found.Total)
			}
			var says []string
			for _, issue := range found.Issues {
				says = append(says, issue.Path)
			}
			if strings.Join(says, " ") != c.says {
				t.Errorf("issues: %+v", found.Issues)
			}
		})
	}
}

func TestFindRefuses(t *testing.T) {
	now := tuesday
	e := clinic(t, &now)
	for _, c := range []struct {
		name string
		req  FindRequest
		kind fhir.Kind
		want []string // the place and words of each issue
	}{
		{"time", FindRequest{From: at(5), To: at(5), Count: 1001}, fhir.Invalid, []string{"end: not behind", "_count: 1 to 1000"}},
		{"no Patient", FindRequest{From: at(0), To: at(5), NewPatients: []fhir.Resource{mustResourceOf(t, `{"resourceType":"Person"}`)}}, fhir.Invalid, []string{"patient-resource: Person"}},
		{"wrong Patient", FindRequest{From: at(0), To: at(5), NewPatients: []fhir.Resource{mustResourceOf(t, `{"resourceType":"Patient","gender":"x"}`)}}, fhir.Invalid, []string{"Patient.gender: x"}},
		{"timing", FindRequest{From: at(0), To: at(5), Timing: timingOf(t, `{"code":{"text":"BID"},"event":["soon"],"repeat":{"frequency":1,"dayOfWeek":["monday"],"timeOfDay":["9"]}}`)}, fhir.Invalid,
			[]string{`timing: "code"`, `timing: soon`, `timing: "repeat.frequency"`, "timing: monday", "timing: 9"}},
		{"times of day without end", FindRequest{From: at(0), To: at(5), Timing: timingOf(t, `{"event":["2026-03-31"],"repeat":{"timeOfDay":["09:00:00"`+strings.Repeat(`,"09:00:00"`, MaxFindValues)+`]}}`)}, fhir.Invalid,
			[]string{"timing: 101 values of timeOfDay"}},
		{"references without end", FindRequest{From: at(0), To: at(5), Patients: literal(slices.Repeat([]string{"Patient/1"}, MaxFindValues+1)...)}, fhir.Invalid, []string{"patient-reference: 101 values"}},
	} {
		_, err := e.Find(t.Context(), carol, c.req)
		var refusal *fhir.Error
		if !errors.As(err, &refusal) || refusal.Kind != c.kind || len(refusal.Issues) != len(c.want) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for i, issue := range refusal.Issues {
			if path, words, _ := strings.Cut(c.want[i], ": "); issue.Path != path || !strings.Contains(issue.Detail, words) {
				t.Errorf("%s: %+v, want %s", c.name, issue, c.want[i])
			}
		}
	}
}

func mustResourceOf(t *testing.T, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.ParseResource([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// indented is JSON that can be compared line by line.
func indented(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// everything asks for all that a proposal can show.
func everything(t *testing.T) FindRequest {
	return FindRequest{
		From: at(0), To: at(120), VisitTypes: []string{"https://example.org/t|wound"}, Locations: literal("Location/leeds"),
		Patients: append(literal("Patient/1"), Reference{System: "https://example.org/mrn", Value: "7"}), NewPatients: []fhir.Resource{mustResourceOf(t, `{"resourceType":"Patient","id":"x","gender":"other"}`)},
		Reasons: []string{"https://example.org/why|sore", "plain"}, Referral: Reference{System: "https://example.org/r", Value: "77"}, Insurances: literal("Coverage/c"),
	}
}

func TestProposalsSayAll(t *testing.T) {
	now := tuesday
	e := clinic(t, &now)
	found, err := e.Find(t.Context(), carol, everything(t))
	if err != nil || len(found.Appointments) != 1 || found.Total != 1 || found.Issues != nil {
		t.Fatalf("%+v, %v", found, err)
	}
	v := found.Appointments[0]
	want := `{"resourceType":"Appointment","id":"` + v.Key.ID + `","meta":{"lastUpdated":"2026-03-31T08:00:00.000000Z"},"contained":[{"resourceType":"Patient","id":"patient-1","gender":"other"}],"status":"proposed",
		"serviceCategory":[{"coding":[{"system":"https://example.org/c","code":"home"}]}],"serviceType":[{"coding":[{"system":"https://example.org/t","code":"wound"}]}],"specialty":[{"coding":[{"system":"https://example.org/s","code":"nurse"}]}],
		"reasonCode":[{"coding":[{"system":"https://example.org/why","code":"sore"}]},{"coding":[{"code":"plain"}]}],"supportingInformation":[{"reference":"Coverage/c"}],
		"start":"2026-03-31T09:00:00.000000Z","end":"2026-03-31T09:20:00.000000Z","minutesDuration":20,"slot":[{"reference":"Slot/a1"}],"basedOn":[{"reference":"ServiceRequest/referral"}],
		"participant":[{"actor":{"reference":"Patient/1"},"status":"needs-action"},{"actor":{"type":"Patient","identifier":{"system":"https://example.org/mrn","value":"7"}},"status":"needs-action"},{"actor":{"reference":"#patient-1"},"status":"needs-action"},
			{"actor":{"reference":"Practitioner/ann"},"status":"accepted"},{"actor":{"reference":"HealthcareService/wound"},"status":"accepted"},{"actor":{"reference":"Location/leeds"},"status":"accepted"}],
		"requestedPeriod":[{"start":"2026-03-31T08:00:00.000000Z","end":"2026-03-31T10:00:00.000000Z"}]}`
	if diff := cmp.Diff(indented(t, []byte(want)), indented(t, v.Body)); diff != "" {
		t.Errorf("got +, want -:\n%s", diff)
	}
	if err := e.Validator.Check(mustResourceOf(t, string(v.Body))); err != nil {
		t.Error(err)
	}
	if !fhir.ValidID(v.Key.ID) || v.Number != 0 || v.Instant != at(0) {
		t.Errorf("%+v", v)
	}
	read, err := e.Read(t.Context(), carol, v.Key)
	if diff := cmp.Diff(string(v.Body), string(read.Body)); diff != "" || err != nil || read.Number != 0 {
		t.Errorf("%v, got +, want -:\n%s", err, diff)
	}
}

func TestProposalsComeAndGo(t *testing.T) {
	now := tuesday
	e := clinic(t, &now)
	found, err := e.Find(t.Context(), carol, FindRequest{From: at(0), To: at(48 * 60)})
	if err != nil || len(found.Appointments) != 4 {
		t.Fatalf("%+v, %v", found, err)
	}
	read := func(id string, who fhir.Principal) error {
		_, err := e.Read(t.Context(), who, fhir.Key{Type: "Appointment", ID: id})
		return err
	}
	wantNone := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, fhir.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ids := make([]string, 4)
	for i, v := range found.Appointments {
		if ids[i] = v.Key.ID; read(v.Key.ID, carol) != nil {
			t.Errorf("%s cannot be read", v.Key)
		}
	}
	record, _, _ := strings.Cut(ids[0], ".")
	other := carol
	other.Partition = "demo/live"
	wantNone("in another partition", read(ids[0], other))
	other.Partition = "demo/test/x"
	wantNone("in a partition with a like name", read(ids[0], other))
	for _, id := range []string{record, record + ".", record + ".4", record + ".00", record + ".-1", record + ".zzzzzz", "." + record, "x.0", record + ".0.0", strings.ToLower(record) + ".0"} {
		wantNone(id, read(id, carol))
	}
	if _, err := e.ReadVersion(t.Context(), carol, found.Appointments[0].Key, 1); !errors.Is(err, fhir.NotFound) {
		t.Errorf("version 1 of a proposal: %v", err)
	}
	if _, err := e.History(t.Context(), carol, HistoryRequest{Key: found.Appointments[0].Key, Count: 1}); !errors.Is(err, fhir.NotFound) {
		t.Errorf("history of a proposal: %v", err)
	}
	if page, err := e.Search(t.Context(), carol, SearchRequest{Type: "Appointment"}); err != nil || len(page.Versions) != 0 {
		t.Errorf("a search finds %d, %v", len(page.Versions), err)
	}

	// In the order a1, b1, a2, b2: a1 is taken, b1 moved, a2 deleted.
	stow(t, e, slotJSON("a1", "s-ann", "busy", 60, 80, ""), slotJSON("b1", "s-bob", "free", 60, 95, ""))
	if _, err := e.Store.Commit(t.Context(), carol.Partition, []storage.Op{{Key: fhir.Key{Type: "Slot", ID: "a2"}}}); err != nil {
		t.Fatal(err)
	}
	if err := read(ids[0], carol); err != nil {
		t.Errorf("with a slot that is taken: %v", err)
	}
	wantNone("with a slot that was moved", read(ids[1], carol))
	wantNone("with a slot that is gone", read(ids[2], carol))
	now = now.Add(29 * time.Minute)
	if err := read(ids[3], carol); err != nil {
		t.Errorf("after 29 minutes: %v", err)
	}
	now = now.Add(2 * time.Minute)
	wantNone("after 31 minutes", read(ids[3], carol))

	// What is stored under the id of a proposal is what is read.
	again, err := e.Find(t.Context(), carol, FindRequest{From: at(0), To: at(48 * 60), Count: 1})
	if err != nil || len(again.Appointments) != 1 || again.Total != 2 {
		t.Fatalf("%+v, %v", again, err)
	}
	id := again.Appointments[0].Key.ID
	stow(t, e, fmt.Sprintf(`{"resourceType":"Appointment","id":%q,"status":"cancelled","participant":[{"actor":{"reference":"Patient/1"},"status":"accepted"}]}`, id))
	if v, err := e.Read(t.Context(), carol, again.Appointments[0].Key); err != nil || v.Number != 1 || !strings.Contains(string(v.Body), "cancelled") {
		t.Errorf("%+v, %v", v, err)
	}
}

// counting counts the searches of a store.
type counting struct {
	storage.Store
	searches int
}

func (c *counting) Search(ctx context.Context, p fhir.Partition, q search.Query, page storage.PageRequest) (storage.SearchPage, error) {
	c.searches++
	return c.Store.Search(ctx, p, q, page)
}

// TestFindIsBounded: what a search costs does not grow with the width of its period, also where there is little in it.
func TestFindIsBounded(t *testing.T) {
	now := tuesday
	e := clinic(t, &now)
	stow(t, e, slotJSON("years", "s-bob", "free", 120, 72*365*24*60, ""), slotJSON("a400", "s-ann", "free", 399*24*60, 399*24*60+20, ""), slotJSON("a500", "s-ann", "free", 500*24*60, 500*24*60+20, ""))
	store := &counting{Store: e.Store}
	e.Store = store
	end, err := fhir.ParseDateTime("9999-12-31")
	if err != nil {
		t.Fatal(err)
	}
	found, err := e.Find(t.Context(), carol, FindRequest{From: at(-90 * 24 * 60), To: end.Interval().High})
	if diff := cmp.Diff([]string{"a1", "b1", "a2", "b2", "a400"}, offered(t, found)); err != nil || diff != "" {
		t.Errorf("%v, got +, want -:\n%s", err, diff)
	}
	if len(found.Issues) != 1 || found.Issues[0].Severity != fhir.Information || !strings.Contains(found.Issues[0].Detail, "until 2027-05-05T08:00:00") {
		t.Errorf("issues: %+v", found.Issues)
	}
	if most := 1 + 2*8; store.searches > most {
		t.Errorf("%d searches, where %d suffice", store.searches, most)
	}
}

// TestFindEndsWhereItCosts: more pages of schedules than the budget has are refused, and not looked into until the time is over.
func TestFindEndsWhereItCosts(t *testing.T) {
	now := tuesday
	e := clinic(t, &now)
	l := looking{finder: e.finder(t.Context(), carol), wanted: Wanted{From: at(0), To: at(48 * 60), Limit: 10}, now: at(0), services: make(map[fhir.Key]service), pages: mostPages}
	diaries, err := l.diaries()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.merge(diaries); !errors.Is(err, fhir.TooCostly) {
		t.Errorf("%v", err)
	}
}

// TestFindCounts: the total alone leaves nothing, and more than can be chosen from is not determined.
func TestFindCounts(t *testing.T) {
	now := tuesday
	e := newDiaryEngineAt(t, func() time.Time { return now })
	texts := []string{scheduleJSON("s", "", "Practitioner/1")}
	for i := range MaxDetermined + 1 {
		texts = append(texts, slotJSON(fmt.Sprintf("s%d", i), "s", "free", 10+10*i, 20+10*i, ""))
	}
	stow(t, e, texts...)
	req := FindRequest{From: at(0), To: at(10 * (MaxDetermined + 1)), TotalOnly: true}
	found, err := e.Find(t.Context(), carol, req)
	if err != nil || found.Total != MaxDetermined || found.Appointments != nil || found.Issues != nil {
		t.Errorf("%d of %d, %+v, %v", len(found.Appointments), found.Total, found.Issues, err)
	}
	records, err := e.Store.Records().Scan(t.Context(), proposalRecords, "", 10)
	if err != nil || len(records) != 0 {
		t.Errorf("%d records, %v", len(records), err)
	}
	req.To, req.TotalOnly = at(20*(MaxDetermined+1)), false
	found, err = e.Find(t.Context(), carol, req)
	told := slices.ContainsFunc(found.Issues, func(i fhir.Issue) bool {
		return i.Severity == fhir.Information && strings.Contains(i.Detail, "more than the 1000")
	})
	if err != nil || found.Total != MaxDetermined || len(found.Appointments) != DefaultProposals || !told {
		t.Errorf("%d of %d, %+v, %v", len(found.Appointments), found.Total, found.Issues, err)
	}
}
