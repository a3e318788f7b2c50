package rest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
)

// part is an entry of a batch or transaction: the request that it makes, and what is answered to it.
type part struct {
	index    int // in Bundle.entry
	fault    error
	reads    bool // in a transaction: it asks for no change
	fullURL  string
	request  *http.Request
	address                // what its url names
	resource fhir.Resource // what the request carries; the zero Resource for nothing

	header  http.Header // of the answer
	status  int
	body    []byte       // the resource that is answered, as JSON text
	outcome []byte       // what is told of the exchange, an OperationOutcome as JSON text
	version fhir.Version // the version of a resource that the answer is about
}

// at is a place within the entry, as FHIRPath.
func (p *part) at(below string) string { return "Bundle.entry[" + strconv.Itoa(p.index) + "]" + below }

// readEntry reads the request that an entry makes. What is wrong with it becomes the fault of the part, with its places in the Bundle.
func (s *server) readEntry(x *exchange, bundleType string, i int, e *fhir.Object) *part {
	p := &part{index: i, fullURL: e.Text("fullUrl"), header: http.Header{}, request: x.request}
	ask := e.Object("request")
	astray := s.direct(p, x, ask) // first, so that the record tells what is asked for, whatever is wrong with it
	if p.fault = s.checkEntry(bundleType, i, e); p.fault != nil {
		return p
	}
	if carried := e.Object("resource"); carried != nil {
		p.resource = fhir.NewResource(carried)
	}
	if p.fault = p.checkCarried(ask.Text("method"), x.size); p.fault != nil {
		return p
	}
	if p.fault = s.checkBinary(p, ask.Text("method")); p.fault != nil {
		return p
	}
	if p.fault = astray; p.fault == nil {
		p.fault = p.checkPlace()
	}
	return p
}

// checkCarried refuses an entry without the resource that its method needs, with one that means nothing, or with one that would be too large as the
// body of a request.
func (p *part) checkCarried(method string, bodySize int) error {
	needed := method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
	switch {
	case needed && p.resource.IsZero():
		return fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "An entry with the method %s must have a resource.", method).At(p.at(".resource"))
	case !needed && !p.resource.IsZero():
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "An entry with the method %s has no resource; what it is about stands in the url.", method).At(p.at(".resource"))
	case bodySize > maxBody && needed && len(fhir.AppendJSON(nil, p.resource.Root())) > maxBody:
		return fhir.Errorf(fhir.TooLarge, fhir.CodeTooLong, "The resource is larger than %d MiB.", maxBody>>20).At(p.at(".resource"))
	default:
		return nil
	}
}

// checkBinary holds a Binary that carries a patch against R4. No engine gets to see it.
func (s *server) checkBinary(p *part, method string) error {
	if method != http.MethodPatch || p.resource.Type() != "Binary" {
		return nil
	}
	return placed(s.Engine.Validator.Check(p.resource), func(issue *fhir.Issue) {
		issue.Path = p.at(".resource" + strings.TrimPrefix(issue.Path, "Binary"))
	})
}

// requestHeaders are the elements of Bundle.entry.request that stand for headers.
var requestHeaders = map[string]string{
	"ifMatch": "If-Match", "ifNoneMatch": "If-None-Match", "ifNoneExist": headerIfNoneExist, "ifModifiedSince": "If-Modified-Since",
}

// direct makes the request that an entry asks for, and reads where it goes.
func (s *server) direct(p *part, x *exchange, ask *fhir.Object) error {
	target, err := s.resolve(ask.Text("url"), p.fullURL)
	if err != nil {
		_ = fhir.AsError(err).At(p.at(".request.url")) // it is changed itself, and its status stays
		return err
	}
	r := &http.Request{Method: ask.Text("method"), URL: target, Host: x.request.Host, Header: http.Header{}}
	p.request, p.address = r.WithContext(x.request.Context()), locate(target.EscapedPath())
	for _, name := range []string{headerRequestID, "Traceparent"} { // for the log
		r.Header[name] = x.request.Header[name]
	}
	for element, header := range requestHeaders {
		if value := ask.Text(element); value != "" {
			r.Header.Set(header, value)
		}
	}
	if since := ask.Text("ifModifiedSince"); since != "" {
		d, err := fhir.ParseDateTime(since)
		if err != nil {
			return fhir.AsError(err).At(p.at(".request.ifModifiedSince"))
		}
		r.Header.Set("If-Modified-Since", httpDate(d.Interval().Low.Time()))
	}
	if p.place == nowhere {
		return placed(s.noRoute(), func(issue *fhir.Issue) { issue.Path = p.at(".request.url") })
	}
	return nil
}

