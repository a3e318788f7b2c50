package rest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// place is a kind of path.
type place int

const (
	nowhere             place = iota // none of those that there are
	onBase                           // the base itself
	onMetadata                       // metadata
	onDocument                       // .well-known/[name]
	onSystemHistory                  // _history
	onSystemOperation                // $[name]
	onSystemSearch                   // _search
	onType                           // [type]
	onSearch                         // [type]/_search
	onTypeHistory                    // [type]/_history
	onTypeOperation                  // [type]/$[name]
	onInstance                       // [type]/[id]
	onHistory                        // [type]/[id]/_history
	onVersion                        // [type]/[id]/_history/[vid]
	onInstanceOperation              // [type]/[id]/$[name]
	onCompartment                    // [type]/[id]/[member], [type]/[id]/*
	onCompartmentSearch              // [type]/[id]/[member]/_search, [type]/[id]/_search
)

// ofSystem says whether a place is of no type.
func (p place) ofSystem() bool { return p < onType }

// ofType says whether a place is of a type as a whole.
func (p place) ofType() bool { return onType <= p && p <= onTypeOperation }

// takesForm says whether the parameters of a search come to a place as a form.
func (p place) takesForm() bool {
	return p == onSystemSearch || p == onSearch || p == onCompartmentSearch
}

// paths are the paths below the base, in the order in which they are tried.
var paths = []pattern{
	like(onBase, ""),
	like(onBase, "/"), // as some clients write the base
	like(onMetadata, "/metadata"),
	like(onDocument, conformance.SMARTPath),
	like(onDocument, conformance.OpenIDPath),
	like(onSystemHistory, "/_history"),
	like(onSystemOperation, "/{operation}"),
	like(onSystemSearch, "/_search"),
	like(onType, "/{type}"),
	like(onSearch, "/{type}/_search"),
	like(onTypeHistory, "/{type}/_history"),
	like(onTypeOperation, "/{type}/{operation}"),
	like(onInstance, "/{type}/{id}"),
	like(onHistory, "/{type}/{id}/_history"),
	like(onVersion, "/{type}/{id}/_history/{version}"),
	like(onInstanceOperation, "/{type}/{id}/{operation}"),
	like(onCompartmentSearch, "/{type}/{id}/_search"),
	like(onCompartmentSearch, "/{type}/{id}/{member}/_search"),
	like(onCompartment, "/{type}/{id}/{member}"),
}

// pattern is what the paths of a place look like.
type pattern struct {
	place    place
	template string   // from the root of the server: "/fhir/{type}/{id}"
	segments []string // below the base: "{type}", "{id}"
}

func like(p place, below string) pattern {
	segments, n := split(below)
	return pattern{p, conformance.FHIRPath + below, segments[:n]}
}

// maxSegments is how many segments a path below the base may have.
const maxSegments = 4

// split takes the segments of a path below the base apart. There are more than maxSegments of them: n is larger.
func split(below string) (segments [maxSegments]string, n int) {
	for below != "" {
		below = below[1:] // the slash
		end := strings.IndexByte(below, '/')
		if end < 0 {
			end = len(below)
		}
		if n == maxSegments {
			return segments, n + 1
		}
		segments[n], below = below[:end], below[end:]
		n++
	}
	return segments, n
}

// address is what a path says.
type address struct {
	place     place
	template  string   // of the path, which may be told where the path must not be, as it may name a person
	key       fhir.Key // the type, and the id where there is one
	vid       string   // the version
	operation string   // "validate"
	member    string   // the type that is searched in a compartment; "*" for all of them, "" where a form says so by its path
}

// locate reads a path as it stands in a URL, from the root of the server.
func locate(escaped string) address {
	if below, ok := belowBase(escaped); ok {
		segments, n := split(below)
		for _, p := range paths {
			if n == len(p.segments) && p.matches(segments[:n]) {
				return p.address(segments[:n])
			}
		}
	}
	return address{place: nowhere, template: conformance.FHIRPath + "/"}
}

// belowBase cuts the path of the base off a path, as it stands in a URL, that is the base's or below it.
func belowBase(escaped string) (below string, ok bool) {
	below, ok = strings.CutPrefix(escaped, conformance.FHIRPath)
	return below, ok && (below == "" || below[0] == '/')
}

// ofFace says to a router what is the face's.
func ofFace(r *http.Request, _ *mux.RouteMatch) bool {
	_, ok := belowBase(r.URL.EscapedPath())
	return ok
}

// matches compares as many segments, before they are decoded: what is encoded does not become a slash or the name of an interaction. That
// an operation begins with a dollar sign can be written either way.
func (p pattern) matches(segments []string) bool {
	for i, want := range p.segments {
		got, ok := segments[i], false
		switch want {
		case "{operation}":
			ok = strings.HasPrefix(got, "$") || strings.HasPrefix(got, "%24")
		case "{type}", "{id}", "{version}":
			ok = got != ""
		case "{member}":
			ok = isMember(decodeSegment(got))
		default:
			ok = got == want
		}
		if !ok {
			return false
		}
	}
	return true
}

// isMember says whether a segment behind an id can be a type, or the star that means all: nothing else begins with a capital letter.
func isMember(segment string) bool {
	return segment == everyMember || segment != "" && 'A' <= segment[0] && segment[0] <= 'Z'
}

// everyMember stands in a path for all types of a compartment.
const everyMember = "*"

// address reads the segments of a path that matches.
func (p pattern) address(segments []string) address {
	a := address{place: p.place, template: p.template}
	for i, name := range p.segments {
		switch name {
		case "{type}":
			a.key.Type = decodeSegment(segments[i])
		case "{id}":
			a.key.ID = decodeSegment(segments[i])
		case "{version}":
			a.vid = decodeSegment(segments[i])
		case "{member}":
			a.member = decodeSegment(segments[i])
		case "{operation}":
			a.operation = strings.TrimPrefix(decodeSegment(segments[i]), "$")
		}
	}
	return a
}

// decodeSegment decodes a segment of a path. What cannot be decoded, which the server's reader of requests does not let
// pass, stays as it is and matches nothing.
func decodeSegment(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}
