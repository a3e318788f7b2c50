package access

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// credential is what a request presents.
type credential struct {
	text    string // key or token; "" for none
	bearer  bool   // it comes with the scheme Bearer
	strange bool   // it comes with a scheme that is not taken
}

// presented is the credential of a request, which may stand in it more than once. Invalid for two different ones, and for one in the query.
func presented(r *http.Request) (c credential, err error) {
	if name := inQuery(r.URL.RawQuery); name != "" {
		return c, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A credential does not belong into the URL, which is kept in logs and histories. Send it in the header Authorization, and if it was a key, change it.").At("http." + name)
	}
	for _, line := range r.Header["Authorization"] {
		if err := c.addLine(line, true); err != nil {
			return c, err
		}
	}
	for _, line := range r.Header["X-Api-Key"] {
		if err := c.addLine(line, false); err != nil {
			return c, err
		}
	}
	return c, nil
}

// addLine adds what a header line presents. A proxy may have joined several lines into one, with commas (RFC 9110 5.2); no credential that is taken has one.
func (c *credential) addLine(line string, schemes bool) error {
	for more := true; more; {
		var one string
		one, line, more = strings.Cut(line, ",")
		one = strings.Trim(one, " \t")
		if one == "" {
			continue
		}
		next := credential{text: one}
		if scheme, rest, ok := strings.Cut(one, " "); ok && schemes {
			next = credential{text: strings.TrimLeft(rest, " "), bearer: strings.EqualFold(scheme, "Bearer")}
			next.strange = !next.bearer
		}
		if c.text != "" && c.text != next.text {
			return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The request has two different credentials. Send one, in Authorization or in x-api-key.")
		}
		next.bearer = next.bearer || c.bearer
		*c = next
		if c.strange { // what follows may be its parameters
			return nil
		}
	}
	return nil
}

// queryNames are parameters by which credentials are sent where they are taken in the URL (https://www.rfc-editor.org/rfc/rfc6750#section-2.3).
var queryNames = [...]string{"access_token", "api_key", "apikey", "api-key", "x-api-key", "authorization", "client_secret"}

// inQuery is the name of a parameter that presents a credential, or "query" where the value of another one is a key; "" where there is none.
func inQuery(query string) string {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		name, value = decoded(name), decoded(value)
		for _, q := range queryNames {
			if strings.EqualFold(name, q) {
				return q
			}
		}
		if _, _, isKey := splitKey(value); isKey {
			return "query"
		}
	}
	return ""
}

// decoded is a part of a query as it is meant; one that is malformed stays as it is.
func decoded(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

// askedSite is the site that a request names, in SU-SiteId or x-practice-group-id; "" for none. Invalid for several.
func askedSite(h http.Header) (string, error) {
	site, group := h["Su-Siteid"], h["X-Practice-Group-Id"]
	if len(site) == 0 && len(group) == 0 {
		return "", nil
	}
	asked, err := oneSite(site, "SU-SiteId")
	if err != nil {
		return "", err
	}
	other, err := oneSite(group, "x-practice-group-id")
	switch {
	case err != nil:
		return "", err
	case asked == "":
		return other, nil
	case other != "" && !strings.EqualFold(asked, other):
		return "", fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "SU-SiteId and x-practice-group-id name different sites. A request concerns one.").At("http.SU-SiteId")
	default:
		return asked, nil
	}
}

// oneSite is the value of a header that names a site.
func oneSite(lines []string, header string) (string, error) {
	switch {
	case len(lines) == 0:
		return "", nil
	case len(lines) > 1 || strings.IndexByte(lines[0], ',') >= 0:
		return "", fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%s names more than one site. A request concerns one; write its name, once.", header).At("http." + header)
	default:
		return strings.Trim(lines[0], " \t"), nil
	}
}
