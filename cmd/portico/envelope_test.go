package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// bundleOf is a batch or transaction that makes several requests: https://hl7.org/fhir/R4/http.html#transaction.
func bundleOf(kind string, requests ...request) request {
	entries := make([]string, len(requests))
	for i, r := range requests {
		entries[i] = entryOf(r)
	}
	return request{
		method: http.MethodPost, body: `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`,
		header: map[string]string{"Prefer": "return=representation"},
	}
}

// entryOf is a request as an entry. A JSON Patch travels in a Binary (https://hl7.org/fhir/R4/http.html#jsonpatch).
func entryOf(r request) string {
	ask := fmt.Sprintf(`"method":%q,"url":%q`, r.method, r.path)
	for _, element := range []struct{ name, header string }{{"ifMatch", "If-Match"}, {"ifNoneMatch", "If-None-Match"}, {"ifNoneExist", "If-None-Exist"}} {
		if value := r.header[element.header]; value != "" {
			ask += fmt.Sprintf(`,%q:%q`, element.name, value)
		}
	}
	resource := r.body
	if r.method == http.MethodPatch {
		resource = fmt.Sprintf(`{"resourceType":"Binary","contentType":%q,"data":%q}`, r.header["Content-Type"], base64.StdEncoding.EncodeToString([]byte(r.body)))
	}
	if resource != "" {
		resource = `"resource":` + resource + `,`
	}
	return `{` + resource + `"request":{` + ask + `}}`
}

// answers are what became of the entries of a Bundle, as if each had been a request of its own.
func (a answer) answers(want int) ([]answer, error) {
	r, err := fhir.ParseResource(a.body)
	if err != nil {
		return nil, err
	}
	var all []answer
	for _, entry := range r.Root().Objects("entry") {
		response := entry.Object("response")
		code, _, _ := strings.Cut(response.Text("status"), " ")
		one := answer{header: http.Header{}}
		if one.status, err = strconv.Atoi(code); err != nil {
			return nil, err
		}
		one.header.Set("Location", response.Text("location"))
		one.header.Set("ETag", response.Text("etag"))
		if resource := entry.Object("resource"); resource != nil {
			one.body = fhir.AppendJSON(nil, resource)
		}
		all = append(all, one)
	}
	if len(all) != want {
		return nil, fmt.Errorf("%d answers to %d entries", len(all), want)
	}
	return all, nil
}
