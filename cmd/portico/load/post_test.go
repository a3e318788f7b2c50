package load_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portico-health/portico/cmd/portico/load"
)

// TestWhatIsPostedWhole loads with --transaction: transactions and batches go to the base, everything else as ever.
func TestWhatIsPostedWhole(t *testing.T) {
	transaction, batch := entries("transaction", annEntry, visit), entries("batch", `{"request":{"method":"DELETE","url":"Patient/x"}}`)
	large := entries("transaction", `{"resource":{"resourceType":"Patient","language":"`+strings.Repeat("x", load.MaxResource)+`"}}`)
	tests := []struct {
		name     string
		files    map[string]string
		requests []string
		refused  []load.Refusal
	}{
		{name: "in one line", files: map[string]string{"a.json": transaction}, requests: []string{"POST /fhir " + transaction}},
		{name: "over several lines", files: map[string]string{"a.json": "{\n" + overLines(transaction[1:])}, requests: []string{"POST /fhir " + transaction}},
		{name: "a line among others", files: map[string]string{"a.ndjson": ann + "\n" + batch + "\n" + bob},
			requests: []string{"POST /fhir " + batch, "PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob}},
		{name: "the type behind the entries", files: map[string]string{"a.json": "{\n" + `"resourceType":"Bundle","entry":[{"resource":` + ann + `}],"type":"batch"}`},
			requests: []string{`POST /fhir {"resourceType":"Bundle","entry":[{"resource":` + ann + `}],"type":"batch"}`}},
		{name: "another type behind the entries", files: map[string]string{"a.json": "{\n" + `"resourceType":"Bundle","entry":[{"resource":` + ann + `}],"type":"collection"}`},
			requests: []string{"PUT /fhir/Patient/ann " + ann}},
		{name: "a collection", files: map[string]string{"a.json": "{\n" + overLines(entries("collection", `{"resource":`+ann+`}`, `{"resource":`+bob+`}`)[1:])},
			requests: []string{"PUT /fhir/Patient/ann " + ann, "PUT /fhir/Patient/bob " + bob}},
		{name: "a history", files: map[string]string{"a.json": entries("history", `{"resource":`+ann+`}`)},
			refused: []load.Refusal{{Place: load.Place{File: "a.json", Line: 1}, Reason: "A Bundle of type history"}}},
		{name: "larger than a resource may be", files: map[string]string{"a.ndjson": large, "b.json": "{\n" + large[1:]}, requests: []string{"POST /fhir " + large, "POST /fhir " + large}},
		{name: "a resource that is larger", files: map[string]string{"a.ndjson": `{"resourceType":"Patient","language":"` + strings.Repeat("x", load.MaxResource) + `"}`},
			refused: []load.Refusal{{Place: load.Place{File: "a.ndjson", Line: 1}, Reason: "longer than the 5242880 bytes"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.answer = carryOut
			dir := folder(t, test.files)
			summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{dir}, Transaction: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.requests, s.sorted(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("requests: %.2000s", diff)
			}
			for i := range summary.Refusals {
				r := &summary.Refusals[i]
				r.File = strings.TrimPrefix(r.File, dir+"/")
				if i < len(test.refused) && strings.Contains(r.Reason, test.refused[i].Reason) {
					r.Reason = test.refused[i].Reason
				}
			}
			if diff := cmp.Diff(test.refused, summary.Refusals, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(load.Refusal{})); diff != "" {
				t.Errorf("refusals: %s", diff)
			}
		})
	}
}

// carryOut answers a Bundle as if all its entries had created something.
func carryOut(w http.ResponseWriter, r *http.Request, body string) bool {
	if r.URL.Path != "/fhir" {
		return false
	}
	created := strings.Repeat(`,{"response":{"status":"201 Created"}}`, strings.Count(body, `"request":`)+strings.Count(body, `{"resource":`))
	_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[`+strings.TrimPrefix(created, ",")+`]}`)
	return true
}

// TestBundlesStayInOrder looks that Bundles that are posted whole do not overtake each other.
func TestBundlesStayInOrder(t *testing.T) {
	var lines, want []string
	for i := range 30 {
		b := entries("batch", fmt.Sprintf(`{"request":{"method":"GET","url":"Patient/%d"}}`, i))
		lines, want = append(lines, b), append(want, "POST /fhir "+b)
	}
	s := newServer(t)
	s.answer = carryOut
	if _, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(strings.Join(lines, "\n")), Transaction: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.seen()); diff != "" {
		t.Error(diff)
	}
}

// TestTooLargeBundle refuses what no server would take, and goes on.
func TestTooLargeBundle(t *testing.T) {
	s := newServer(t)
	huge := append(bytes.Repeat([]byte(" "), load.MaxBundle+10), ("\n" + ann)...)
	copy(huge, `{"resourceType":"Bundle","type":"batch","entry":[]`)
	huge[load.MaxBundle+9] = '}'
	summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{folder(t, map[string]string{"a.ndjson": string(huge)})}, Transaction: true})
	if err != nil || summary.Created != 1 || len(summary.Refusals) != 1 || !strings.Contains(summary.Refusals[0].Reason, "longer than the 52428800 bytes") {
		t.Errorf("%+v, %v", summary, err)
	}
}

// TestAnswersToBundles reads what a server says about each entry, and about a Bundle as a whole.
func TestAnswersToBundles(t *testing.T) {
	bundle := entries("batch",
		`{"resource":`+ann+`,"request":{"method":"PUT","url":"Patient/ann"}}`,
		`{"resource":`+noID+`,"request":{"method":"POST","url":"Patient"}}`,
		`{"resource":{"resourceType":"Binary"},"request":{"method":"PATCH","url":"/Slot/s?x=y"}}`,
		`{"request":{"method":"DELETE","url":"Slot?status=free"}}`,
		`{"request":{"method":"GET","url":"?_type=Patient"}}`)
	answered := func(statuses ...string) string {
		var all []string
		for _, s := range statuses {
			all = append(all, `{"response":{"status":"`+s+`"}}`)
		}
		return entries("batch-response", all...)
	}
	at := func(entry int) load.Place { return load.Place{File: "-", Line: 1, Entry: entry} }
	tests := []struct {
		name, body string
		status     int
		types      map[string]load.Count
		refused    []load.Refusal
	}{
		{name: "carried out", status: 200, body: answered("200", "201 Created", "200 OK", "204 No Content", "200"),
			types: map[string]load.Count{"Patient": {Created: 1, Updated: 1}, "Slot": {Updated: 1, Other: 1}}},
		{name: "a create that found a match", status: 200, body: answered("201", "200 OK", "201", "200", "200"),
			types: map[string]load.Count{"Patient": {Created: 1, Other: 1}, "Slot": {Created: 1, Other: 1}}},
		{name: "entries that are refused", status: 200,
			body:  strings.Replace(strings.Replace(answered("200", "422 x", "404", "", "teapot"), `"422 x"`, `"422","outcome":`+refusal, 1), `{"response":{"status":""}}`, `{}`, 1),
			types: map[string]load.Count{"Patient": {Updated: 1, Refused: 1}, "Slot": {Refused: 2}},
			refused: []load.Refusal{
				{Place: at(2), Resource: "Patient", Status: 422, Reason: "Patient.gender: There is no such gender.; Bad [31m day."},
				{Place: at(3), Resource: "PATCH /Slot/s?x=y", Status: 404, Reason: "The server answers 404 Not Found."},
				{Place: at(4), Resource: "DELETE Slot?status=free", Reason: "The server does not say what became of the entry: its response has no status."},
				{Place: at(5), Resource: "GET ?_type=Patient", Reason: "The server does not say what became of the entry: its response has no status."},
			}},
		{name: "a transaction that is refused", status: 422, body: refusal, types: map[string]load.Count{"Bundle": {Refused: 1}},
			refused: []load.Refusal{{Place: at(0), Resource: "Bundle", Status: 422, Reason: "Patient.gender: There is no such gender.; Bad [31m day."}}},
		{name: "an answer for fewer entries", status: 200, body: answered("200"), types: map[string]load.Count{"Bundle": {Refused: 1}},
			refused: []load.Refusal{{Place: at(0), Resource: "Bundle", Status: 200, Reason: "The server answers with 1 entries to 5. What became of them is not known."}}},
		{name: "an answer that is no Bundle", status: 200, body: "ok", types: map[string]load.Count{"Bundle": {Refused: 1}},
			refused: []load.Refusal{{Place: at(0), Resource: "Bundle", Status: 200, Reason: "The server answers 200, but not with a Bundle. What became of the entries is not known."}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
				return true
			}
			summary, err := load.Run(t.Context(), load.Options{URL: s.base(), Files: []string{"-"}, Stdin: strings.NewReader(bundle), Transaction: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.types, summary.Types); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.refused, summary.Refusals, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(load.Refusal{})); diff != "" {
				t.Error(diff)
			}
			if want := min(1, len(test.refused)); summary.ExitCode() != want {
				t.Errorf("exit code %d, want %d", summary.ExitCode(), want)
			}
			var text bytes.Buffer
			if err := summary.WriteText(&text); err != nil || strings.Contains(text.String(), "other") != (summary.Other > 0) {
				t.Errorf("%s (%v)", text.String(), err)
			}
		})
	}
}
