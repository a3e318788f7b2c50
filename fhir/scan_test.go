package fhir_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
)

// RFC 8259, section 7.
func TestParseJSONReadsStrings(t *testing.T) {
	scenarios := []struct{ text, want string }{
		{`""`, ""},
		{`"plain é 🏠"`, "plain é 🏠"},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{`"\u0000\u001f\u00e9\u00E9\u2028"`, "\x00\x1féé\u2028"},
		{`"a\ud83c\udfe0z"`, "a🏠z"},
		{`"\uD800\uDC00\uDBFF\uDFFF"`, "\U00010000\U0010ffff"},
		{`"\ufffd\ufffe\uffff"`, "\ufffd\ufffe\uffff"},
		{`"\\u00e9"`, `\u00e9`},
		{"\"\x7f\u2028\u0085\"", "\x7f\u2028\u0085"},
	}
	for _, s := range scenarios {
		if got := mustParse(t, s.text); got != s.want {
			t.Errorf("%s was read as %q, want %q", s.text, got, s.want)
		}
	}
}

func TestParseJSONRefusesStrings(t *testing.T) {
	const noEscape = `A backslash begins an escape such as \n or \u00e9, but here it does not`
	half := func(escape string) string {
		return "The escape " + escape + " is half of a surrogate pair, which is no character"
	}
	scenarios := []struct{ text, detail string }{
		{`"`, "The JSON text ends inside a string (line 1, column 2)."},
		{`"\n`, "The JSON text ends inside a string (line 1, column 4)."},
		{"\"a\nb\"", `A control character must be escaped inside a string, but there is '\n' (line 1, column 3).`},
		{"\"\\t\tb\"", `A control character must be escaped inside a string, but there is '\t' (line 1, column 4).`},
		{"\"\x00\"", `A control character must be escaped inside a string, but there is '\x00' (line 1, column 2).`},
		{`"\`, noEscape + " (line 1, column 2)."},
		{`"é\x"`, noEscape + " (line 1, column 3)."},
		{`"\u"`, noEscape + " (line 1, column 2)."},
		{`"\u12`, noEscape + " (line 1, column 2)."},
		{`"\u12g4"`, noEscape + " (line 1, column 2)."},
		{`"\u+123"`, noEscape + " (line 1, column 2)."},
		{`"\u1_23"`, noEscape + " (line 1, column 2)."},
		{`"\U0041"`, noEscape + " (line 1, column 2)."},
		{`"\ud83c"`, half(`\ud83c`) + " (line 1, column 2)."},
		{`"\ud83cx\udfe0"`, half(`\ud83c`) + " (line 1, column 2)."},
		{`"\ud83c\n"`, half(`\ud83c`) + " (line 1, column 2)."},
		{`"\ud83c\ud83c\udfe0"`, half(`\ud83c`) + " (line 1, column 2)."},
		{`"x\uDFE0\uD83C"`, half(`\uDFE0`) + " (line 1, column 3)."},
		{`"\ud83c\udfe`, half(`\ud83c`) + " (line 1, column 2)."},
	}
	for _, s := range scenarios {
		_, err := fhir.ParseJSON([]byte(s.text))
		if diff := cmp.Diff([]string{"structure : " + s.detail}, issues(t, err)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", s.text, diff)
		}
	}
}

// https://hl7.org/fhir/R4/json.html#primitive: the precision of a decimal is kept, "1.10" is not "1.1".
func TestParseJSONKeepsNumbersAsWritten(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "-0.0", "0.00", "1.10", "-12", "1e400", "1E400", "1e+400", "1.0e-7", "0e0", "1e00", "1e007", "64.50",
		strings.Repeat("9", 34), "-" + strings.Repeat("9", 34), "0." + strings.Repeat("9", 34), "1." + strings.Repeat("0", 33),
		"0.0000000000000000000000000000000000000000000000000000000000001",
		"0." + strings.Repeat("0", 6175) + "1",
		"1e6111", "0e6111", "1e-6176", "1.5e-6175", "1.5e6112", "0e-6176",
	} {
		if got := mustParse(t, text); got != fhir.Number(text) {
			t.Errorf("%s was read as %v", text, got)
		}
	}
}

