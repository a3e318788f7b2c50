package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
)

// maxForm is how large the body of an administrator's request may be, in bytes.
const maxForm = 64 << 10

// form is the JSON object in a request's body. Its members are taken one by one; what is wrong with them, and what nobody took, is told together.
type form struct {
	object *fhir.Object
	taken  []string
	faults faults
}

// readForm reads the body as one JSON object; without a body it has no members. The errors are UnsupportedMedia, TooLarge and Invalid.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	text, err := readBody(w, r, maxForm)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return form{}, fhir.Errorf(fhir.TooLarge, fhir.CodeTooLong, "The body is larger than %d bytes.", maxForm)
	case err != nil:
		return form{}, fhir.Errorf(fhir.Invalid, fhir.CodeStructure, "The body cannot be read to its end.").Because(err)
	case len(text) == 0:
		return form{object: fhir.NewObject()}, nil
	case !isJSON(r.Header):
		return form{}, fhir.Errorf(fhir.UnsupportedMedia, fhir.CodeNotSupported, "The body is read as application/json, in UTF-8 and not packed.").At("Content-Type")
	}
	value, err := fhir.ParseJSON(text)
	if err != nil {
		return form{}, err
	}
	object, ok := value.(*fhir.Object)
	if !ok {
		return form{}, fhir.Errorf(fhir.Invalid, fhir.CodeStructure, "The body must be a JSON object.")
	}
	return form{object: object}, nil
}

// isJSON says whether the headers announce JSON that can be read as it is.
func isJSON(h http.Header) bool {
	name, params, err := mime.ParseMediaType(strings.Join(h.Values("Content-Type"), ", "))
	charset, named := params["charset"]
	return err == nil && name == "application/json" && (!named || strings.EqualFold(charset, "utf-8")) && h.Get("Content-Encoding") == ""
}

// take returns a member, and notes that it is known here.
func (f *form) take(name string) (any, bool) {
	f.taken = append(f.taken, name)
	value, there := f.object.Get(name)
	return value, there
}

// text takes a member that is a text.
func (f *form) text(name string) string {
	value, there := f.take(name)
	text, ok := value.(string)
	if there && !ok {
		f.faults.add(name, "This must be a text.")
	}
	return text
}

// texts takes a member that is a list of texts.
func (f *form) texts(name string) []string {
	value, there := f.take(name)
	array, ok := value.(fhir.Array)
	if there && !ok {
		f.faults.add(name, "This must be a list of texts.")
	}
	var list []string
	for i, v := range array {
		text, ok := v.(string)
		if !ok {
			f.faults.add(fmt.Sprintf("%s[%d]", name, i), "This must be a text.")
		}
		list = append(list, text)
	}
	return list
}

// time takes a member that is a time as RFC 3339 writes it.
func (f *form) time(name string) time.Time {
	text := f.text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.IsZero() { // the zero time would mean that there is none
		f.faults.add(name, "This is no time: write 2026-12-31T23:59:59Z.")
	}
	return t
}

// duration takes a member that is a duration as Go writes it.
func (f *form) duration(name string, otherwise time.Duration) time.Duration {
	text := f.text(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		f.faults.add(name, "This is no duration: write 24h, 30m or 0s.")
	}
	return d
}

// prefixes takes a member that is a list of ranges of addresses, or of single ones.
func (f *form) prefixes(name string) []netip.Prefix {
	var list []netip.Prefix
	for i, text := range f.texts(name) {
		p, err := ParsePrefix(text)
		if err != nil {
			f.faults.add(fmt.Sprintf("%s[%d]", name, i), "This is no range of addresses: write 192.0.2.0/24 or 2001:db8::/32.")
			continue
		}
		list = append(list, p)
	}
	return list
}

// keys takes a member that is a JSON Web Key Set, as JSON text.
func (f *form) keys(name string) json.RawMessage {
	value, there := f.take(name)
	if !there {
		return nil
	}
	object, ok := value.(*fhir.Object)
	if !ok {
		f.faults.add(name, "This must be an object.")
		return nil
	}
	return fhir.AppendJSON(nil, object)
}

// err is Invalid with everything that is wrong, or nil.
func (f *form) err() error {
	for name := range f.object.All() {
		if !slices.Contains(f.taken, name) {
			f.faults.add(name, "There is no such member here.")
		}
	}
	return f.faults.err()
}
