package validate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
)

// extension puts a value of a primitive type into a resource: extensions take all of them.
func extension(typeCode, value string) string {
	return `{"resourceType":"Basic","code":{"text":"x"},"extension":[{"url":"http://example.org/x","value` +
		strings.ToUpper(typeCode[:1]) + typeCode[1:] + `":` + value + `}]}`
}

const (
	noCode    = "is no code: a code has no whitespace but single spaces between other characters"
	noDate    = "is not a date: write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset such as +01:00"
	noSeconds = "has a time without seconds: write YYYY-MM-DDThh:mm:ss with Z or an offset such as +01:00"
	noZone    = "has a time but no zone: add Z for UTC, or an offset such as +01:00"
	noInstant = "is no instant, which has a time: write YYYY-MM-DDThh:mm:ss with Z or an offset such as +01:00"
	noTime    = "is no time: write hh:mm:ss, without a zone"
	noOID     = "is no OID: write urn:oid: and the numbers with points between them, as in urn:oid:1.2.3"
	noUUID    = "is no UUID: write urn:uuid: and the UUID in lower case, as in urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
	noBase64  = "is no base64: it must be padded with = to a multiple of four characters"
	noInteger = "is no integer: write it without a decimal point and without an exponent"
	noURI     = "is no URI: there is whitespace in it"
)

