package rest

import "strings"

// preferences are what a client prefers (RFC 7240; https://hl7.org/fhir/R4/http.html#ops). "" where it says nothing
// that is known.
type preferences struct {
	returns  string // minimal, representation or OperationOutcome
	handling string // strict or lenient
}

// parsePrefer reads the Prefer headers. A preference is a wish: what is not understood is passed over. "If any preference is
// specified more than once, only the first instance is to be considered" (RFC 7240 2), whether it is understood or not.
func parsePrefer(headers []string) preferences {
	var p preferences
	if len(headers) == 0 {
		return p
	}
	wishes := map[string]string{}
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		wish, _, _ := strings.Cut(part, ";")
		name, value, _ := strings.Cut(wish, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`)
		if _, again := wishes[name]; !again {
			wishes[name] = value
		}
	}
	p.returns = known(wishes["return"], "minimal", "representation", "OperationOutcome")
	p.handling = known(wishes["handling"], "strict", "lenient")
	return p
}

// known returns the value that is meant, or "".
func known(value string, values ...string) string {
	for _, v := range values {
		if strings.EqualFold(value, v) {
			return v
		}
	}
	return ""
}

// applied tells the client that a preference was followed.
func (x *exchange) applied(name, value string) {
	if value != "" {
		x.header().Add("Preference-Applied", name+"="+value)
	}
}
