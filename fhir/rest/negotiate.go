package rest

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// Content negotiation: https://hl7.org/fhir/R4/http.html#mime-type.

const (
	typeFHIR = "application/fhir+json"
	typeForm = "application/x-www-form-urlencoded"
)

// jsonTypes are the media types that mean FHIR's JSON, the preferred one first.
var jsonTypes = [...]string{typeFHIR, "application/json", "text/json"}

// format is how an answer is to be written.
type format struct {
	mediaType string // one of jsonTypes; "" before it was negotiated
	pretty    bool
}

// contentTypes are the values of Content-Type, by the media type of a format.
var contentTypes = map[string][]string{
	"":                 {typeFHIR + "; charset=utf-8"},
	typeFHIR:           {typeFHIR + "; charset=utf-8"},
	"application/json": {"application/json; charset=utf-8"},
	"text/json":        {"text/json; charset=utf-8"},
}

// negotiate chooses the form of the answer. _format goes before Accept. Its error is NotAcceptable, or Invalid where what would be passed over is
// refused (strict).
func negotiate(r *http.Request, strict bool) (format, error) {
	var asked []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if ofFormat(part) {
			asked = append(asked, part)
		}
	}
	if asked == nil { // nearly always
		return negotiateFor(r, nil, strict)
	}
	params, _ := url.ParseQuery(strings.Join(asked, "&")) // what is malformed is left out
	return negotiateFor(r, params, strict)
}

// ofFormat says whether a part of a query, "_pretty=true", says how the answer is to be written.
func ofFormat(part string) bool {
	name, _, _ := strings.Cut(part, "=")
	decoded, err := url.QueryUnescape(name)
	return err == nil && (decoded == "_format" || decoded == "_pretty")
}

// negotiateFor is negotiate with the parameters in hand: those of a form count as those of the URL.
func negotiateFor(r *http.Request, params url.Values, strict bool) (format, error) {
	f := format{pretty: params.Get("_pretty") == "true"}
	if fault := contradiction(params); strict && fault != nil {
		return f, fault
	}
	if asked := params.Get("_format"); asked != "" {
		if !isJSONFormat(asked) {
			return f, notAcceptable(asked).At(ofHTTP("_format"))
		}
		f.mediaType = typeFHIR
		return f, nil
	}
	accept := field(r.Header, "Accept")
	if f.mediaType = acceptable(accept); f.mediaType == "" {
		return f, notAcceptable(accept).At(ofHTTP("Accept"))
	}
	return f, nil
}

// contradiction says what of _format and _pretty would be passed over, or nil.
func contradiction(params url.Values) error {
	pretty, formats := params["_pretty"], params["_format"]
	odd := slices.IndexFunc(pretty, func(v string) bool { return v != "" && v != "true" && v != "false" })
	other := slices.IndexFunc(formats, func(v string) bool { return v != "" && v != formats[0] })
	switch {
	case odd >= 0:
		return fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no value of _pretty: write true or false.", fhir.Quote(pretty[odd])).At(ofHTTP("_pretty"))
	case other >= 0:
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "_format is given as %s and as %s: one of them can be meant.", fhir.Quote(formats[0]), fhir.Quote(formats[other])).At(ofHTTP("_format"))
	default:
		return nil
	}
}

func notAcceptable(asked string) *fhir.Error {
	return fhir.Errorf(fhir.NotAcceptable, fhir.CodeNotSupported, "The answer cannot be given as %s. This server writes JSON of FHIR 4.0: ask for application/fhir+json in the header Accept, or for _format=json.", fhir.Quote(asked))
}

// isJSONFormat says whether a value of _format means JSON. A plus sign that was not encoded has become a space.
func isJSONFormat(value string) bool {
	name, params, _ := strings.Cut(value, ";")
	name = strings.ReplaceAll(strings.TrimSpace(name), " ", "+")
	if strings.EqualFold(name, "json") {
		name = typeFHIR
	}
	if params != "" {
		name += ";" + params
	}
	return isJSON(name)
}

// isJSON says whether a media type is FHIR's JSON in the version and character set that are served.
func isJSON(mediaType string) bool {
	name, readable := parseMediaType(mediaType)
	return readable && slices.Contains(jsonTypes[:], name)
}

// parseMediaType returns the name of a media type, and whether what it describes can be read.
func parseMediaType(mediaType string) (name string, isReadable bool) {
	name, params, err := mime.ParseMediaType(mediaType)
	return name, err == nil && readable(params)
}

// readable says whether the parameters of a media type are those of R4 in UTF-8. Others mean nothing here.
func readable(params map[string]string) bool {
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	version, ok := params["fhirversion"]
	return !ok || version == "4.0" || version == "4.0.1"
}

// acceptable chooses from jsonTypes what an Accept header likes best (RFC 9110 12.5.1), or "".
func acceptable(accept string) string {
	switch accept {
	case "", "*/*", typeFHIR: // nearly always
		return typeFHIR
	}
	var ranges []mediaRange
	for part := range strings.SplitSeq(accept, ",") {
		if r, ok := parseRange(part); ok {
			ranges = append(ranges, r)
		}
	}
	best, most := "", 0.0
	for _, t := range jsonTypes {
		if q := quality(ranges, t); q > most {
			best, most = t, q
		}
	}
	return best
}

// mediaRange is one element of Accept.
type mediaRange struct {
	name string // "text/json", "text/*", "*/*"
	q    float64
}

func parseRange(text string) (mediaRange, bool) {
	name, params, err := mime.ParseMediaType(text)
	if err != nil || !readable(params) {
		return mediaRange{}, false
	}
	r := mediaRange{name: name, q: 1}
	if q, ok := params["q"]; ok {
		if r.q, err = strconv.ParseFloat(q, 64); err != nil {
			return mediaRange{}, false
		}
	}
	return r, true
}

// quality is the weight that the most specific range gives a media type.
func quality(ranges []mediaRange, mediaType string) float64 {
	main, _, _ := strings.Cut(mediaType, "/")
	for _, name := range [...]string{mediaType, main + "/*", "*/*"} {
		best, found := 0.0, false
		for _, r := range ranges {
			if r.name == name {
				best, found = max(best, r.q), true
			}
		}
		if found {
			return best
		}
	}
	return 0
}
