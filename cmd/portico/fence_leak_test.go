package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir"
)

// check looks for what of others is in an answer.
func (f *fenced) check(t testing.TB, a asked, answer got) {
	t.Helper()
	if answer.status >= 500 {
		t.Fatalf("%s\n%d %s", a.text(), answer.status, answer.body)
	}
	if found := f.leak(t, a, answer); found != "" {
		t.Fatalf("%s\nis answered with what others have, %s, in\n%d %v %s", a.text(), found, answer.status, answer.header, answer.body)
	}
}

// leak finds what of others is in an answer, and ought not to be. In resources is only what the party once wrote, in headers and messages also what the request named; an
// AuditEvent tells what was asked for, and may name again whatever the party ever named.
func (f *fenced) leak(t testing.TB, a asked, answer got) string {
	t.Helper()
	named := map[string]bool{}
	for _, c := range canary.FindAllString(a.text(), -1) {
		named[strings.ToLower(c)] = true
	}
	maps.Copy(f.named, named)
	if a.keeps {
		maps.Copy(f.wrote, named)
	}
	shown, record := shownBy(t, answer.body)
	rest := answer.body
	for _, event := range record {
		rest = strings.ReplaceAll(rest, event, "")
	}
	for _, part := range []struct {
		text string
		may  map[string]bool
	}{
		{strings.Join(shown, ""), f.wrote},
		{strings.Join(record, "") + queriesIn(t, answer.body), f.named},
		{fmt.Sprint(answer.header, rest), both(named, f.wrote)},
	} {
		for _, c := range canary.FindAllStringSubmatch(part.text, -1) {
			if c[1] != "0" && c[1] != "9" && !part.may[strings.ToLower(c[0])] {
				return c[0]
			}
		}
	}
	return ""
}

func both(a, b map[string]bool) map[string]bool {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// recordedQuery is what an AuditEvent tells of a search, in base64.
var recordedQuery = regexp.MustCompile(`"query":"([^"]*)"`)

// queriesIn are the searches that AuditEvents tell of, as text.
func queriesIn(t testing.TB, body string) string {
	t.Helper()
	var all []byte
	for _, q := range recordedQuery.FindAllStringSubmatch(body, -1) {
		plain, err := base64.StdEncoding.DecodeString(q[1])
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		all = append(append(all, plain...), '\n')
	}
	return string(all)
}

// shownBy are the resources in an answer: those that tell of the request itself are left out, and AuditEvents stand for themselves.
func shownBy(t testing.TB, body string) (shown, record []string) {
	if body == "" || body[0] != '{' {
		return nil, nil
	}
	r, err := fhir.ParseResource([]byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	switch r.Type() {
	case "OperationOutcome", "Parameters":
		return nil, nil
	case "AuditEvent":
		return nil, []string{body}
	case "Bundle":
		for _, e := range r.Root().Objects("entry") {
			shown = append(shown, e.Text("fullUrl"))
			if resource := e.Object("resource"); resource != nil {
				more, events := shownBy(t, string(fhir.AppendJSON(nil, resource)))
				shown, record = append(shown, more...), append(record, events...)
			}
		}
		return shown, record
	default:
		return []string{body}, nil
	}
}

// TestTheFenceSeesALeak: what is planted in an answer is found, wherever it is; and what may be there is not taken for a leak.
func TestTheFenceSeesALeak(t *testing.T) {
	const mine, theirs, nobodys, written, asking = "Kanarie00000000000000001", "Kanarie10000000000000002", "Kanarie90000000000000003", "Kanarie20000000000000004", "Kanarie30000000000000005"
	resource := func(typ, word string) string {
		return `{"resourceType":"` + typ + `","id":"x","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + word + `</div>"}}`
	}
	bundle := func(members, entry string) string {
		return `{"resourceType":"Bundle","type":"searchset",` + members + `"entry":[{` + entry + `}]}`
	}
	outcome := func(word string) string {
		return `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","diagnostics":"` + word + `"}]}`
	}
	event := func(word string) string {
		return `{"resourceType":"AuditEvent","id":"x","entity":[{"what":{"reference":"Patient/` + word + `"}}]}`
	}
	queried := func(word string) string {
		return `{"resourceType":"AuditEvent","id":"x","entity":[{"query":"` + base64.StdEncoding.EncodeToString([]byte("Patient?name="+word)) + `"}]}`
	}
	for name, c := range map[string]struct {
		path, body, header string
		leak               bool
	}{
		"a resource":                                    {body: resource("Patient", theirs), leak: true},
		"a resource, in other letters":                  {body: resource("Patient", strings.ToUpper(theirs)), leak: true},
		"a resource that the request names":             {path: "/Patient/" + theirs, body: resource("Patient", theirs), leak: true},
		"an entry":                                      {body: bundle("", `"resource":`+resource("Patient", theirs)), leak: true},
		"an entry within an entry":                      {body: bundle("", `"resource":`+bundle("", `"resource":`+resource("Patient", theirs))), leak: true},
		"an entry that the request names":               {path: "?_id=" + theirs, body: bundle("", `"resource":`+resource("Patient", theirs)), leak: true},
		"the full URL of an entry":                      {path: "?_id=" + theirs, body: bundle("", `"fullUrl":"http://example.org/Patient/`+theirs+`"`), leak: true},
		"a link":                                        {body: bundle(`"link":[{"relation":"next","url":"http://example.org/Patient?name=`+theirs+`"}],`, ""), leak: true},
		"an outcome":                                    {body: outcome(theirs), leak: true},
		"what is no resource":                           {body: "no " + theirs, leak: true},
		"a header":                                      {header: theirs, leak: true},
		"a record":                                      {body: event(theirs), leak: true},
		"a record within a Bundle":                      {body: bundle("", `"resource":`+event(theirs)), leak: true},
		"a recorded query":                              {body: queried(theirs), leak: true},
		"a recorded query within a Bundle":              {body: bundle("", `"resource":`+queried(theirs)), leak: true},
		"a record beside the same in a resource":        {path: "?_id=" + asking, body: bundle("", `"resource":`+event(asking)+`},{"resource":`+resource("Patient", asking)), leak: true},
		"what the party has":                            {body: resource("Patient", mine)},
		"what nobody has":                               {body: resource("Patient", nobodys)},
		"what the party wrote":                          {body: resource("Patient", written)},
		"what the party wrote, with a link":             {body: bundle(`"link":[{"relation":"self","url":"http://example.org/?x=`+written+`"}],`, `"resource":`+resource("Patient", written))},
		"an outcome that says what the request named":   {path: "/Patient/" + theirs, body: outcome(theirs)},
		"an encoded name in a link":                     {path: "?_id=%4Banarie10000000000000002", body: bundle(`"link":[{"relation":"self","url":"http://example.org/?_id=`+theirs+`"}],`, "")},
		"a header that says what the request named":     {path: "/Patient/" + theirs, header: theirs},
		"a record of what the party once named":         {body: event(asking)},
		"a recorded query of what the party once named": {body: bundle("", `"resource":`+queried(asking))},
	} {
		f := &fenced{wrote: map[string]bool{}, named: map[string]bool{}}
		f.leak(t, asked{method: "PUT", body: written, keeps: true}, got{})
		f.leak(t, asked{method: "GET", path: "/Patient/" + asking}, got{})
		answer := got{status: 200, header: http.Header{"Location": {c.header}}, body: c.body}
		if found := f.leak(t, asked{method: "GET", path: c.path}, answer); (found != "") != c.leak {
			t.Errorf("%s: %q is found, want a leak: %t, in %s", name, found, c.leak, c.body)
		}
	}
}
