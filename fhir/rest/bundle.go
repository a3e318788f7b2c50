package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// bundle writes a Bundle as JSON text (https://hl7.org/fhir/R4/bundle.html). The resources in it go from the store to the client
// as they are, without being decoded.
type bundle struct {
	text    []byte
	base    []byte // of full URLs, as it stands within a JSON string
	entries int
	named   map[named]bool // the versions that have a fullUrl
}

// named is a version of a resource.
type named struct {
	key    fhir.Key
	number int64
}

// link is a Bundle.link.
type link struct{ relation, url string }

// newBundle begins a bundle that will hold the given versions, of resources below a base URL. A negative total is left out.
func newBundle(bundleType, base string, total int, links []link, versions ...[]fhir.Version) *bundle {
	const (
		head  = 1024 // bytes, about
		entry = 320  // bytes of an entry of a history beside base and resource, about
	)
	size := head
	for _, some := range versions {
		for _, v := range some {
			size += len(v.Body) + len(base) + entry
		}
	}
	quoted := fhir.AppendJSON(nil, base)
	b := &bundle{text: make([]byte, 0, size), base: quoted[1 : len(quoted)-1]}
	b.text = append(b.text, `{"resourceType":"Bundle","type":"`...)
	b.text = append(b.text, bundleType...)
	b.text = append(b.text, '"')
	if total >= 0 {
		b.text = append(b.text, `,"total":`...)
		b.text = strconv.AppendInt(b.text, int64(total), 10)
	}
	for i, l := range links {
		if i == 0 {
			b.text = append(b.text, `,"link":[`...)
		} else {
			b.text = append(b.text, ',')
		}
		b.text = append(b.text, '{')
		b.text = appendMember(b.text, "relation", l.relation)
		b.text = append(b.text, ',')
		b.text = appendMember(b.text, "url", l.url)
		b.text = append(b.text, '}')
	}
	if len(links) > 0 {
		b.text = append(b.text, ']')
	}
	return b
}

// The modes of an entry of a search (https://hl7.org/fhir/R4/valueset-search-entry-mode.html), but for the outcome.
const (
	modeMatch   = "match"
	modeInclude = "include"
)

// found adds a resource that a search brings.
func (b *bundle) found(v fhir.Version, mode string) {
	b.entry()
	b.fullURL(v.Key)
	b.text = append(b.text, `,"resource":`...)
	b.text = append(b.text, v.Body...)
	b.text = append(b.text, `,"search":{"mode":"`...)
	b.text = append(b.text, mode...)
	b.text = append(b.text, `"}}`...)
}

// outcome adds what is to be said of the search itself.
func (b *bundle) outcome(operationOutcome []byte) {
	b.entry()
	b.text = append(b.text, `"resource":`...)
	b.text = append(b.text, operationOutcome...)
	b.text = append(b.text, `,"search":{"mode":"outcome"}}`...)
}

// version adds a version of a history: how it was made, by which URL, and with which status that was answered.
func (b *bundle) version(v fhir.Version, url, status string) {
	b.entry()
	b.fullURL(v.Key)
	if !v.IsDeleted() {
		b.text = append(b.text, `,"resource":`...)
		b.text = append(b.text, v.Body...)
	}
	b.text = append(b.text, `,"request":{`...)
	b.text = appendMember(b.text, "method", v.Method.String())
	b.text = append(b.text, ',')
	b.text = appendMember(b.text, "url", url)
	b.text = append(b.text, `},"response":{`...)
	b.text = appendMember(b.text, "status", status)
	b.text = append(b.text, ',')
	b.text = appendMember(b.text, "etag", v.ETag())
	b.text = append(b.text, ',')
	b.text = appendMember(b.text, "lastModified", v.Instant.String())
	b.text = append(b.text, "}}"...)
}

// answered adds what became of an entry of a batch or transaction.
func (b *bundle) answered(p *part) {
	b.entry()
	if p.body != nil {
		if b.isFirst(p.version) {
			b.fullURL(p.version.Key)
			b.text = append(b.text, ',')
		}
		b.text = append(b.text, `"resource":`...)
		b.text = append(b.text, p.body...)
		b.text = append(b.text, ',')
	}
	b.text = append(b.text, `"response":{`...)
	b.text = appendMember(b.text, "status", strings.TrimSpace(strconv.Itoa(p.status)+" "+http.StatusText(p.status)))
	for _, m := range []struct{ name, value string }{{"location", p.header.Get("Location")}, {"etag", p.header.Get("ETag")}} {
		if m.value != "" {
			b.text = append(b.text, ',')
			b.text = appendMember(b.text, m.name, m.value)
		}
	}
	if p.version.Number > 0 {
		b.text = append(b.text, ',')
		b.text = appendMember(b.text, "lastModified", p.version.Instant.String())
	}
	if p.outcome != nil {
		b.text = append(b.text, `,"outcome":`...)
		b.text = append(b.text, p.outcome...)
	}
	b.text = append(b.text, "}}"...)
}

// isFirst says whether no entry before shows a version: "FullUrl must be unique in a bundle, or else entries with same fullUrl must have
// different meta.versionId" (bdl-7). What an entry has written, another may read.
func (b *bundle) isFirst(v fhir.Version) bool {
	n := named{v.Key, v.Number}
	if v.Number == 0 || b.named[n] {
		return false
	}
	if b.named == nil {
		b.named = map[named]bool{}
	}
	b.named[n] = true
	return true
}

// fullURL names the resource of an entry. Nothing in a key needs an escape: types and ids are letters, digits, - and .
func (b *bundle) fullURL(key fhir.Key) {
	b.text = append(b.text, `"fullUrl":"`...)
	b.text = append(b.text, b.base...)
	b.text = append(b.text, '/')
	b.text = append(b.text, key.Type...)
	b.text = append(b.text, '/')
	b.text = append(b.text, key.ID...)
	b.text = append(b.text, '"')
}

// entry begins an entry.
func (b *bundle) entry() {
	if b.entries == 0 {
		b.text = append(b.text, `,"entry":[`...)
	} else {
		b.text = append(b.text, ',')
	}
	b.text = append(b.text, '{')
	b.entries++
}

// end returns the text.
func (b *bundle) end() []byte {
	if b.entries > 0 {
		b.text = append(b.text, ']')
	}
	return append(b.text, '}')
}

func appendMember(dst []byte, name, value string) []byte {
	dst = fhir.AppendJSON(dst, name)
	dst = append(dst, ':')
	return fhir.AppendJSON(dst, value)
}
