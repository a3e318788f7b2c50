package rest_test

import (
	"strings"
	"testing"
)

// A client that brings resources under their addresses at another server sends them here under the ids that they have there.
func TestEntryUnderItsOwnAddress(t *testing.T) {
	const bundle = `{"resourceType":"Bundle","type":"transaction","entry":[
		{"fullUrl":"https://example.com/r4/Patient/a","request":{"method":"PUT","url":"https://example.com/r4/Patient/a"},"resource":{"resourceType":"Patient","id":"a"}},
		{"fullUrl":"%s","request":{"method":"PUT","url":"https://example.com/r4/Patient/b"},"resource":{"resourceType":"Patient","id":"b"}}]}`
	replaced := func(name string) string { return strings.Replace(bundle, "%s", name, 1) }
	open(t).transacting(t).play(t, []scenario{
		{name: "another name than the url", method: "POST", body: replaced("https://example.com/r4/Patient/c"), status: 400, paths: map[string]string{"issue[0].expression": `["Bundle.entry[1].request.url"]`}},
		{name: "nothing of it was written", path: "/Patient/a", status: 404},
		{name: "the url is the name", method: "POST", body: replaced("https://example.com/r4/Patient/b"), status: 200, paths: map[string]string{"entry[1].response.status": "201 Created"}},
		{name: "it has its id", path: "/Patient/b", status: 200},
		{name: "an address without a type", method: "POST", body: replaced("https://example.com/b"), status: 400},
	})
}
