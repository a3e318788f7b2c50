package r4_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portico-health/portico/fhir/r4"
)

// dataTypes are the data types of R4 (http://hl7.org/fhir/R4/datatypes.html), the abstract ones among them.
var dataTypes = strings.Fields(`
	Address Age Annotation Attachment BackboneElement CodeableConcept Coding ContactDetail ContactPoint Contributor Count
	DataRequirement Distance Dosage Duration Element ElementDefinition Expression Extension HumanName Identifier
	MarketingStatus Meta Money Narrative ParameterDefinition Period Population ProdCharacteristic ProductShelfLife Quantity
	Range Ratio Reference RelatedArtifact SampledData Signature SubstanceAmount Timing TriggerDefinition UsageContext
	base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid positiveInt string time
	unsignedInt uri url uuid xhtml`)

// eachElement calls do with every element of every type, its root first.
func eachElement(t *testing.T, do func(typ *r4.Type, e *r4.Element)) {
	for _, name := range slices.Concat(r4.ResourceTypes(), dataTypes, []string{"Resource", "DomainResource"}) {
		typ := r4.Lookup(name)
		if typ == nil {
			t.Errorf("no type %s", name)
			continue
		}
		seen := map[*r4.Element]bool{}
		var walk func(e *r4.Element)
		walk = func(e *r4.Element) {
			if seen[e] {
				return // Questionnaire.item.item has the children of Questionnaire.item
			}
			seen[e] = true
			do(typ, e)
			for _, c := range e.Children {
				walk(c)
			}
		}
		walk(typ.Root)
	}
}

func TestElementsAreConsistent(t *testing.T) {
	elements := 0
	eachElement(t, func(typ *r4.Type, e *r4.Element) {
		elements++
		if e == typ.Root {
			if e.Path != typ.Name || e.Types != nil {
				t.Errorf("root of %s: %s %v", typ.Name, e.Path, e.Types)
			}
			return
		}
		if !strings.HasPrefix(e.Path, typ.Name+".") || !strings.HasSuffix(strings.TrimSuffix(e.Path, "[x]"), "."+e.Name) {
			t.Errorf("%s in %s, named %s", e.Path, typ.Name, e.Name)
		}
		if e.Choice != strings.HasSuffix(e.Path, "[x]") || len(e.Types) == 0 || (len(e.Types) > 1 && !e.Choice) {
			t.Errorf("%s: choice %v, types %v", e.Path, e.Choice, e.Types)
		}
		if e.Min < 0 || (e.Max != -1 && e.Max < max(e.Min, 1)) || (e.Choice && e.Max != 1) {
			t.Errorf("%s: %d..%d", e.Path, e.Min, e.Max)
		}
		inline := e.Types[0].Code == "BackboneElement" || e.Types[0].Code == "Element"
		if inline != (e.Children != nil) {
			t.Errorf("%s: type %s with %d children", e.Path, e.Types[0].Code, len(e.Children))
		}
		for i := range e.Types {
			checkType(t, e, &e.Types[i])
		}
	})
	if elements < 7000 {
		t.Errorf("only %d elements", elements)
	}
}

func checkType(t *testing.T, e *r4.Element, ref *r4.TypeRef) {
	t.Helper()
	typ := r4.Lookup(ref.Code)
	if typ == nil {
		t.Errorf("%s: unknown type %s", e.Path, ref.Code)
		return
	}
	if opaque := typ.Kind == r4.Primitive || ref.Code == "Resource"; opaque != (e.Descend(ref) == nil) {
		t.Errorf("%s: Descend for %s gives %v", e.Path, ref.Code, e.Descend(ref))
	}
	for _, target := range ref.Targets {
		if !r4.IsResource(target) || (ref.Code != "Reference" && ref.Code != "canonical") {
			t.Errorf("%s: %s to %s", e.Path, ref.Code, target)
		}
	}
}

// TestChildFindsEveryMember: each child under each of its JSON names, and no two under one.
func TestChildFindsEveryMember(t *testing.T) {
	eachElement(t, func(_ *r4.Type, e *r4.Element) {
		for _, c := range e.Children {
			for i := range c.Types {
				name := c.Name
				if c.Choice {
					name += strings.ToUpper(c.Types[i].Code[:1]) + c.Types[i].Code[1:]
				}
				if got, typ := e.Child(name); got != c || typ != &c.Types[i] {
					t.Errorf("%s: Child(%q) is not %s", e.Path, name, c.Path)
				}
			}
		}
	})
}

