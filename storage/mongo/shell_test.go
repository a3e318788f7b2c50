package mongo

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
)

// What DESIGN.md tells to ask with mongosh finds what it says. Numbers that are typed there are doubles, as they are here.
func TestAskedWithTheShell(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	nhs := search.Term{Param: "identifier", Value: "https://fhir.nhs.uk/Id/nhs-number|9990000018"}
	var since fhir.Instant
	for i, body := range []string{
		`{"resourceType":"Patient","id":"abc","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}`,
		`{"resourceType":"Patient","id":"abcd"}`, `{"resourceType":"Patient","id":"abc0"}`,
		`{"resourceType":"Appointment","id":"1","status":"booked"}`, `{"resourceType":"Appointment","id":"2","status":"booked"}`,
		`{"resourceType":"Appointment","id":"3","status":"noshow"}`,
		`{"resourceType":"Patient","id":"abc","active":true,"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}`,
		`{"resourceType":"Patient","id":"abc0","active":true}`, ``,
	} {
		op := storage.Op{Key: fhir.Key{Type: "Appointment", ID: "3"}}
		if body != "" {
			r, err := fhir.ParseResource([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			op = storage.Op{Key: fhir.Key{Type: r.Type(), ID: r.ID()}, Resource: r}
			if r.ID() == "abc" {
				op.Entries.Terms = []search.Term{nhs}
			}
		}
		written, err := commitOne(t.Context(), s, op)
		if err != nil {
			t.Fatal(err)
		}
		if i == 6 {
			since = written.Version.Instant
		}
	}

	ids := func(collection string, filter bson.D) (found []string) {
		cursor, err := s.db.Collection(collection).Find(t.Context(), filter, options.Find().SetSort(bson.D{down(fieldID)}))
		if err != nil {
			t.Fatal(err)
		}
		var all []struct {
			ID string `bson:"_id"`
		}
		if err := cursor.All(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			found = append(found, d.ID)
		}
		return found
	}
	for _, c := range []struct {
		collection string
		filter     bson.D
		want       []string
	}{
		{"Patient", bson.D{{Key: "partition", Value: home}, {Key: "ix.term", Value: nhs.Param + "=" + nhs.Value}}, []string{"demo/test/abc"}},
		{"Patient", bson.D{{Key: "partition", Value: home}, {Key: "resource.identifier.value", Value: "9990000018"}}, []string{"demo/test/abc"}},
		{"Patient_history", bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: "demo/test/abc/"}, {Key: "$lt", Value: "demo/test/abc0"}}}}, []string{"demo/test/abc/0000000001"}},
		{"Patient", bson.D{{Key: "partition", Value: home}, {Key: "instant", Value: bson.D{{Key: "$gte", Value: float64(since)}}}}, []string{"demo/test/abc0", "demo/test/abc"}},
		{"Patient_history", bson.D{{Key: "partition", Value: home}, {Key: "instant", Value: bson.D{{Key: "$gte", Value: float64(since)}}}}, nil},
	} {
		if diff := cmp.Diff(c.want, ids(c.collection, c.filter)); diff != "" {
			t.Errorf("%s %v: got +, want -:\n%s", c.collection, c.filter, diff)
		}
	}

	cursor, err := s.db.Collection("Appointment").Aggregate(t.Context(), bson.A{
		bson.D{{Key: "$match", Value: bson.D{{Key: "partition", Value: home}, {Key: "method", Value: bson.D{{Key: "$ne", Value: "DELETE"}}}}}},
		bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$resource.status"}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var groups []bson.M
	if err := cursor.All(t.Context(), &groups); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range groups {
		got = append(got, fmt.Sprint(g["_id"], " ", g["n"]))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"booked 2"}, got); diff != "" {
		t.Errorf("appointments by status: got +, want -:\n%s", diff)
	}
}
