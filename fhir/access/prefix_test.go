package access_test

import (
	"testing"

	"github.com/portico-health/portico/fhir/access"
)

// TestParsePrefix: "" stands for an error.
func TestParsePrefix(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.0/24":        "192.0.2.0/24",
		"192.0.2.77/24":       "192.0.2.0/24",
		"192.0.2.77":          "192.0.2.77/32",
		"::ffff:192.0.2.77":   "192.0.2.77/32",
		"2001:db8::1":         "2001:db8::1/128",
		"2001:db8::1/32":      "2001:db8::/32",
		"fe80::1%eth0":        "",
		"fe80::1%eth0/64":     "",
		"192.0.2.0/33":        "",
		"192.0.2.0/":          "",
		"192.0.2":             "",
		"clients.example.org": "",
		"":                    "",
	} {
		got, err := access.ParsePrefix(text)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q is %v (%v), want %q", text, got, err, want)
		}
	}
}
