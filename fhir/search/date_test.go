package search_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// TestDatePrefixes are the examples of https://hl7.org/fhir/R4/search.html#date.
func TestDatePrefixes(t *testing.T) {
	effective := func(value string) string { return `{"resourceType":"Observation","id":"o1",` + value + `}` }
	at := func(s string) string { return effective(`"effectiveDateTime":"` + s + `"`) }
	period := func(s string) string { return effective(`"effectivePeriod":{` + s + `}`) }
	from15March, from21January, until21January := period(`"start":"2013-03-15"`), period(`"start":"2013-01-21"`), period(`"end":"2013-01-21"`)
	for _, tt := range []struct {
		resource string
		hit
	}{
		{at("2013-01-14T00:00:00Z"), hit{"date=eq2013-01-14", true}},
		{at("2013-01-14T10:00:00Z"), hit{"date=2013-01-14", true}},
		{at("2013-01-15T00:00:00Z"), hit{"date=eq2013-01-14", false}},
		{at("2013-01-15T00:00:00Z"), hit{"date=ne2013-01-14", true}},
		{at("2013-01-14T00:00:00Z"), hit{"date=ne2013-01-14", false}},
		{at("2013-01-14"), hit{"date=lt2013-01-14T10:00", true}}, // "because it includes the part of 14-Jan 2013 before 10am"
		{at("2013-01-14"), hit{"date=gt2013-01-14T10:00", true}},
		{from21January, hit{"date=ge2013-03-14", true}}, // "because that period may include times after"
		{from21January, hit{"date=le2013-03-14", true}},
		{from15March, hit{"date=sa2013-03-14", true}},
		{from21January, hit{"date=sa2013-03-14", false}},
		{until21January, hit{"date=sa2013-03-14", false}},
		{from15March, hit{"date=eb2013-03-14", false}},
		{from21January, hit{"date=eb2013-03-14", false}},
		{until21January, hit{"date=eb2013-03-14", true}},
		{at("2013-03-14"), hit{"date=ap2013-03-14", true}},
		{at("2015-06-15"), hit{"date=ap2013-03-14", false}},
		{at("2026-11-20"), hit{"date=ap2026-11-21", false}}, // no distance to now, no tolerance
		{at("2026-11-09"), hit{"date=ap2026-11-11", false}},
		{at("2026-10-10"), hit{"date=ap2026-10-11", true}}, // forty days and a half ago: four days on both sides
		{at("2026-10-05"), hit{"date=ap2026-10-11", false}},
		{at("2013-01"), hit{"date=2013", true}},
		{at("2013"), hit{"date=2013-01", false}}, // "the range of the search value fully contains the range of the target value"
		{at("2013-01-14"), hit{"date=gt2013-01-14", false}},
		{at("2013-01-14"), hit{"date=ge2013-01-14", true}},
		{at("2013-01-14"), hit{"date=lt2013-01-14", false}},
		{at("2013-01-14"), hit{"date=le2013-01-14", true}},
		{at("2013-01-14T23:30:00-01:00"), hit{"date=2013-01-15", true}}, // a day is the UTC day
		{at("2013-01-14T10:00:30Z"), hit{"date=2013-01-14T10:00", true}},
		{at("2013-01-14T10:00:30Z"), hit{"date=2013-01-14T11:00:30%2B01:00", true}},
		{at("2013-01-14T10:00:30Z"), hit{"date=2013-01-14T11:00:30+01:00", true}}, // the plus sign has become a space
		{at("2013-01-14T10:00:30Z"), hit{"date=2013-01-14T11%3A00%3A30%2B01%3A00", true}},
		{at("2013-01-14T10:00:30.25Z"), hit{"date=2013-01-14T10:00:30Z", true}},
		{at("2013-01-14"), hit{"date=2012,2013", true}},
		{at("2013-01-14"), hit{"date=ge2013-01-01&date=le2013-01-31", true}},
		{at("2013-02-14"), hit{"date=ge2013-01-01&date=le2013-01-31", false}},
		{effective(`"status":"final"`), hit{"date=ne2013", false}}, // a comparison needs a value
		{effective(`"status":"final"`), hit{"date:missing=true", true}},
		{at("2013"), hit{"date:missing=true", false}},
		{effective(`"_effectiveDateTime":{"id":"x"}`), hit{"date:missing=true", true}}, // "present with extensions but no @value"
		{period(`"start":"2013-01-01","end":"2013-01-14"`), hit{"date=eq2013-01", true}},
		{period(`"start":"2013-01-01","end":"2013-02-01"`), hit{"date=eq2013-01", false}},
		{period(`"start":"2013-01-01","end":"2013-02-01"`), hit{"date=ne2013-01", true}},
	} {
		checkHits(t, tt.resource, []hit{tt.hit})
	}
}