func TestParseJSONRefusesNumbers(t *testing.T) {
	const (
		digits   = "has more than the 34 significant digits that are kept"
		outside  = "is out of range: the exponent of its last digit is -6176 to 6111"
		atOnce   = " (line 1, column 1)."
		asNumber = "The number %s %s" + atOnce
	)
	needless := func(n string) string {
		return "A number does not begin with a needless zero, but there is " + n + atOnce
	}
	long := strings.Repeat("9", 35)
	scenarios := []struct{ text, code, detail string }{
		{"01", "structure", needless("01")},
		{"-00", "structure", needless("-00")},
		{"00.5", "structure", needless("00.5")},
		{"-", "structure", "A digit should follow the minus sign, but there is the end of the text (line 1, column 2)."},
		{"--1", "structure", "A digit should follow the minus sign, but there is '-' (line 1, column 2)."},
		{"+1", "structure", "A value should begin here, but there is '+'" + atOnce},
		{".5", "structure", "A value should begin here, but there is '.'" + atOnce},
		{"-.5", "structure", "A digit should follow the minus sign, but there is '.' (line 1, column 2)."},
		{"1.", "structure", "A digit should follow the decimal point, but there is the end of the text (line 1, column 3)."},
		{"1.e5", "structure", "A digit should follow the decimal point, but there is 'e' (line 1, column 3)."},
		{"1e", "structure", "A digit should follow the exponent's beginning, but there is the end of the text (line 1, column 3)."},
		{"1e+", "structure", "A digit should follow the exponent's beginning, but there is the end of the text (line 1, column 4)."},
		{"1e+-5", "structure", "A digit should follow the exponent's beginning, but there is '-' (line 1, column 4)."},
		{"1e5.0", "structure", "The JSON text goes on behind its end, with '.' (line 1, column 4)."},
		{"0x10", "structure", "The JSON text goes on behind its end, with 'x' (line 1, column 2)."},
		{"1_000", "structure", "The JSON text goes on behind its end, with '_' (line 1, column 2)."},
		{"1,5", "structure", "The JSON text goes on behind its end, with ',' (line 1, column 2)."},
		{"-Infinity", "structure", "A digit should follow the minus sign, but there is 'I' (line 1, column 2)."},
		{"١", "structure", "A value should begin here, but there is '١'" + atOnce},
		{long, "value", fmt.Sprintf(asNumber, long, digits)},
		{"1" + long[1:] + "e5", "value", fmt.Sprintf(asNumber, "1"+long[1:]+"e5", digits)},
		{"1." + strings.Repeat("0", 34), "value", fmt.Sprintf(asNumber, "1."+strings.Repeat("0", 34), digits)},
		{"0." + long, "value", fmt.Sprintf(asNumber, "0."+long, digits)},
		{"1" + strings.Repeat("0", 99), "value", fmt.Sprintf(asNumber, "1"+strings.Repeat("0", 59)+"…", digits)},
		{"1e6112", "value", fmt.Sprintf(asNumber, "1e6112", outside)},
		{"1.5e6113", "value", fmt.Sprintf(asNumber, "1.5e6113", outside)},
		{"0e6112", "value", fmt.Sprintf(asNumber, "0e6112", outside)},
		{"1e-6177", "value", fmt.Sprintf(asNumber, "1e-6177", outside)},
		{"1.5e-6176", "value", fmt.Sprintf(asNumber, "1.5e-6176", outside)},
		{"1e9223372036854775808", "value", fmt.Sprintf(asNumber, "1e9223372036854775808", outside)},
		{"1.5e-9223372036854775808", "value", fmt.Sprintf(asNumber, "1.5e-9223372036854775808", outside)},
	}
	for _, s := range scenarios {
		_, err := fhir.ParseJSON([]byte(s.text))
		if diff := cmp.Diff([]string{s.code + " : " + s.detail}, issues(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.text, diff)
		}
	}
}

// documentedReason says why a text that encoding/json reads is refused, as the docstring of ParseJSON has it, or "". It
// finds out in another way than the parser does.
func documentedReason(text []byte) string {
	switch {
	case !utf8.Valid(text):
		return "not UTF-8"
	case halfSurrogate(string(text)):
		return "half of a surrogate pair"
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var open []*standardLevel
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		if reason := refusedToken(token, open); reason != "" {
			return reason
		}
		switch token {
		case json.Delim('{'):
			open = append(open, &standardLevel{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, &standardLevel{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > fhir.MaxDepth {
			return "too deep"
		}
	}
}

// standardLevel is an object or array that is open in documentedReason.
type standardLevel struct {
	names map[string]bool // nil for an array
	value bool            // in an object: whether the next token is a value
}

func refusedToken(token json.Token, open []*standardLevel) string {
	if len(open) > 0 && token != json.Delim('}') && token != json.Delim(']') {
		level := open[len(open)-1]
		if name, ok := token.(string); ok && level.names != nil && !level.value {
			if level.names[name] {
				return "a name comes twice"
			}
			level.names[name] = true
			level.value = true
			return ""
		}
		level.value = false
	}
	if n, ok := token.(json.Number); ok && unkeptNumber(string(n)) {
		return "a number that Decimal128 cannot keep"
	}
	return ""
}

var (
	surrogatePair = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)
	surrogate     = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}`)
)

func halfSurrogate(text string) bool {
	text = strings.ReplaceAll(text, `\\`, "__") // escaped backslashes begin no escape
	return surrogate.MatchString(surrogatePair.ReplaceAllString(text, ""))
}

// unkeptNumber tells from the coefficient and the exponent of https://en.wikipedia.org/wiki/Decimal128_floating-point_format.
func unkeptNumber(n string) bool {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	coefficient, _ := new(big.Int).SetString(whole+fraction, 10)
	power := new(big.Int)
	if exponent != "" {
		power.SetString(strings.TrimPrefix(exponent, "+"), 10)
	}
	power.Sub(power, big.NewInt(int64(len(fraction))))
	return len(strings.TrimPrefix(coefficient.String(), "-")) > 34 ||
		power.Cmp(big.NewInt(-6176)) < 0 || power.Cmp(big.NewInt(6111)) > 0
}