// TestPrimitiveForms: the form of each primitive type, https://hl7.org/fhir/R4/datatypes.html#primitive.
func TestPrimitiveForms(t *testing.T) {
	for _, tt := range []struct {
		typeCode, value, wrong string // wrong is "" for a good value
	}{
		{"string", `"a"`, ""},
		{"string", `"\ttab, line\r\n and   spaces "`, ""},
		{"string", `"a\u0001"`, "has a control character in it; only tab, carriage return and line feed may occur"},
		{"string", `"a\u0000"`, "has a control character in it; only tab, carriage return and line feed may occur"},
		{"markdown", `"# A\n\n*b*"`, ""},
		{"markdown", `"a\u001b"`, "has a control character in it; only tab, carriage return and line feed may occur"},
		{"code", `"a"`, ""},
		{"code", `"a b c"`, ""},
		{"code", `" a"`, noCode},
		{"code", `"a  b"`, noCode},
		{"code", `"a\tb"`, noCode},
		{"code", `"a "`, "is no code: a code does not end in a space"},
		{"code", `" "`, noCode},
		{"id", `"a-B.9"`, ""},
		{"id", `"a_b"`, "is no id: an id is 1 to 64 characters of A-Z a-z 0-9 . and -"},
		{"uri", `"urn:iso:std:iso:3166"`, ""},
		{"uri", `"a b"`, noURI},
		{"url", `"http://example.org/a?b=c#d"`, ""},
		{"url", `"http://example.org/\n"`, noURI},
		{"canonical", `"http://example.org/x|1.2"`, ""},
		{"canonical", `"http://example.org/x |1.2"`, noURI},
		{"oid", `"urn:oid:2.16.840.1.113883.3.1"`, ""},
		{"oid", `"urn:oid:0.0"`, ""},
		{"oid", `"2.16.840"`, noOID},
		{"oid", `"urn:oid:3.1"`, noOID},
		{"oid", `"urn:oid:1.02"`, noOID},
		{"oid", `"urn:oid:1."`, noOID},
		{"oid", `"urn:oid:2"`, noOID},
		{"uuid", `"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"`, ""},
		{"uuid", `"urn:uuid:C757873D-EC9A-4326-A141-556F43239520"`, noUUID},
		{"uuid", `"c757873d-ec9a-4326-a141-556f43239520"`, noUUID},
		{"uuid", `"urn:uuid:c757873dec9a-4326-a141-556f432395201"`, noUUID},
		{"base64Binary", `"SGVsbG8="`, ""},
		{"base64Binary", `"SGVs\n  bG8="`, ""},
		{"base64Binary", `"SGVsbG8"`, noBase64},
		{"base64Binary", `"===="`, noBase64},
		{"base64Binary", `"SGVs="`, noBase64},
		{"base64Binary", `"SG=VsbG8"`, "is no base64: something follows the padding"},
		{"base64Binary", `"SGVs-G8="`, "is no base64: it may have A-Z a-z 0-9 + / and = at its end"},
		{"boolean", `true`, ""},
		{"decimal", `1.20e-5`, ""},
		{"decimal", `-0`, ""},
		{"integer", `0`, ""},
		{"integer", `2147483647`, ""},
		{"integer", `-2147483648`, ""},
		{"integer", `2147483648`, "is out of range: an integer is -2147483648 to 2147483647"},
		{"integer", `-2147483649`, "is out of range: an integer is -2147483648 to 2147483647"},
		{"integer", `12345678901234567890`, "is out of range: an integer is -2147483648 to 2147483647"},
		{"integer", `1.0`, noInteger},
		{"integer", `1e2`, noInteger},
		{"unsignedInt", `0`, ""},
		{"unsignedInt", `-1`, "is out of range: it must be 0 to 2147483647"},
		{"unsignedInt", `0.5`, noInteger},
		{"positiveInt", `1`, ""},
		{"positiveInt", `0`, "is out of range: it must be 1 to 2147483647"},
		{"positiveInt", `-0`, "is out of range: it must be 1 to 2147483647"},
		{"date", `"1970"`, ""},
		{"date", `"1970-02"`, ""},
		{"date", `"1972-02-29"`, ""},
		{"date", `"1970-02-29"`, "is not a date: the day is 01 to 28 in that month"},
		{"date", `"1970-13"`, "is not a date: the month is 01 to 12"},
		{"date", `"0000"`, "is not a date: the year is 0001 to 9999"},
		{"date", `"31/02/1970"`, noDate},
		{"date", `"1970-1-1"`, noDate},
		{"date", `"1970-01-01T00:00:00Z"`, "has a time, but a date has none: write YYYY, YYYY-MM or YYYY-MM-DD"},
		{"dateTime", `"1970"`, ""},
		{"dateTime", `"1970-01-01"`, ""},
		{"dateTime", `"1970-01-01T10:00:00Z"`, ""},
		{"dateTime", `"2016-12-31T23:59:60Z"`, ""},
		{"dateTime", `"1970-01-01T10:00:00"`, noZone},
		{"dateTime", `"1970-01-01T10:00:00.123"`, noZone},
		{"dateTime", `"1970-01-01T10:00"`, noSeconds},
		{"dateTime", `"1970-01-01T10:00Z"`, noSeconds},
		{"dateTime", `"1970-01-01T24:00:00Z"`, "is not a date: the hour is 00 to 23"},
		{"dateTime", `"1970-01-01 10:00:00Z"`, noDate},
		{"instant", `"1970-01-01T10:00:00.5Z"`, ""},
		{"instant", `"1970-01-01"`, noInstant},
		{"instant", `"1970-01-01T10:00:00"`, noZone},
		{"instant", `"1970-01-01T10:00Z"`, noSeconds},
		{"time", `"09:30:00"`, ""},
		{"time", `"23:59:60.999"`, ""},
		{"time", `"09:30"`, noTime},
		{"time", `"09:30:00Z"`, noTime},
		{"time", `"09:30:00."`, noTime},
		{"time", `"0a:30:00"`, noTime},
		{"time", `"24:00:00"`, "is no time: the hour is 00 to 23, the minute 00 to 59, the second 00 to 59, or 60 for a leap second"},
	} {
		t.Run(tt.typeCode+" "+tt.value, func(t *testing.T) {
			issues, kind := check(t, extension(tt.typeCode, tt.value))
			if tt.wrong == "" {
				if issues != nil {
					t.Errorf("refused: %q", issues)
				}
				return
			}
			written := tt.value
			if tt.value[0] != '"' {
				written = "The number " + written
			}
			want := []string{"value Basic.extension[0].value: " + written + " " + tt.wrong + "."}
			if diff := cmp.Diff(want, issues); diff != "" || !errors.Is(kind, fhir.Invalid) {
				t.Errorf("kind %v, issues (-want +got):\n%s", kind, diff)
			}
		})
	}
}