// resolve makes an address below the base of the url of an entry, which is relative to the base or absolute. What a client names by its
// address elsewhere, the fullUrl, and sends here under the same address is meant to get that id here.
func (s *server) resolve(text, fullURL string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, uriTooLong()
	}
	if key, elsewhere := addressed(fullURL); elsewhere && text == fullURL && !strings.HasPrefix(text, s.Promises.BaseURL+"/") {
		text = key
	}
	rest, absolute := strings.CutPrefix(text, s.Promises.BaseURL)
	if !absolute || (rest != "" && rest[0] != '/' && rest[0] != '?') {
		rest = text
		if i := strings.IndexAny(text, ":/?#"); i > 0 && text[i] == ':' {
			return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is not below the base of this server, %s. The url of an entry is relative to the base, as in Patient/1, or begins with it.", fhir.Quote(text), s.Promises.BaseURL)
		}
	}
	if rest != "" && rest[0] != '?' {
		rest = "/" + strings.TrimPrefix(rest, "/")
	}
	u, err := url.Parse(conformance.FHIRPath + rest)
	if err != nil || strings.Contains(rest, "#") {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no address of a request. Write it as in Patient/1 or Patient?family=ash.", fhir.Quote(text)).Because(err)
	}
	return u, nil
}

// addressed returns the last two segments of the address of a resource, [type]/[id], and whether it can be one.
func addressed(address string) (key string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return "", false
	}
	above, id := path.Split(u.Path)
	resourceType := path.Base(above)
	return resourceType + "/" + id, fhir.ValidID(resourceType) && fhir.ValidID(id)
}

// checkPlace refuses what can be asked for by a request of its own, but not by an entry.
func (p *part) checkPlace() error {
	switch {
	case p.place == onBase && p.request.Method == http.MethodPost:
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "An entry goes to a path below the base; a Bundle within a Bundle is not carried out.").At(p.at(".request.url"))
	case p.place.takesForm():
		return fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "A search by a form cannot stand in an entry. Search with the method GET, and the parameters in the url.").At(p.at(".request.url"))
	case p.request.Header.Get(headerIfNoneExist) != "" && (p.request.Method != http.MethodPost || p.place != onType):
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "ifNoneExist is for a create, POST to [type]; here it would mean nothing.").At(p.at(".request.ifNoneExist"))
	default:
		return nil
	}
}

// binary is what an entry carries that is no resource: it stands in a Binary (https://hl7.org/fhir/R4/http.html#patch).
func (p *part) binary(accepts func(mediaType string) bool, accepted string) ([]byte, error) {
	const form = "In an entry it stands in the data of a Binary, in base64, with its contentType."
	if p.resource.Type() != "Binary" {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "What is read here is %s. %s This is of type %s.", accepted, form, fhir.Quote(p.resource.Type())).At("resourceType")
	}
	if mediaType := p.resource.Root().Text("contentType"); !accepts(mediaType) {
		return nil, fhir.Errorf(fhir.UnsupportedMedia, fhir.CodeNotSupported, "The Binary cannot be read as %s. What is read here is %s. %s", fhir.Quote(mediaType), accepted, form).At(ofHTTP("Content-Type"))
	}
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(p.resource.Root().Text("data")), ""))
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "These data are not in base64. %s", form).At("Binary.data").Because(err)
	}
	return text, nil
}

// locate returns the error of the entry's exchange with its places in the Bundle. What a place there cannot say is told in words.
func (p *part) locate(err error) error {
	return placed(err, func(issue *fhir.Issue) {
		place, exact := p.within(issue.Path)
		if !exact {
			issue.Detail = "In " + fhir.Quote(strings.TrimPrefix(issue.Path, httpPlace)) + ": " + issue.Detail
		}
		issue.Path = place
	})
}

// within finds the place in the Bundle for one in the entry's exchange: in a resource, in a header or in the URL. It is exact, or
// contains what is meant.
func (p *part) within(path string) (place string, exact bool) {
	for element, header := range requestHeaders {
		if path == ofHTTP(header) {
			return p.at(".request." + element), true
		}
	}
	below, inResource := strings.CutPrefix(path, p.resource.Type()+".")
	switch {
	case path == "":
		return p.at(""), true
	case path == "fullUrl":
		return p.at(".fullUrl"), true
	case path == ofHTTP("Content-Type"):
		return p.at(".resource.contentType"), true
	case strings.HasPrefix(path, httpPlace) || p.resource.IsZero():
		return p.at(".request.url"), false
	case path == "resourceType" || path == p.resource.Type():
		return p.at(".resource"), true
	case p.request.Method == http.MethodPatch && path != "Binary.data":
		return p.at(".resource.data"), false
	case inResource:
		return p.at(".resource." + below), true
	default:
		return p.at(".resource." + path), true
	}
}
