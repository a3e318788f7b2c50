package search_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

var escapes = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

// finds says whether a resource is found by one parameter with a value that is escaped already.
func finds(t *rapid.T, rules *search.Rules, r fhir.Resource, name, value string) bool {
	req, err := rules.Parse(r.Type(), []search.Pair{{Name: name, Value: value}}, search.Options{Strict: true, Now: now})
	if err != nil {
		t.Fatalf("%s=%s: %v", name, value, err)
	}
	if len(req.Applied) != 1 {
		t.Fatalf("%s=%s was ignored", name, value)
	}
	return search.Match(req.Query, search.Indexed{ID: r.ID(), Instant: now, Entries: rules.Extract(r)})
}

func object(members ...any) *fhir.Object {
	o := fhir.NewObject()
	for i := 0; i < len(members); i += 2 {
		if members[i+1] != "" {
			o.Set(members[i].(string), members[i+1])
		}
	}
	return o
}

// anyText draws text that search must not stumble over: the separators of R4, accents, spaces, quotation marks.
func anyText(t *rapid.T, label string) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune(`ab,|\$é' :/-`)), 1, 6, -1).Filter(func(s string) bool { return strings.TrimSpace(s) != "" }).Draw(t, label)
}

// TestTokenIsFound: an identifier is found by each form of it, and by no form of another.
func TestTokenIsFound(t *testing.T) {
	rules := mustRules(t)
	rapid.Check(t, func(t *rapid.T) {
		system, value := "", anyText(t, "value")
		if rapid.Bool().Draw(t, "with system") {
			system = anyText(t, "system")
		}
		other := anyText(t, "other")
		r := fhir.NewResource(object("resourceType", "Slot", "id", "s1", "identifier", fhir.Array{object("system", system, "value", value)}))
		forms := map[string]bool{
			escapes.Replace(value):                                 true,
			escapes.Replace(system) + "|" + escapes.Replace(value): true,
			escapes.Replace(other):                                 other == value,
			escapes.Replace(system) + "|" + escapes.Replace(other): other == value,
			escapes.Replace(other) + "|" + escapes.Replace(value):  other == system,
			escapes.Replace(other) + "|":                           other == system,
			"|" + escapes.Replace(value):                           system == "",
		}
		for form, want := range forms {
			if got := finds(t, rules, r, "identifier", form); got != want {
				t.Fatalf("identifier=%s finds %v in %q|%q", form, got, system, value)
			}
			if got := finds(t, rules, r, "identifier:not", form); got == want {
				t.Fatalf("identifier:not=%s finds %v in %q|%q", form, got, system, value)
			}
		}
	})
}

// TestStringIsFound: by itself with every modifier, by its beginning, and by any part with :contains.
func TestStringIsFound(t *testing.T) {
	rules := mustRules(t)
	rapid.Check(t, func(t *rapid.T) {
		value := []rune(anyText(t, "value"))
		from := rapid.IntRange(0, len(value)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, len(value)).Draw(t, "to")
		r := fhir.NewResource(object("resourceType", "Patient", "id", "p1", "name", fhir.Array{object("family", string(value))}))
		whole := escapes.Replace(string(value))
		for _, name := range []string{"family", "family:exact", "family:contains", "name", "name:exact", "name:contains"} {
			if !finds(t, rules, r, name, whole) {
				t.Fatalf("%s=%s does not find itself", name, whole)
			}
		}
		// A part that is punctuation alone is compared as it is, and a part of a text is not.
		if part := string(value[from:to]); strings.ContainsAny(part, "abé") && !finds(t, rules, r, "family:contains", escapes.Replace(part)) {
			t.Fatalf("family:contains=%s does not find %s", part, whole)
		}
		if start := string(value[:to]); strings.ContainsAny(start, "abé") && !finds(t, rules, r, "family", escapes.Replace(start)) {
			t.Fatalf("family=%s does not find %s", start, whole)
		}
	})
}