// openValueSets are those of required bindings that R4 names but does not list.
var openValueSets = []string{
	"http://hl7.org/fhir/ValueSet/currencies", // ISO 4217
	"http://hl7.org/fhir/ValueSet/mimetypes",  // BCP 13
	"http://hl7.org/fhir/ValueSet/ucum-units",
	"http://loinc.org/vs/LL379-9",
}

func TestRequiredBindingsHaveCodes(t *testing.T) {
	eachElement(t, func(_ *r4.Type, e *r4.Element) {
		if e.Required == "" {
			return
		}
		codes, complete := r4.Codes(e.Required)
		if open := slices.Contains(openValueSets, e.Required); complete == open || (complete && len(codes) == 0) {
			t.Errorf("%s: %s complete %v, %d codes", e.Path, e.Required, complete, len(codes))
		}
		if code := e.Types[0].Code; code != "code" && code != "CodeableConcept" {
			t.Errorf("%s: a required binding of a %s", e.Path, code)
		}
		if slices.ContainsFunc(codes, func(c string) bool { return c == "" || strings.TrimSpace(c) != c }) {
			t.Errorf("%s: %q", e.Required, codes)
		}
	})
}

func TestInvariantsAreKnown(t *testing.T) {
	used := map[r4.Invariant]bool{}
	check := func(e *r4.Element, key, severity string) {
		typ, _, _ := strings.Cut(e.Path, ".")
		inv, found := r4.FindInvariant(typ, key)
		if !found || inv.Severity != severity || inv.Expression == "" {
			t.Errorf("%s: %s is %+v", e.Path, key, inv)
		}
		used[inv] = true
	}
	eachElement(t, func(_ *r4.Type, e *r4.Element) {
		for _, key := range e.Invariants {
			check(e, key, "error")
		}
		for _, key := range e.Warnings {
			check(e, key, "warning")
		}
	})
	for _, inv := range r4.Invariants() {
		if !used[inv] {
			t.Errorf("%s of %s applies nowhere", inv.Key, inv.Owner)
		}
	}
}

// TestPatterns: every primitive but xhtml has a pattern that compiles, accepts a value of the type and refuses
// another text.
func TestPatterns(t *testing.T) {
	good := map[string]string{
		"base64Binary": "aGVpbQ==", "boolean": "true", "canonical": "http://example.org/a|1", "code": "in use", "date": "2024-02",
		"dateTime": "2024-02-29T10:00:00.5+01:00", "decimal": "-1.50E-5", "id": "a-1.B", "instant": "2024-02-29T10:00:00Z",
		"integer": "-7", "markdown": "*a*\nb", "oid": "urn:oid:1.2.3", "positiveInt": "1", "string": "a b", "time": "10:00:00",
		"unsignedInt": "0", "uri": "urn:x", "url": "http://example.org", "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
	}
	bad := map[string]string{"uri": "a b", "url": "a b", "canonical": "a b"} // "" for all others
	for _, name := range dataTypes {
		typ := r4.Lookup(name)
		value, want := good[name]
		if (typ.Pattern != "") != want {
			t.Errorf("%s has pattern %q", name, typ.Pattern)
			continue
		}
		pattern, err := regexp.Compile(`^(?:` + typ.Pattern + `)$`)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if want && (!pattern.MatchString(value) || pattern.MatchString(bad[name])) {
			t.Errorf("%s: %q against %q", name, typ.Pattern, value)
		}
	}
}

func TestCompartmentsNameParameters(t *testing.T) {
	for _, name := range []string{"Patient", "Encounter", "RelatedPerson", "Practitioner", "Device"} {
		for typ, codes := range r4.Compartment(name) {
			for _, code := range codes {
				known := slices.ContainsFunc(r4.SearchParams(typ), func(p r4.SearchParam) bool { return p.Code == code && p.Type == "reference" })
				if !known {
					t.Errorf("compartment %s: %s has no reference parameter %s", name, typ, code)
				}
			}
		}
	}
}