// "An instant is considered a fixed point in time": a search for a part of its second finds it.
func TestDateInstant(t *testing.T) {
	checkHits(t, `{"resourceType":"Slot","id":"s1","start":"2026-01-31T09:30:00Z"}`, []hit{
		{"start=2026-01-31T09:30:00.000Z", true},
		{"start=2026-01-31T09:30:00.001Z", false},
		{"start=2026-01-31T09:30:00Z", true},
		{"start=2026-01-31T09:30Z", true},
		{"start=gt2026-01-31T09:29:59.999Z", true},
		{"start=gt2026-01-31T09:30:00Z", false},
		{"start=lt2026-01-31T09:30:00Z", false},
		{"start=ge2026-01-31T09:30:00Z", true},
		{"start=le2026-01-31T09:30:00Z", true},
		{"start=sa2026-01-31T09:30:00Z", false},
		{"start=eb2026-01-31T09:30:01Z", true},
		{"_lastUpdated=2026-11-21", true},
		{"_lastUpdated=lt2026-11-21T11:59:00Z", false},
		{"_lastUpdated=ge2026-11-21T11:59:00.000000Z", true},
		{"_lastUpdated=gt2026-11-21T11:59:00.000000Z", false},
		{"_lastUpdated:missing=true", false},
		{"_lastUpdated:missing=false", true},
	})
}

// "the specified scheduling details are ignored and only the outer limits matter".
func TestDateTiming(t *testing.T) {
	timing := func(s string) string {
		return `{"resourceType":"Observation","id":"o1","effectiveTiming":` + s + `}`
	}
	checkHits(t, timing(`{"repeat":{"boundsPeriod":{"start":"2013-01-31","end":"2013-03-24"},"frequency":1,"period":2,"periodUnit":"d"}}`), []hit{
		{"date=2013", true}, {"date=2013-02", false}, {"date=ap2013-02-01", true}, {"date=eb2013-01-31", false}, {"date=sa2013-03-24", false}, {"date=sa2013-01-30", true},
	})
	checkHits(t, timing(`{"event":["2013-02-01","2013-01-15T10:00:00Z"]}`), []hit{
		{"date=sa2013-01-14", true}, {"date=sa2013-01-15", false}, {"date=eb2013-02-02", true}, {"date=eb2013-02-01", false},
	})
	checkHits(t, timing(`{"code":{"text":"BID"}}`), []hit{
		{"date=2013", false}, {"date=ge2013", true}, {"date=le2013", true}, {"date:missing=false", true},
	})
}

func TestDateOfChoice(t *testing.T) {
	checkHits(t, `{"resourceType":"Patient","id":"p1","deceasedDateTime":"2020-05"}`, []hit{{"death-date=2020", true}})
	checkHits(t, `{"resourceType":"Patient","id":"p1","deceasedBoolean":true}`, []hit{{"death-date:missing=true", true}})
}

func TestDateRefusals(t *testing.T) {
	checkRefusals(t, []refusal{
		{"Patient", "birthdate=xx2020-01-01", `the prefixes are eq, ne, gt, lt, ge, le, sa, eb and ap`},
		{"Patient", "birthdate=GT2020-01-01", `the prefixes are`},
		{"Patient", "birthdate=today", "is not a date: write YYYY"},
		{"Patient", "birthdate=2020-02-30", "is not a date"},
		{"Patient", "birthdate=2020-01-01T10", "is not a date"}, // "the minutes SHALL be present if an hour is present"
		{"Patient", "birthdate=31/12/2020", "is not a date"},
		{"Patient", "birthdate=gt", "is not a date"},
		{"Patient", "birthdate=23%20May%202009", "is not a date"},
		{"Patient", "birthdate:exact=2020", "it takes missing"},
		{"Patient", "birthdate:not=2020", "it takes missing"},
		{"Patient", "_lastUpdated=yesterday", "is not a date"},
	})
}

// TestDateTests pins what is handed to the drivers: at most two tests, with open bounds as the ends of time.
func TestDateTests(t *testing.T) {
	day := fhir.InstantOf(time.Date(2012, 12, 15, 0, 0, 0, 0, time.UTC))
	next := fhir.InstantOf(time.Date(2012, 12, 16, 0, 0, 0, 0, time.UTC))
	within := func(lowFrom, lowTo, highFrom, highTo fhir.Instant) search.Test {
		return search.Within{Param: "birthdate", LowFrom: lowFrom, LowTo: lowTo, HighFrom: highFrom, HighTo: highTo}
	}
	inside := within(day, next, day, next)
	before := within(fhir.Beginning, day-1, fhir.Beginning, fhir.End)
	after := within(fhir.Beginning, fhir.End, next+1, fhir.End)
	for prefix, want := range map[string]search.Any{
		"": {inside}, "eq": {inside}, "ne": {before, after}, "lt": {before}, "gt": {after}, "le": {before, inside}, "ge": {after, inside},
		"sa": {within(next, fhir.End, fhir.Beginning, fhir.End)}, "eb": {within(fhir.Beginning, fhir.End, fhir.Beginning, day)},
	} {
		req, err := parse(mustRules(t), "Patient", "birthdate="+prefix+"2012-12-15")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]search.Any{want}, req.Query.All); diff != "" {
			t.Errorf("%s: %s", prefix, diff)
		}
	}
}