func TestReferenceIsFound(t *testing.T) {
	rules := mustRules(t)
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]string{"Patient", "Group", "Device", "Location"}).Draw(t, "type")
		id := rapid.StringMatching(`[A-Za-z0-9.-]{1,64}`).Draw(t, "id")
		prefix := rapid.SampledFrom([]string{"", base + "/"}).Draw(t, "prefix")
		version := rapid.SampledFrom([]string{"", "/_history/3"}).Draw(t, "version")
		r := fhir.NewResource(object("resourceType", "Observation", "id", "o1", "subject", object("reference", prefix+typ+"/"+id+version)))
		for name, value := range map[string]string{
			"subject": id, "subject:missing": "false", "subject:" + typ: id,
		} {
			if !finds(t, rules, r, name, value) {
				t.Fatalf("%s=%s does not find it", name, value)
			}
		}
		for _, value := range []string{typ + "/" + id, base + "/" + typ + "/" + id, typ + "/" + id + version} {
			if !finds(t, rules, r, "subject", value) {
				t.Fatalf("subject=%s does not find it", value)
			}
		}
		if finds(t, rules, r, "patient", id) != (typ == "Patient") {
			t.Fatalf("patient=%s", id)
		}
		if len(id) < 64 && finds(t, rules, r, "subject", id+"x") {
			t.Fatal("another id finds it")
		}
	})
}

// TestDatePrefixesPartition: what https://hl7.org/fhir/R4/search.html#prefix says of ranges, as a relation between the prefixes.
func TestDatePrefixesPartition(t *testing.T) {
	rules := mustRules(t)
	moment := rapid.Custom(func(t *rapid.T) string {
		at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "half hours")) * 30 * time.Minute)
		layout := rapid.SampledFrom([]string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.000Z"}).Draw(t, "layout")
		return at.Format(layout)
	})
	rapid.Check(t, func(t *rapid.T) {
		target, value := moment.Draw(t, "target"), moment.Draw(t, "value")
		element := any(object("start", target, "end", rapid.SampledFrom([]string{"", target, "2020-02"}).Draw(t, "end")))
		name := "effectivePeriod"
		if rapid.Bool().Draw(t, "date") {
			name, element = "effectiveDateTime", target
		}
		r := fhir.NewResource(object("resourceType", "Observation", "id", "o1", name, element))
		is := func(prefix string) bool { return finds(t, rules, r, "date", prefix+value) }
		for what, holds := range map[string]bool{
			"either eq or ne":        is("eq") != is("ne"),
			"ge is gt or eq":         is("ge") == (is("gt") || is("eq")),
			"le is lt or eq":         is("le") == (is("lt") || is("eq")),
			"sa implies gt":          !is("sa") || is("gt"),
			"eb implies lt":          !is("eb") || is("lt"),
			"sa and eb exclude ap":   is("ap") || is("sa") || is("eb"),
			"sa excludes eb":         !is("sa") || !is("eb"),
			"eq excludes gt and lt":  !is("eq") || !is("gt") && !is("lt"),
			"ne is gt or lt":         is("ne") == (is("gt") || is("lt")),
			"without a prefix it eq": finds(t, rules, r, "date", value) == is("eq"),
		} {
			if !holds {
				t.Fatalf("%s does not hold for %s of %v against %s", what, name, element, value)
			}
		}
	})
}

// TestExactIsExact: with :exact a text is found by itself and by no other, however alike the two are when they are folded.
func TestExactIsExact(t *testing.T) {
	rules := mustRules(t)
	rapid.Check(t, func(t *rapid.T) {
		value := anyText(t, "value")
		other := rapid.OneOf(rapid.Just(strings.ToUpper(value)), rapid.Just(value+"'"), rapid.Just(" "+value), rapid.Just(strings.Repeat(value, 60)), rapid.Custom(func(t *rapid.T) string { return anyText(t, "other") })).Draw(t, "asked")
		r := fhir.NewResource(object("resourceType", "Patient", "id", "p1", "name", fhir.Array{object("family", value)}))
		if got := finds(t, rules, r, "family:exact", escapes.Replace(other)); got != (other == value) {
			t.Fatalf("family:exact=%q finds %v in %q", other, got, value)
		}
	})
}
