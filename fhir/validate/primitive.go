package validate

import (
	"strings"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
)

// format is the form of a primitive type (https://hl7.org/fhir/R4/datatypes.html#primitive). The checks return what is wrong, as the
// end of a sentence that begins with the value ("has a space in it"), or "".
type format struct {
	json    string              // its type in JSON
	text    func(string) string // of a string; nil for any
	instant func(fhir.DateTime) string
	link    bool // may point into the resource with "#"
}

var formats = map[string]*format{
	"base64Binary": {json: "string", text: checkBase64},
	"boolean":      {json: "boolean"},
	"canonical":    {json: "string", text: checkURI, link: true},
	"code":         {json: "string", text: checkCode},
	"date":         {json: "string", instant: checkDate},
	"dateTime":     {json: "string", instant: checkDateTime},
	"decimal":      {json: "number"},
	"id":           {json: "string", text: checkID},
	"instant":      {json: "string", instant: checkInstant},
	"integer":      {json: "number", text: checkInteger},
	"markdown":     {json: "string", text: checkString},
	"oid":          {json: "string", text: checkOID},
	"positiveInt":  {json: "number", text: checkPositive},
	"string":       {json: "string", text: checkString},
	"time":         {json: "string", text: checkTime},
	"unsignedInt":  {json: "number", text: checkUnsigned},
	"uri":          {json: "string", text: checkURI, link: true},
	"url":          {json: "string", text: checkURI, link: true},
	"uuid":         {json: "string", text: checkUUID},
	"xhtml":        {json: "string"}, // see narrative.go
}

// maxString is the length of a string, in characters: https://hl7.org/fhir/R4/datatypes.html#string.
const maxString = 1 << 20

func checkString(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return "has a control character in it; only tab, carriage return and line feed may occur"
		}
	}
	if len(s) > maxString && utf8.RuneCountInString(s) > maxString {
		return "is longer than 1 048 576 characters"
	}
	return ""
}

// checkCode: no whitespace but single spaces inside (https://hl7.org/fhir/R4/datatypes.html#code).
func checkCode(s string) string {
	space := true // so that one at the start is the second
	for i := range len(s) {
		if s[i] == ' ' && space || s[i] < ' ' {
			return "is no code: a code has no whitespace but single spaces between other characters"
		}
		space = s[i] == ' '
	}
	if space {
		return "is no code: a code does not end in a space"
	}
	return checkString(s)
}

func checkID(s string) string {
	if fhir.ValidID(s) {
		return ""
	}
	return "is no id: an id is 1 to 64 characters of A-Z a-z 0-9 . and -"
}

// checkURI: R4 knows no whitespace in a URI, and otherwise leaves it to its scheme.
func checkURI(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "is no URI: there is whitespace in it"
	}
	return ""
}

func checkOID(s string) string {
	const wrong = "is no OID: write urn:oid: and the numbers with points between them, as in urn:oid:1.2.3"
	arcs, ok := strings.CutPrefix(s, "urn:oid:")
	if !ok || len(arcs) < 3 || arcs[0] > '2' || arcs[1] != '.' {
		return wrong
	}
	for arc := range strings.SplitSeq(arcs, ".") {
		if !isDigits(arc) || (len(arc) > 1 && arc[0] == '0') {
			return wrong
		}
	}
	return ""
}

func checkUUID(s string) string {
	const wrong = "is no UUID: write urn:uuid: and the UUID in lower case, as in urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
	uuid, ok := strings.CutPrefix(s, "urn:uuid:")
	if !ok || len(uuid) != 36 {
		return wrong
	}
	for i := range len(uuid) {
		c := uuid[i]
		switch hyphen := i == 8 || i == 13 || i == 18 || i == 23; {
		case hyphen && c != '-', !hyphen && (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return wrong
		}
	}
	return ""
}

// checkBase64 reads RFC 4648 with padding; whitespace may stand anywhere (https://hl7.org/fhir/R4/datatypes.html#base64Binary).
func checkBase64(s string) string {
	digits, padding := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == '=':
			padding++
		case padding > 0:
			return "is no base64: something follows the padding"
		case c == '+' || c == '/' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'):
			digits++
		default:
			return "is no base64: it may have A-Z a-z 0-9 + / and = at its end"
		}
	}
	if padding > 2 || digits == 0 || (digits+padding)%4 != 0 {
		return "is no base64: it must be padded with = to a multiple of four characters"
	}
	return ""
}

func checkTime(s string) string {
	const wrong = "is no time: write hh:mm:ss, without a zone"
	clock, fraction, hasFraction := strings.Cut(s, ".")
	if len(clock) != 8 || clock[2] != ':' || clock[5] != ':' || (hasFraction && !isDigits(fraction)) {
		return wrong
	}
	hour, minute, second := clock[:2], clock[3:5], clock[6:]
	if !isDigits(hour) || !isDigits(minute) || !isDigits(second) {
		return wrong
	}
	if hour > "23" || minute > "59" || second > "60" {
		return "is no time: the hour is 00 to 23, the minute 00 to 59, the second 00 to 59, or 60 for a leap second"
	}
	return ""
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func checkInteger(s string) string {
	digits, negative := strings.CutPrefix(s, "-")
	switch {
	case !isDigits(digits):
		return "is no integer: write it without a decimal point and without an exponent"
	case negative && beyond(digits, "2147483648"), !negative && beyond(digits, "2147483647"):
		return "is out of range: an integer is -2147483648 to 2147483647"
	default:
		return ""
	}
}

func checkUnsigned(s string) string {
	if wrong := checkInteger(s); wrong != "" {
		return wrong
	}
	if s[0] == '-' && s != "-0" {
		return "is out of range: it must be 0 to 2147483647"
	}
	return ""
}

func checkPositive(s string) string {
	if wrong := checkInteger(s); wrong != "" {
		return wrong
	}
	if s[0] == '-' || s == "0" {
		return "is out of range: it must be 1 to 2147483647"
	}
	return ""
}

// beyond compares digits without leading zeros.
func beyond(digits, most string) bool {
	return len(digits) > len(most) || (len(digits) == len(most) && digits > most)
}
