package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/storage"
)

// commit stores resources past the engine, as the server itself does.
func commit(t *testing.T, e *engine.Engine, resources ...fhir.Resource) {
	t.Helper()
	for _, r := range resources {
		if _, err := e.Store.Commit(t.Context(), alice.Partition, []storage.Op{{Key: r.Key(), Resource: r}}); err != nil {
			t.Fatal(err)
		}
	}
}

// manyHistories are those of two patients, a Subscription, an AuditEvent and a type that is not served, oldest first.
func manyHistories(t *testing.T, e *engine.Engine) {
	t.Helper()
	put(t, e, alice, "a", "One")
	commit(t, e, resource(t, `{"resourceType":"AuditEvent","id":"e"}`))
	put(t, e, alice, "b", "One")
	commit(t, e, resource(t, `{"resourceType":"Device","id":"d"}`))
	put(t, e, alice, "a", "Two")
	commit(t, e, resource(t, `{"resourceType":"Subscription","id":"s"}`))
	if _, err := e.Write(t.Context(), alice, engine.Change{Action: engine.ActDelete, Key: patientA}); err != nil {
		t.Fatal(err)
	}
	put(t, e, bob, "a", "Other")
}

// told lists the versions of a page, as "Patient/a 2".
func told(page engine.HistoryPage) []string {
	var all []string
	for _, v := range page.Versions {
		all = append(all, fmt.Sprintf("%s %d", v.Key, v.Number))
	}
	return all
}

func TestHistoryOfTypeAndSystem(t *testing.T) {
	e := newEngine(t)
	manyHistories(t, e)
	all, err := e.History(t.Context(), alice, engine.HistoryRequest{Count: 50, Types: []string{"Patient", "Subscription"}})
	if err != nil || len(all.Versions) != 5 {
		t.Fatal(told(all), err)
	}
	instant := func(i int) fhir.Instant { return all.Versions[len(all.Versions)-1-i].Instant } // 0 is the oldest
	patients, system := fhir.Key{Type: "Patient"}, fhir.Key{}
	for _, c := range []struct {
		name  string
		ask   engine.HistoryRequest
		want  string
		total int
	}{
		{"of a type", engine.HistoryRequest{Key: patients, Count: 50}, "Patient/a 3, Patient/a 2, Patient/b 1, Patient/a 1", 4},
		{"of all, without audit and what is not served", engine.HistoryRequest{Key: system, Count: 50}, "Patient/a 3, Subscription/s 1, Patient/a 2, Patient/b 1, Patient/a 1", 5},
		{"of one type among all", engine.HistoryRequest{Key: system, Count: 50, Types: []string{"Subscription"}}, "Subscription/s 1", 1},
		{"of two types", engine.HistoryRequest{Key: system, Count: 50, Types: []string{"Subscription", "Patient"}}, "Patient/a 3, Subscription/s 1, Patient/a 2, Patient/b 1, Patient/a 1", 5},
		{"the total alone", engine.HistoryRequest{Key: system}, "", 5},
		{"since", engine.HistoryRequest{Key: patients, Count: 50, Since: instant(2)}, "Patient/a 3, Patient/a 2", 2},
		{"at a moment", engine.HistoryRequest{Key: system, Count: 50, At: fhir.Interval{Low: instant(1), High: instant(1) + 1}}, "Patient/b 1, Patient/a 1", 2},
		{"a page", engine.HistoryRequest{Key: patients, Count: 3}, "Patient/a 3, Patient/a 2, Patient/b 1", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			page, err := e.History(t.Context(), alice, c.ask)
			if err != nil || strings.Join(told(page), ", ") != c.want || page.Total != c.total || !page.Counted || (page.Next != "") != (c.ask.Count == 3) {
				t.Errorf("%v, total %d, counted %v, %v", told(page), page.Total, page.Counted, err)
			}
		})
	}
}

func TestHistoryPages(t *testing.T) {
	e := newEngine(t)
	for i := range 5 {
		put(t, e, alice, "a", fmt.Sprintf("F%d", i))
	}
	request := engine.HistoryRequest{Key: fhir.Key{Type: "Patient", ID: "a"}, Count: 2}
	var got []int64
	for range 4 {
		page, err := e.History(t.Context(), alice, request)
		if err != nil || page.Total != 5 {
			t.Fatal(page, err)
		}
		for _, v := range page.Versions {
			got = append(got, v.Number)
		}
		if page.Next == "" {
			break
		}
		request = engine.HistoryRequest{Key: request.Key, Count: 50, Cursor: page.Next}
	}
	if fmt.Sprint(got) != "[5 4 3 2 1]" {
		t.Errorf("history over pages: %v", got)
	}
	_, err := e.History(t.Context(), bob, engine.HistoryRequest{Key: request.Key, Count: 2})
	wantKind(t, err, fhir.NotFound, "")
	_, err = e.History(t.Context(), alice, engine.HistoryRequest{Key: fhir.Key{Type: "Patient", ID: "other"}, Count: 2, Cursor: request.Cursor})
	wantKind(t, err, fhir.Invalid, "cursor")
}

