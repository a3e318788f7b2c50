package rest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
)

func TestParseTags(t *testing.T) {
	tests := []struct {
		values []string
		want   tags
		bad    bool
	}{
		{values: nil},
		{values: []string{"*"}, want: tags{any: true}},
		{values: []string{` * `}, want: tags{any: true}},
		{values: []string{`W/"3"`}, want: tags{opaque: []string{"3"}}},
		{values: []string{`"3"`}, want: tags{opaque: []string{"3"}}},
		{values: []string{`3`}, want: tags{opaque: []string{"3"}}},
		{values: []string{`W/"1" , "2",3`}, want: tags{opaque: []string{"1", "2", "3"}}},
		{values: []string{`W/"1"`, `W/"2"`}, want: tags{opaque: []string{"1", "2"}}},
		{values: []string{`,"1",,"2",`}, want: tags{opaque: []string{"1", "2"}}},
		{values: []string{`"a,b"`}, want: tags{opaque: []string{"a,b"}}},
		{values: []string{`""`}, want: tags{opaque: []string{""}}},
		{values: []string{""}, bad: true},
		{values: []string{","}, bad: true},
		{values: []string{`"3`}, bad: true},
		{values: []string{`W/3`}, bad: true},
		{values: []string{`w/"3"`}, bad: true},
		{values: []string{`abc`}, bad: true},
		{values: []string{`0`}, bad: true},
		{values: []string{`-1`}, bad: true},
		{values: []string{`"1" "2"`}, bad: true},
		{values: []string{`"1", *`}, bad: true},
		{values: []string{`1 2`}, bad: true},
	}
	for _, tt := range tests {
		got, err := parseTags("If-Match", tt.values)
		if (err != nil) != tt.bad || got.any != tt.want.any || !slices.Equal(got.opaque, tt.want.opaque) {
			t.Errorf("%q: %+v, %v", tt.values, got, err)
		}
	}
}

// A list of tags is read as it was written, whatever stands between them.
func TestParseTagsReadsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opaque := rapid.SliceOfN(rapid.StringMatching(`[!#-~]{0,8}`), 1, 5).Draw(t, "opaque")
		between := rapid.SampledFrom([]string{",", ", ", " , ", ",\t,"}).Draw(t, "between")
		text := ""
		for i, o := range opaque {
			if i > 0 {
				text += between
			}
			text += rapid.SampledFrom([]string{"W/", ""}).Draw(t, "weak") + `"` + o + `"`
		}
		got, err := parseTags("If-Match", []string{text})
		if err != nil || got.any || !slices.Equal(got.opaque, opaque) {
			t.Fatalf("%s: %+v, %v", text, got, err)
		}
	})
}

// FuzzParseTags: no header makes the parser loop or panic, and what is read names what it says.
func FuzzParseTags(f *testing.F) {
	for _, seed := range []string{`W/"1"`, `*`, `"1",2`, `,,`, `W/`, `"`, `1 ,`, "\t"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, err := parseTags("If-Match", []string{header})
		switch {
		case err != nil && (got.any || got.opaque != nil):
			t.Errorf("%q: tags beside an error", header)
		case err == nil && !got.any && len(got.opaque) == 0:
			t.Errorf("%q: a precondition was passed over", header)
		}
		for _, o := range got.opaque {
			if n, ok := versionNumber(o); ok && !got.names(fhir.Version{Number: n}) {
				t.Errorf("%q names %d, but does not", header, n)
			}
		}
	})
}

func TestVersionNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Min(1).Draw(t, "n")
		if got, ok := versionNumber(strconv.FormatInt(n, 10)); !ok || got != n {
			t.Fatalf("%d: %d, %v", n, got, ok)
		}
	})
	for _, s := range []string{"", "0", "-1", "01", "+1", " 1", "1.0", "x", "9223372036854775808"} {
		if n, ok := versionNumber(s); ok {
			t.Errorf("%q is read as %d", s, n)
		}
	}
}

func TestParsePrefer(t *testing.T) {
	tests := []struct {
		headers []string
		want    preferences
	}{
		{nil, preferences{}},
		{[]string{"return=minimal"}, preferences{returns: "minimal"}},
		{[]string{"return=minimal", "handling=strict"}, preferences{"minimal", "strict"}},
		{[]string{`respond-async, RETURN="Representation" ; x=1, handling = lenient`}, preferences{"representation", "lenient"}},
		{[]string{"return=operationoutcome"}, preferences{returns: "OperationOutcome"}},
		{[]string{"return=minimal,return=minimal"}, preferences{returns: "minimal"}},
		{[]string{"return=minimal,return=representation"}, preferences{returns: "minimal"}},
		{[]string{"return=representation", "return=minimal"}, preferences{returns: "representation"}},
		{[]string{"handling=strict, handling=lenient"}, preferences{handling: "strict"}},
		{[]string{"handling=lenient, Handling=strict"}, preferences{handling: "lenient"}},
		{[]string{"return=all,return=minimal"}, preferences{}},
		{[]string{"return=all,handling=strictly"}, preferences{}},
		{[]string{"return", "=", ";;", ","}, preferences{}},
	}
	for _, tt := range tests {
		if got := parsePrefer(tt.headers); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.headers, got, tt.want)
		}
	}
}

func TestTraceID(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	tests := map[string]string{
		"00-" + trace + "-b7ad6b7169203331-01":                    trace,
		"cc-" + trace + "-b7ad6b7169203331-01":                    trace,
		"cc-" + trace + "-b7ad6b7169203331-01-what-comes":         trace,
		"00-" + trace + "-b7ad6b7169203331-01-x":                  "",
		"cc-" + trace + "-b7ad6b7169203331-01x":                   "",
		"ff-" + trace + "-b7ad6b7169203331-01":                    "",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-" + trace + "-0000000000000000-01":                    "",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": "",
		"00-" + trace + "-b7ad6b7169203331":                       "",
		"00_" + trace + "_b7ad6b7169203331_01":                    "",
		"":                                                        "",
	}
	for header, want := range tests {
		if got := traceID(header); got != want {
			t.Errorf("%q: %q", header, got)
		}
	}
}

// FuzzNegotiate: whatever a client accepts, the answer is one of the three media types or a refusal.
func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{"*/*", "application/fhir+json;q=0.5, text/*", ";", ",", "application/json; fhirVersion=4.0", "a/b;q=NaN", "*/*;q=-1"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, accept, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		r.Header.Set("Accept", accept)
		form, err := negotiate(r, false)
		if (err == nil) != slices.Contains(jsonTypes[:], form.mediaType) {
			t.Errorf("%q: %+v, %v", accept, form, err)
		}
	})
}
