package validate

import (
	"regexp"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// Some codes R4 takes from lists that it does not hold: media types, currencies, languages. Of these the form is checked, not whether
// anybody has registered them. As the checks of primitive types do, these return what is wrong, as the end of a sentence that begins
// with the code, or "".

const (
	mediaTypes = "http://hl7.org/fhir/ValueSet/mimetypes"
	currencies = "http://hl7.org/fhir/ValueSet/currencies"
	bcp47      = "urn:ietf:bcp:47"
)

// codeForm gives the check for an element of type code, nil where the codes have no form of their own.
func codeForm(e *r4.Element, typeCode string) func(string) string {
	root, _, _ := strings.Cut(e.Path, ".")
	switch {
	case e.Required == currencies:
		return checkCurrency
	case e.Required == mediaTypes && (root == "CapabilityStatement" || root == "TestScript"):
		return checkMediaTypeOrShort
	case e.Required == mediaTypes:
		return checkMediaType
	// No binding of a language is required, but R4 bounds each of them by the tags of BCP 47. An Expression's is a language of machines.
	case typeCode == "code" && e.Name == "language" && e.Path != "Expression.language":
		return checkLanguage
	default:
		return nil
	}
}

// mediaType is the grammar of https://www.rfc-editor.org/rfc/rfc6838#section-4.2 for type and subtype, and of
// https://www.rfc-editor.org/rfc/rfc2045#section-5.1 for the parameters. A value with spaces should stand in quotation marks; the
// official examples have "application/dicom; variant=DICOM WADO-RS", and so may everybody.
var mediaType = regexp.MustCompile(`(?i)^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}` +
	"( ?; ?[a-z0-9!#$%&'*+.^_`{|}~-]+=" + `("([^"\\]|\\.)*"|[ !#-:<-~]+))*$`)

func checkMediaType(s string) string {
	if mediaType.MatchString(s) {
		return ""
	}
	return "is no media type: write type/subtype, as in application/pdf, with any parameters behind a semicolon"
}

// checkMediaTypeOrShort is for the elements that name the formats of FHIR, which have short names, too
// (https://hl7.org/fhir/R4/http.html#mime-type). The official examples use these here and nowhere else.
func checkMediaTypeOrShort(s string) string {
	if s == "xml" || s == "json" || s == "ttl" || checkMediaType(s) == "" {
		return ""
	}
	return "is no format: write xml, json, ttl or a media type such as application/fhir+json"
}

// checkCurrency knows the form of ISO 4217.
func checkCurrency(s string) string {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' || len(s) != 3 {
			return "is no currency: write the three capital letters of ISO 4217, as in GBP"
		}
	}
	return ""
}

// languageTag is the grammar of https://www.rfc-editor.org/rfc/rfc5646#section-2.1: language and extlang, script,
// region, variants, extensions, private use; or private use alone; or one of the irregular tags. Languages of four to eight letters,
// which the grammar has room for, are left out: there are none, and "english" would be one.
var languageTag = regexp.MustCompile(`(?i)^(` +
	`[a-z]{2,3}(-[a-z]{3}){0,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*` +
	`(-[0-9a-wyz](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?` +
	`|x(-[a-z0-9]{1,8})+` +
	`|en-gb-oed|i-(ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)|sgn-(be-fr|be-nl|ch-de)` +
	`)$`)

func checkLanguage(s string) string {
	if languageTag.MatchString(s) {
		return ""
	}
	return "is no language tag of BCP 47: write the code of a language, as in en, or that and more with hyphens, as in en-GB"
}

// language checks the code of a Coding that says it is of BCP 47.
func (w *walk) language(coding *fhir.Object) {
	if coding.Text("system") != bcp47 {
		return
	}
	if code := coding.Text("code"); code != "" {
		if wrong := checkLanguage(code); wrong != "" {
			w.faultAt("code", fhir.CodeCodeInvalid, fhir.Quote(code)+" "+wrong+".")
		}
	}
}