func TestLongestString(t *testing.T) {
	long := strings.Repeat("ü", 1<<20)
	if issues, _ := check(t, extension("string", `"`+long+`"`)); issues != nil {
		t.Errorf("1 048 576 characters are refused: %.200q", issues)
	}
	if _, kind := check(t, extension("string", `"`+long+`ü"`)); !errors.Is(kind, fhir.Invalid) {
		t.Error("1 048 577 characters are accepted")
	}
	if issues, _ := check(t, extension("base64Binary", `"`+strings.Repeat("AAAA", 1<<19)+`"`)); issues != nil {
		t.Errorf("2 MB of base64, which has no limit, are refused: %.200q", issues)
	}
}

// TestPadding: the two arrays of a repeating primitive, https://hl7.org/fhir/R4/json.html#primitive.
func TestPadding(t *testing.T) {
	const absent = `{"extension":[{"url":"http://example.org/absent","valueCode":"unknown"}]}`
	const neither = "There is neither a value nor an extension: null may stand in given only where _given has an object at the same place."
	testAccepted(t, map[string]string{
		"values alone":             `{"resourceType":"Patient","name":[{"given":["A","B"]}]}`,
		"a value without, one by":  `{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null,` + absent + `]}]}`,
		"extensions alone":         `{"resourceType":"Patient","name":[{"_given":[` + absent + `,` + absent + `]}]}`,
		"ids beside values":        `{"resourceType":"Patient","name":[{"given":["A","B"],"_given":[{"id":"x"},null]}]}`,
		"single value and its id":  `{"resourceType":"Patient","birthDate":"1970-01-01","_birthDate":{"id":"x"}}`,
		"single by its extensions": `{"resourceType":"Patient","_birthDate":` + absent + `}`,
	})
	testRefusals(t, fhir.Invalid, []refusal{
		{"null without a sibling", `{"resourceType":"Patient","name":[{"given":["A",null]}]}`, []string{
			`structure Patient.name[0].given[1]: ` + neither,
		}},
		{"null in both", `{"resourceType":"Patient","name":[{"given":["A",null],"_given":[` + absent + `,null]}]}`, []string{
			`structure Patient.name[0].given[1]: ` + neither,
		}},
		{"null alone", `{"resourceType":"Patient","name":[{"_given":[null]}]}`, []string{
			`structure Patient.name[0].given[0]: ` + neither,
		}},
		{"unequal length", `{"resourceType":"Patient","name":[{"given":["A"],"_given":[null,` + absent + `]}]}`, []string{
			`structure Patient.name[0].given: given and _given must be equally long, with null where one has nothing to say, but they have 1 and 2 entries.`,
		}},
		{"object for an array", `{"resourceType":"Patient","name":[{"given":["A"],"_given":{"id":"x"}}]}`, []string{
			`structure Patient.name[0].given: _given may occur several times and must be an array, also for one value, but it is an object.`,
		}},
		{"string for an object", `{"resourceType":"Patient","birthDate":"1970","_birthDate":"x"}`, []string{
			`structure Patient.birthDate: _birthDate must be an object with the id or the extensions of a value, but it is the string "x".`,
		}},
		{"unknown element of the sibling", `{"resourceType":"Patient","birthDate":"1970","_birthDate":{"url":"x","id":"a"}}`, []string{
			`structure Patient.birthDate.url: "url" is no element of date.`,
		}},
		{"faults below the sibling", `{"resourceType":"Patient","_birthDate":{"extension":[{"url":"http://example.org/x","valueDateTime":"2020-01-01T10:00"}]}}`, []string{
			`value Patient.birthDate.extension[0].value: "2020-01-01T10:00" ` + noSeconds + `.`,
		}},
	})
	testRefusals(t, fhir.Unprocessable, []refusal{
		{"an id and nothing else", `{"resourceType":"Patient","_birthDate":{"id":"x"},"name":[{"_given":[{"id":"y"}]}]}`, []string{
			`invariant Patient.birthDate: There is an id but neither a value nor an extension (ele-1).`,
			`invariant Patient.name[0].given[0]: There is an id but neither a value nor an extension (ele-1).`,
		}},
	})
}
