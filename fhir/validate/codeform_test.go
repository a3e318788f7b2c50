package validate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
)

const (
	noMediaType = "is no media type: write type/subtype, as in application/pdf, with any parameters behind a semicolon"
	noFormat    = "is no format: write xml, json, ttl or a media type such as application/fhir+json"
	noCurrency  = "is no currency: write the three capital letters of ISO 4217, as in GBP"
	noLanguage  = "is no language tag of BCP 47: write the code of a language, as in en, or that and more with hyphens, as in en-GB"
)

// TestCodeForms: codes of lists that R4 does not hold are checked by their form.
func TestCodeForms(t *testing.T) {
	const capabilities = `{"resourceType":"CapabilityStatement","status":"draft","date":"2026","kind":"requirements","fhirVersion":"4.0.1","description":"x","format":["…"]}`
	for _, tt := range []struct {
		frame, path, wrong string
		good, bad          []string
	}{
		{`{"resourceType":"Patient","photo":[{"contentType":"…"}]}`, "Patient.photo[0].contentType", noMediaType,
			[]string{"image/png", "Image/PNG", "application/fhir+json", "application/vnd.ms-excel", "x/y", "text/plain; charset=utf-8", "text/plain;charset=utf-8;format=flowed",
				`text/plain; charset=\"utf 8; \\\\ x\"`, "application/dicom; variant=DICOM WADO-RS"},
			[]string{"pdf", "json", "image/", "/png", "image png", "image/png/x", "image /png", "image/p(g", "*/*", "text/plain;", "text/plain; charset", "text/plain; charset=",
				"text/plain, text/html", "text/plain; =x", "bild/größe", "text/" + strings.Repeat("x", 128)}},
		{capabilities, "CapabilityStatement.format[0]", noFormat, []string{"json", "xml", "ttl", "application/fhir+xml"}, []string{"pdf", "JSON", "yaml"}},
		{`{"resourceType":"Subscription","status":"requested","reason":"x","criteria":"Slot?","channel":{"type":"rest-hook","endpoint":"https://example.org","payload":"…"}}`,
			"Subscription.channel.payload", noMediaType, []string{"application/fhir+json"}, []string{"json"}},
		{extended, "Basic.extension[0].value.currency", noCurrency,
			[]string{`"valueMoney":{"value":1,"currency":"GBP"}`}, []string{`"valueMoney":{"value":1,"currency":"gbp"}`, `"valueMoney":{"value":1,"currency":"GBPS"}`,
				`"valueMoney":{"value":1,"currency":"£"}`, `"valueMoney":{"value":1,"currency":"G1P"}`}},
		{`{"resourceType":"Patient","language":"…"}`, "Patient.language", noLanguage,
			[]string{"en", "EN-gb", "cy", "mas", "zh-Hant-TW", "zh-cmn-Hans-CN", "de-CH-1901", "sl-rozaj-biske-1994", "es-419", "en-a-bbb-x-a-ccc", "x-whatever", "i-klingon", "sgn-BE-FR", "en-GB-oed"},
			[]string{"english", "e", "en_GB", "en-", "-en", "en--GB", "en GB", "en-GB-US", "en-x", "en-a", "i-nothing", "12", "en-GB-toolongasubtag", "français"}},
		{`{"resourceType":"Patient","photo":[{"title":"x","language":"…"}]}`, "Patient.photo[0].language", noLanguage, []string{"en"}, []string{"english"}},
		{`{"resourceType":"Patient","communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"…"}]}}]}`, "Patient.communication[0].language.coding[0].code", noLanguage,
			[]string{"en-GB"}, []string{"English", "en_GB"}},
		{`{"resourceType":"Patient","communication":[{"language":{"coding":[{"system":"http://example.org","code":"…"}]}}]}`, "", "", []string{"English"}, nil},
		{extended, "", "", []string{`"valueExpression":{"language":"text/cql","expression":"x"}`}, nil},
	} {
		for _, code := range tt.good {
			if issues, _ := check(t, strings.Replace(tt.frame, "…", code, 1)); issues != nil {
				t.Errorf("%s is refused: %q", code, issues)
			}
		}
		for _, code := range tt.bad {
			refuseCode(t, strings.Replace(tt.frame, "…", code, 1), tt.path, tt.wrong)
		}
	}
}

// refuseCode checks that a resource is refused for one code alone.
func refuseCode(t *testing.T, resource, path, wrong string) {
	t.Helper()
	issues := fhir.AsError(shared.Check(parse(t, resource)))
	if issues == nil || len(issues.Issues) != 1 {
		t.Errorf("%s: %v, want one issue", resource, issues)
		return
	}
	issue := issues.Issues[0]
	_, sentence, _ := strings.Cut(issue.Detail, `" `)
	got := []string{string(issue.Code), issue.Path, sentence}
	if diff := cmp.Diff([]string{string(fhir.CodeCodeInvalid), path, wrong + "."}, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", resource, diff)
	}
}
