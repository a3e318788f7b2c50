package mongo

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// Every class of searches that is promised is answered by so many calls of the database, of which each goes by an index, and is sent no more than is said here,
// however many resources there are.
func TestPromisedSearches(t *testing.T) {
	p := newPractice(t, resources())
	const counted = enough + 1
	var (
		rare, frequent = is("service", "rare"), is("status", "booked")
		patient        = is("patient", "Patient/patient-0000007")
		week           = during(p.Appointments/3-100, p.Appointments/3+100)
		long           = during(p.Appointments/3, p.Appointments)
		family         = starts("family", p.Family(0))
		all            = func(clauses ...search.Any) []search.Any { return clauses }
		and            = func(some []search.Any, more ...search.Any) []search.Any {
			return append(some[:len(some):len(some)], more...)
		}
		newest    = p.last
		lately    = since(newest - 199)
		idKey     = search.SortKey{Param: search.ID}
		nameKey   = search.SortKey{Param: "name", By: search.ByText}
		oldestKey = search.SortKey{Param: search.LastUpdated}
	)
	for _, c := range []struct {
		name  string
		kind  string // "" is Appointment
		all   []search.Any
		sort  []search.SortKey
		index string
		most  int // documents and counts
		calls int
	}{
		{name: "nothing", index: "resources by instant", most: 21, calls: 1},
		{name: "nothing, oldest first", sort: by(oldestKey), index: "resources by instant", most: 21, calls: 1},
		{name: "nothing, by date", sort: by(dateKey), index: "ranges of date", most: 21, calls: 1},
		{name: "nothing, by date, latest first", sort: by(descending(dateKey)), index: "ranges of date", most: 21, calls: 1},
		{name: "nothing, by an ordered value", sort: by(feeKey), index: "values of fee", most: 21, calls: 1},
		{name: "nothing, by an ordered value, highest first", sort: by(descending(feeKey)), index: "values of fee", most: 21, calls: 1},
		{name: "nothing, by a name that some share, and a date", kind: "Patient", sort: by(familyKey, bornKey), index: "values of family", most: 63, calls: 3},
		{name: "nothing, by id", sort: by(idKey), index: "resources by id", most: 21, calls: 1},
		{name: "nothing, by id, last first", sort: by(descending(idKey)), index: "resources by id", most: 21, calls: 1},

		{name: "token that one has", all: all(is("identifier", "booking|77")), index: "terms of identifier", most: 1, calls: 1},
		{name: "token that one has, by date", all: all(is("identifier", "booking|77")), sort: by(dateKey), index: "terms of identifier", most: 1, calls: 1},
		{name: "token that few have", all: all(rare), index: "terms of service", most: 20, calls: 1},
		{name: "token that few have, by date", all: all(rare), sort: by(dateKey), index: "terms of service", most: 20, calls: 1},
		{name: "token that few have, by a text", all: all(rare), sort: by(nameKey), index: "terms of service", most: 20, calls: 1},
		{name: "token that many have", all: all(frequent), most: handful + counted + 22, calls: 3},
		{name: "token that many have, by date", all: all(frequent), sort: by(dateKey), index: "ranges of date", most: handful + counted + 22, calls: 3},
		{name: "token that many have, by an ordered value, highest first", all: all(frequent), sort: by(descending(feeKey)), index: "values of fee", most: handful + counted + 22, calls: 3},
		{name: "tokens that many and few have", all: all(frequent, rare), index: "terms of service", most: handful + 41, calls: 3},
		{name: "tokens that many and many have", all: all(frequent, is("kind", "consultation")), most: 2*(handful+counted) + 23, calls: 5},

		{name: "reference", all: all(patient), index: "terms of patient", most: 6, calls: 1},
		{name: "reference, by date", all: all(patient), sort: by(dateKey), index: "terms of patient", most: 6, calls: 1},
		{name: "reference and a token that many have", all: all(patient, frequent), index: "terms of patient", most: 12, calls: 2},
		{name: "reference, from a date on, by date", all: and(during(0, p.Appointments), patient), sort: by(dateKey), index: "terms of patient", most: 2*handful + 12, calls: 4},

		{name: "week, by date", all: week, sort: by(dateKey), index: "ranges of date", most: 21, calls: 2},
		{name: "week, by date, latest first", all: week, sort: by(descending(dateKey)), index: "ranges of date", most: 21, calls: 2},
		{name: "week", all: week, index: "ranges of date", most: handful + 250 + 22, calls: 5},
		{name: "long, by date", all: long, sort: by(dateKey), index: "ranges of date", most: 21, calls: 2},
		{name: "week, and a token that many have, by date", all: and(week, frequent), sort: by(dateKey), index: "ranges of date", most: 2*handful + counted + 250 + 23, calls: 8},

		{name: "text", kind: "Patient", all: all(family), index: "texts of family", most: 20, calls: 1},
		{name: "text, by date", kind: "Patient", all: all(family), sort: by(bornKey), index: "texts of family", most: 20, calls: 1},
		{name: "circle", kind: "Location", all: all(search.Any{search.Near{Param: "near", Point: p.Place(17), Metres: 20_000}}), index: "places of near", most: 2*handful + 1, calls: 2},
		{name: "lately", all: all(lately), index: "resources by instant", most: 21, calls: 1},
		{name: "lately, by date", all: all(lately), sort: by(dateKey), index: "resources by instant", most: handful + 200 + 23, calls: 3},
		{name: "id", all: all(is(search.ID, "appointment-0000077")), index: "ids", most: 1, calls: 1},
		{name: "id, and a token that many have", all: all(is(search.ID, "appointment-0000077"), is("kind", "consultation")), index: "ids", most: 2, calls: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := search.Query{Type: c.kind, All: c.all, Sort: c.sort}
			if q.Type == "" {
				q.Type = "Appointment"
			}
			var plan storage.Plan
			sent := p.listen(func() {
				var err error
				if plan, err = p.Explain(t.Context(), home, q, storage.PageRequest{Limit: pageSize}); err != nil {
					t.Fatal(err)
				}
			})
			if c.index != "" && plan.Index != c.index || plan.Looked > c.most || plan.Found == 0 || len(sent) > c.calls {
				t.Errorf("it finds %d by %q, looks at %d and asks %d times; want some by %q, looking at %d and asking %d times at most", plan.Found, plan.Index, plan.Looked, len(sent), c.index, c.most, c.calls)
			}
			for _, command := range sent {
				p.goesByIndex(t, command)
			}
		})
	}
}

