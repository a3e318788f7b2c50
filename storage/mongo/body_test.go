package mongo

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir"
)

// resource is the text of a resource that has a value.
func resource(value string) string { return `{"resourceType":"Basic","id":"a","value":` + value + `}` }

func mustEncode(t testing.TB, body string) bson.Raw {
	t.Helper()
	raw, err := encodeBody([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if err := raw.Validate(); err != nil {
		t.Fatalf("%s became no BSON: %v", body, err)
	}
	return raw
}

func mustAppend(t testing.TB, raw bson.Raw) string {
	t.Helper()
	body, err := appendBody([]byte("before "), raw)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	text, ok := strings.CutPrefix(string(body), "before ")
	if !ok {
		t.Fatalf("what stood before is lost: %s", body)
	}
	return text
}

func nested(depth int) string {
	return strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) // in the resource, which is a level itself
}

// awkward are values that come back byte for byte.
var awkward = map[string]string{
	"empty ones":                    `[{},[],"",null,[null],{"":{}},[[]],[{}]]`,
	"null beside values":            `{"given":["Ada",null],"_given":[null,{"id":"x"}]}`,
	"booleans":                      `[true,false]`,
	"order of members":              `{"z":1,"a":2,"m":{"z":1,"a":2}}`,
	"names as operators of MongoDB": `{"$set":1,"a.b":{"c.":1},".":2,"$":3,"_id":4,"":5,"$ref":"x","$id":1,"0":6}`,
	"strings as fields of MongoDB":  `["$resource","$$ROOT","a.b"]`,
	"names in Unicode":              `{"ü😀":1,"\u0001\"\\":2,"` + "\x7f\u2028" + `":3}`,
	"every kind of character":       `"\u0000\u0001\u001f\n\r\t \"\\/ é 😀 <&>'` + "\x7f\u2028\ufeff\uffff\U0010ffff" + `"`,
	"text that looks like JSON":     `"{\"a\":1}"`,
	"integers":                      `[0,1,-1,2147483647,-2147483648,2147483648,-2147483649,9223372036854775807,-9223372036854775808]`,
	"integers beyond int64":         `[9223372036854775808,-9223372036854775809,9999999999999999999999999999999999]`,
	"decimals in their digits":      `[1.10,-1.10,0.0,-0,-0.0,0.00,100.000,0.1,0.000001,0.0000010,0.000001000000000000000000000000000000000,3.141592653589793238462643383279502]`,
	"very small and very large":     `[1e-7,-1e-7,1.5e-7,1e-6176,9.999999999999999999999999999999999e6144,1e6111,0e-6176,0e6111,1e2,1.2e3]`,
	"as deep as may be":             nested(fhir.MaxDepth),
	"many of them":                  `[` + strings.Repeat(`{"a":0},`, 1_200) + `0]`,
}

func TestBodyComesBack(t *testing.T) {
	for name, value := range awkward {
		t.Run(name, func(t *testing.T) {
			text := resource(value)
			if got := mustAppend(t, mustEncode(t, text)); got != text {
				t.Errorf("\ngot  %s\nwant %s", got, text)
			}
		})
	}
}

// TestNumbers: the type that a number has in the database, and its one spelling.
func TestNumbers(t *testing.T) {
	scenarios := []struct {
		written string
		kind    bson.Type
		want    string
	}{
		{"7", bson.TypeInt32, "7"},
		{"2147483648", bson.TypeInt64, "2147483648"},
		{"9223372036854775808", bson.TypeDecimal128, "9223372036854775808"},
		{"7.0", bson.TypeDecimal128, "7.0"},
		{"-0", bson.TypeDecimal128, "-0"},
		{"1e2", bson.TypeDecimal128, "1e2"},
		{"1E+2", bson.TypeDecimal128, "1e2"},
		{"100e0", bson.TypeInt32, "100"},
		{"1.00e2", bson.TypeInt32, "100"},
		{"-2.147483648e9", bson.TypeInt32, "-2147483648"},
		{"1.00E1", bson.TypeDecimal128, "10.0"},
		{"12e2", bson.TypeDecimal128, "1.2e3"},
		{"0.0000001", bson.TypeDecimal128, "1e-7"},
		{"0.00000012", bson.TypeDecimal128, "1.2e-7"},
		{"0.0000000", bson.TypeDecimal128, "0e-7"},
		{"0.00e-3", bson.TypeDecimal128, "0.00000"},
		{"0.00e5", bson.TypeDecimal128, "0e3"},
	}
	for _, s := range scenarios {
		t.Run(s.written, func(t *testing.T) {
			raw := mustEncode(t, resource(s.written))
			value := raw.Lookup("value")
			if value.Type != s.kind {
				t.Errorf("it is a %s, want a %s", value.Type, s.kind)
			}
			if d, ok := value.Decimal128OK(); ok {
				if want, err := bson.ParseDecimal128(s.written); err != nil || d != want {
					t.Errorf("it is %v, want %v as the driver reads it (%v)", d, want, err)
				}
			}
			if got := mustAppend(t, raw); got != resource(s.want) {
				t.Errorf("got %s, want %s", got, resource(s.want))
			}
		})
	}
}

// TestBodyRefused: what cannot be kept whole is refused, in public words and with its place.
func TestBodyRefused(t *testing.T) {
	for text, want := range map[string]fhir.Issue{
		resource(`{"a":[{"b\u0000c":1}]}`):    {Path: "Basic.value.a[0]", Detail: `The name "b\u0000c" has the character NUL, with which no member of a resource can be kept.`},
		resource(strings.Repeat("9", 35)):     {Path: "Basic.value", Detail: "The number " + strings.Repeat("9", 35) + " has more than the 34 significant digits that are kept (line 1, column 42)."},
		resource(`[1e6112]`):                  {Path: "Basic.value[0]", Detail: "The number 1e6112 is out of range: the exponent of its last digit is -6176 to 6111 (line 1, column 43)."},
		resource(nested(fhir.MaxDepth + 1)):   {},
		resource(`{"a":1,"a":2}`):             {},
		resource(`"` + "\xff" + `"`):          {},
		`[]`:                                  {},
		``:                                    {},
		`{"resourceType":"Basic"}{"again":1}`: {},
	} {
		_, err := encodeBody([]byte(text))
		var e *fhir.Error
		if !errors.As(err, &e) || e.Kind != fhir.Invalid || len(e.Issues) != 1 {
			t.Errorf("%s: error %v, want one of kind %q", text, err, fhir.Invalid)
			continue
		}
		if got := e.Issues[0]; want != (fhir.Issue{}) && (got.Path != want.Path || got.Detail != want.Detail) {
			t.Errorf("%s:\ngot  %s: %s\nwant %s: %s", text, got.Path, got.Detail, want.Path, want.Detail)
		}
	}
}

// TestBodiesInTheDatabase: what is written comes back from a database byte for byte, whatever it is. $ and dots in names are kept by MongoDB from 5.0 on
// (https://www.mongodb.com/docs/manual/core/dot-dollar-considerations/), unless an update is made of them.
func TestBodiesInTheDatabase(t *testing.T) {
	bodies := openTest(t, t.TempDir(), nil).current("Basic")
	written := make(map[string]bson.Raw)
	var documents []document
	for name, value := range awkward {
		written[name] = mustEncode(t, resource(value))
		documents = append(documents, document{ID: name, Resource: written[name]})
	}
	if _, err := bodies.InsertMany(t.Context(), documents); err != nil {
		t.Fatal(err)
	}
	for name, raw := range written { // as a change is written
		if _, err := bodies.ReplaceOne(t.Context(), bson.D{{Key: fieldID, Value: name}}, document{ID: name, Version: 2, Resource: raw}); err != nil {
			t.Fatal(err)
		}
	}
	found, err := bodies.Find(t.Context(), bson.D{{Key: fieldVersion, Value: 2}})
	if err != nil {
		t.Fatal(err)
	}
	var read []document
	if err := found.All(t.Context(), &read); err != nil || len(read) != len(written) {
		t.Fatalf("%d documents of %d: %v", len(read), len(written), err)
	}
	for _, d := range read {
		if !bytes.Equal(d.Resource, written[d.ID]) {
			t.Errorf("%s:\ngot  %v\nwant %v", d.ID, d.Resource, written[d.ID])
		}
	}
}