func TestHistoryPagesOfAll(t *testing.T) {
	e := newEngine(t)
	manyHistories(t, e)
	request := engine.HistoryRequest{Count: 2, Types: []string{"Patient", "Subscription"}, Since: 1}
	var got []string
	for range 9 {
		page, err := e.History(t.Context(), alice, request)
		if err != nil || page.Total != 5 || page.Request.Count != 2 || !slices.Equal(page.Request.Types, []string{"Patient", "Subscription"}) || page.Request.Since != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		got = append(got, told(page)...)
		if page.Next == "" {
			break
		}
		request = engine.HistoryRequest{Cursor: page.Next}
	}
	if want := "Patient/a 3, Subscription/s 1, Patient/a 2, Patient/b 1, Patient/a 1"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for name, r := range map[string]engine.HistoryRequest{
		"a type":     {Key: fhir.Key{Type: "Patient"}, Cursor: request.Cursor},
		"a resource": {Key: patientA, Cursor: request.Cursor},
	} {
		_, err := e.History(t.Context(), alice, r)
		wantKind(t, err, fhir.Invalid, "cursor")
		if err == nil {
			t.Errorf("the cursor of all is taken for that of %s", name)
		}
	}
	_, err := e.History(t.Context(), bob, engine.HistoryRequest{Cursor: request.Cursor})
	wantKind(t, err, fhir.Invalid, "cursor")
}

func TestHistoryRefusals(t *testing.T) {
	e := newEngine(t)
	for _, c := range []struct {
		name  string
		ask   engine.HistoryRequest
		kind  fhir.Kind
		words string
	}{
		{"a type that is not served", engine.HistoryRequest{Key: fhir.Key{Type: "Device"}, Count: 1}, fhir.NotFound, "Device"},
		{"a type among all that is not served", engine.HistoryRequest{Types: []string{"Patient", "Device"}, Count: 1}, fhir.Invalid, "_type: The resource type \"Device\""},
		{"types of a type", engine.HistoryRequest{Key: fhir.Key{Type: "Patient"}, Types: []string{"Patient"}, Count: 1}, fhir.Invalid, "_type"},
		{"a resource that never was", engine.HistoryRequest{Key: patientA, Count: 1}, fhir.NotFound, "Patient/a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.History(t.Context(), alice, c.ask)
			wantKind(t, err, c.kind, c.words)
		})
	}
}

// The total of a long history is known of one resource, and where it is asked for alone.
func TestHistoryTotals(t *testing.T) {
	e := newEngine(t)
	var versions []storage.Restored
	for i := range int64(1500) {
		r, number, instant := resource(t, `{"resourceType":"Patient","id":"p%d"}`, i%500), 1+i/500, fhir.Instant(1+i)
		versions = append(versions, storage.Restored{Partition: alice.Partition, Existed: number > 1, Version: fhir.Version{
			Key: r.Key(), Number: number, Instant: instant, Method: fhir.Updated, Body: fhir.NewDraft(r).Stamp(number, instant),
		}})
	}
	if err := e.Store.Restore(t.Context(), versions); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ask     engine.HistoryRequest
		total   int
		counted bool
	}{
		{engine.HistoryRequest{Count: 1}, 1000, false},
		{engine.HistoryRequest{Key: fhir.Key{Type: "Patient"}, Count: 1}, 1000, false},
		{engine.HistoryRequest{Key: fhir.Key{Type: "Patient"}}, 1500, true},
		{engine.HistoryRequest{Key: fhir.Key{Type: "Patient", ID: "p1"}, Count: 1}, 3, true},
		{engine.HistoryRequest{Types: []string{"Subscription"}, Count: 1}, 0, true},
	} {
		if page, err := e.History(t.Context(), alice, c.ask); err != nil || page.Total != c.total || page.Counted != c.counted {
			t.Errorf("%+v: total %d, counted %v, %v", c.ask, page.Total, page.Counted, err)
		}
	}
}