// goesByIndex holds that a command that was sent reads by the index that it names, and not all there is.
func (p *practice) goesByIndex(t *testing.T, sent bson.Raw) {
	t.Helper()
	var command bson.D
	if err := bson.Unmarshal(sent, &command); err != nil {
		t.Fatal(err)
	}
	if command[0].Key == "getMore" {
		return // more of what was asked before
	}
	command = without(command, "lsid", "$db", "$clusterTime", "txnNumber", "$readPreference", "readConcern", "maxTimeMS")
	if told := p.told(t, command); !isByIndex(told, hintOf(command)) {
		t.Errorf("what the server does for %v is not by its index: %s", command, told)
	}
}

// hintOf is the index that a command names.
func hintOf(command bson.D) string {
	for _, e := range command {
		if name, is := e.Value.(string); is && e.Key == "hint" {
			return name
		}
	}
	return ""
}

// told is how the server carries out a command, in its words and without the command's.
func (p *practice) told(t *testing.T, command bson.D) string {
	t.Helper()
	var told bson.D
	if err := p.db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: command}, {Key: "verbosity", Value: "queryPlanner"}}).Decode(&told); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return without(told, "command").String()
}

// A server that goes by another index than it is told, or by none, is seen.
func TestPlansWithoutIndexAreSeen(t *testing.T) {
	p := newPractice(t, 100)
	ours := bson.D{{Key: fieldPartition, Value: string(home)}, {Key: indexTerm, Value: "identifier=nhs|1"}}
	for _, c := range []struct {
		filter bson.D
		sent   string // the hint; "" is none
		hint   string // that should have been
		want   bool
	}{
		{bson.D{{Key: "resource.comment", Value: "none"}}, "", hintTerm, false},
		{bson.D{{Key: "resource.comment", Value: "none"}}, "", "", false},
		{ours, hintNewest, hintTerm, false},
		{ours, hintTerm, hintTerm, true},
		{bson.D{{Key: fieldID, Value: documentID(home, "patient-0000001")}}, hintID, hintID, true},
	} {
		find := bson.D{{Key: "find", Value: "Patient"}, {Key: "filter", Value: c.filter}}
		if c.sent != "" {
			find = append(find, bson.E{Key: "hint", Value: c.sent})
		}
		if told := p.told(t, find); isByIndex(told, c.hint) != c.want {
			t.Errorf("%v with %q goes by %q: %t, by %s", c.filter, c.sent, c.hint, !c.want, told)
		}
	}
}
