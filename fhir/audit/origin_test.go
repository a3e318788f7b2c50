package audit_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
)

func TestOrigins(t *testing.T) {
	for _, test := range []struct {
		who         fhir.Principal
		interaction audit.Interaction
		origin      string
	}{
		{fhir.Principal{}, "", "   "},
		{fhir.Principal{Client: "live_2cV9xQ4mT7bK1nR8sW3yZ6", Request: "7f3c9b1e-ward-4", Address: "203.0.113.17"}, audit.Update, "update live_2cV9xQ4mT7bK1nR8sW3yZ6 7f3c9b1e-ward-4 203.0.113.17"},
		{fhir.Principal{Address: "2001:db8::1%eth0"}, audit.Delete, "delete   2001:db8::1%25eth0"},
		{fhir.Principal{Client: "a b/c", Request: "\n\x00\xff", Address: "é"}, "%20", "%2520 a%20b%2Fc %0A%00%FF %C3%A9"},
	} {
		if got := audit.OriginOf(test.who, test.interaction); got != test.origin {
			t.Errorf("%+v, %s: %q, want %q", test.who, test.interaction, got, test.origin)
		}
		who, interaction := audit.ParseOrigin(test.origin)
		if diff := cmp.Diff(test.who, who); diff != "" || interaction != test.interaction {
			t.Errorf("%q is read as %s: -want +got:\n%s", test.origin, interaction, diff)
		}
	}
	for _, origin := range []string{"", " ", "  ", "    ", "somebody", "a b c", "a b c d e", "a b c %", "a b c %g0", "a b c \n", "a b c é", "a b c %41", "a b c %c3%a9"} {
		if who, i := audit.ParseOrigin(origin); i != "" || who.Client+who.Request+who.Address != "" {
			t.Errorf("%q is read as %+v, %s", origin, who, i)
		}
	}
}

// Whatever the texts are, what comes back of them is what they begin with, and all of those that are no longer than such texts are.
func TestOriginRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string, usual int) string {
			if rapid.Bool().Draw(t, name+" is text") {
				return rapid.StringN(0, usual, 4_000).Draw(t, name)
			}
			return string(rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, name))
		}
		who := fhir.Principal{Client: text("client", 200), Request: text("request", 200), Address: text("address", 100)}
		interaction := audit.Interaction(text("interaction", 50))
		origin := audit.OriginOf(who, interaction)
		if err := storage.CheckOrigin(origin); err != nil {
			t.Fatalf("%q: %v", origin, err)
		}
		got, i := audit.ParseOrigin(origin)
		for name, is := range map[string]struct {
			was, is string
			most    int
		}{
			"client": {who.Client, got.Client, 128}, "request": {who.Request, got.Request, 96}, "address": {who.Address, got.Address, 64}, "interaction": {string(interaction), string(i), 32},
		} {
			if !strings.HasPrefix(is.was, is.is) || len(is.was) <= is.most && is.is != is.was || len(is.was) > is.most && len(is.is) < is.most-utf8.UTFMax && utf8.ValidString(is.was) {
				t.Errorf("%s %q comes back as %q", name, is.was, is.is)
			}
			if utf8.ValidString(is.was) && !utf8.ValidString(is.is) {
				t.Errorf("%s %q is cut within a character", name, is.is)
			}
		}
		if again := audit.OriginOf(got, i); again != origin {
			t.Errorf("%q becomes %q", origin, again)
		}
	})
}

func FuzzOrigin(f *testing.F) {
	f.Add("update live_2cV9xQ4mT7bK1nR8sW3yZ6 7f3c9b1e-ward-4 203.0.113.17")
	f.Add("create   %C3%A9")
	f.Add("a b c %")
	f.Fuzz(func(t *testing.T, origin string) {
		who, i := audit.ParseOrigin(origin)
		if i == "" && who.Client+who.Request+who.Address == "" {
			return
		}
		again, j := audit.ParseOrigin(audit.OriginOf(who, i))
		if long := len(who.Client) > 128 || len(who.Request) > 96 || len(who.Address) > 64 || len(i) > 32; long {
			return
		}
		if diff := cmp.Diff(who, again); diff != "" || i != j {
			t.Errorf("%q is read as %s, then as %s: -first +second:\n%s", origin, i, j, diff)
		}
	})
}
