package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// house is a small world of definitions, with one case of everything that the generator has to decide.
var house = map[string]string{
	"StructureDefinition-Extension.json": `{
		"url": "http://hl7.org/fhir/StructureDefinition/Extension", "name": "Extension", "kind": "complex-type", "derivation": "specialization",
		"baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element",
		"snapshot": {"element": [
			{"path": "Extension", "min": 0, "max": "*"},
			{"path": "Extension.id", "min": 0, "max": "1", "type": [{"code": "http://hl7.org/fhirpath/System.String"}]},
			{"path": "Extension.url", "min": 1, "max": "1", "type": [{"code": "http://hl7.org/fhirpath/System.String", "extension": [
				{"url": "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type", "valueUrl": "uri"}]}]},
			{"path": "Extension.value[x]", "min": 0, "max": "1", "type": [{"code": "date"}, {"code": "Quantity"}]}]}}`,
	"StructureDefinition-date.json": `{
		"url": "http://hl7.org/fhir/StructureDefinition/date", "name": "date", "kind": "primitive-type", "derivation": "specialization",
		"baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element",
		"snapshot": {"element": [
			{"path": "date", "min": 0, "max": "*"},
			{"path": "date.extension", "min": 0, "max": "0", "type": [{"code": "Extension"}]},
			{"path": "date.value", "min": 0, "max": "1", "type": [{"code": "http://hl7.org/fhirpath/System.Date", "extension": [
				{"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": "[0-9]{4}"}]}]}]}}`,
	"StructureDefinition-House.json": `{
		"url": "http://hl7.org/fhir/StructureDefinition/House", "name": "House", "kind": "resource", "derivation": "specialization",
		"baseDefinition": "http://hl7.org/fhir/StructureDefinition/DomainResource",
		"differential": {"element": [
			{"path": "House", "constraint": [
				{"key": "hou-2", "severity": "warning", "expression": "name.exists()"},
				{"key": "hou-1", "severity": "error", "expression": "room.exists()  or\n name.exists()"}]}]},
		"snapshot": {"element": [
			{"path": "House", "min": 0, "max": "*", "constraint": [
				{"key": "dom-2", "severity": "error", "expression": "true"}, {"key": "hou-2", "severity": "warning"}, {"key": "hou-1", "severity": "error"}]},
			{"path": "House.id", "min": 0, "max": "1", "isSummary": true, "type": [{"code": "http://hl7.org/fhirpath/System.String", "extension": [
				{"url": "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type", "valueUrl": "string"}]}]},
			{"path": "House.status", "min": 1, "max": "1", "isModifier": true, "isSummary": true, "type": [{"code": "code"}],
				"binding": {"strength": "required", "valueSet": "http://example.org/ValueSet/state|4.0.1"}},
			{"path": "House.style", "min": 0, "max": "1", "type": [{"code": "code"}],
				"binding": {"strength": "extensible", "valueSet": "http://example.org/ValueSet/style"}},
			{"path": "House.owner", "min": 0, "max": "1", "type": [{"code": "Reference", "targetProfile": [
				"http://hl7.org/fhir/StructureDefinition/House", "http://hl7.org/fhir/StructureDefinition/Street"]}]},
			{"path": "House.about", "min": 0, "max": "*", "type": [{"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Resource"]}]},
			{"path": "House.size[x]", "min": 0, "max": "1", "type": [
				{"code": "Quantity", "profile": ["http://hl7.org/fhir/StructureDefinition/SimpleQuantity"]}, {"code": "string"}]},
			{"path": "House.any[x]", "min": 0, "max": "1", "type": [{"code": "date"}, {"code": "Quantity"}]},
			{"path": "House.room", "min": 0, "max": "*", "type": [{"code": "BackboneElement"}], "constraint": [
				{"key": "ele-1", "severity": "error"}, {"key": "hou-3", "severity": "error"}]},
			{"path": "House.room.room", "min": 0, "max": "*", "contentReference": "#House.room", "constraint": [{"key": "ele-1", "severity": "error"}]}]}}`,
	"StructureDefinition-Street.json": `{
		"url": "http://hl7.org/fhir/StructureDefinition/Street", "name": "Street", "kind": "resource", "derivation": "specialization",
		"baseDefinition": "http://hl7.org/fhir/StructureDefinition/DomainResource",
		"snapshot": {"element": [{"path": "Street", "min": 0, "max": "*"}]}}`,
	"StructureDefinition-SimpleQuantity.json": `{
		"url": "http://hl7.org/fhir/StructureDefinition/SimpleQuantity", "name": "SimpleQuantity", "kind": "complex-type", "derivation": "constraint",
		"differential": {"element": [{"path": "Quantity", "constraint": [{"key": "sqty-1", "severity": "error", "expression": "comparator.empty()"}]}]},
		"snapshot": {"element": [{"path": "Quantity", "min": 0, "max": "*"}]}}`,
	"StructureDefinition-logical.json": `{
		"url": "http://hl7.org/fhir/StructureDefinition/Definition", "name": "Definition", "kind": "logical"}`,
	"SearchParameter-name.json": `{
		"url": "http://hl7.org/fhir/SearchParameter/name", "version": "4.0.1", "code": "name", "type": "string", "base": ["House", "Street"],
		"expression": "House.name | (House.other as string) | Street.name | Street.alias"}`,
	"SearchParameter-owner.json": `{
		"url": "http://hl7.org/fhir/SearchParameter/owner", "version": "4.0.1", "code": "owner", "type": "reference", "base": ["House"],
		"expression": "House.owner", "target": ["House"]}`,
	"SearchParameter-about.json": `{
		"url": "http://hl7.org/fhir/SearchParameter/about", "version": "4.0.1", "code": "about", "type": "reference", "base": ["House"],
		"expression": "House.about", "target": ["Street", "House"]}`,
	"SearchParameter-pair.json": `{
		"url": "http://hl7.org/fhir/SearchParameter/pair", "version": "4.0.1", "code": "pair", "type": "composite", "base": ["House"], "expression": "House",
		"component": [{"definition": "http://example.org/a", "expression": "name"}, {"definition": "http://example.org/b", "expression": "status"}]}`,
	"SearchParameter-alias.json": `{
		"url": "http://hl7.org/fhir/SearchParameter/alias", "version": "4.0.1", "code": "alias", "type": "string", "base": ["Street"], "expression": "name | alias"}`,
	"SearchParameter-example.json": `{
		"url": "http://hl7.org/fhir/SearchParameter/example", "version": "4.0.1", "experimental": true, "code": "example", "type": "string", "base": ["House"]}`,
	"SearchParameter-filter.json": `{
		"url": "http://hl7.org/fhir/SearchParameter/filter", "version": "1", "code": "_filter", "type": "special", "base": ["House"]}`,
	"ValueSet-state.json": `{
		"url": "http://example.org/ValueSet/state", "compose": {"include": [
			{"system": "http://example.org/state"},
			{"system": "http://example.org/other", "concept": [{"code": "lost"}]}]}}`,
	"ValueSet-style.json": `{"url": "http://example.org/ValueSet/style", "compose": {"include": [{"system": "http://example.org/style"}]}}`,
	"CodeSystem-state.json": `{
		"url": "http://example.org/state", "content": "complete", "concept": [
			{"code": "open", "concept": [{"code": "wide open"}]},
			{"code": "kind", "property": [{"code": "notSelectable", "valueBoolean": true}], "concept": [{"code": "shut"}]}]}`,
	"CompartmentDefinition-house.json": `{
		"url": "http://hl7.org/fhir/CompartmentDefinition/house", "code": "House", "resource": [
			{"code": "House", "param": ["{def}", "owner"]}, {"code": "Street"}, {"code": "Town", "param": ["{def}"]}]}`,
	"CompartmentDefinition-example.json": `{
		"url": "http://hl7.org/fhir/CompartmentDefinition/example", "code": "House", "resource": [{"code": "House", "param": ["x"]}]}`,
	"package.json": `{"name": "house"}`,
}

// want is each table without its remarks.
var want = map[string]string{
	"elements.txt": `@Extension	complex		Element
Extension	0..*
Extension.id	0..1	string
Extension.url	1..1	uri
Extension.value[x]	0..1	*
@House	resource		DomainResource
House	0..*				dom-2,hou-1	hou-2
House.id	0..1	id	S
House.status	1..1	code	SM	http://example.org/ValueSet/state
House.style	0..1	code
House.owner	0..1	Reference(House,Street)
House.about	0..*	Reference
House.size[x]	0..1	Quantity|string			sqty-1
House.any[x]	0..1	*
House.room	0..*	BackboneElement			ele-1,hou-3
House.room.room	0..*	=House.room			ele-1,hou-3
@Street	resource		DomainResource
Street	0..*
@date	primitive		Element	[0-9]{4}
date	0..*
`,
	"searchparams.txt": `@House
about	reference	http://hl7.org/fhir/SearchParameter/about	House.about
name	string	http://hl7.org/fhir/SearchParameter/name	House.name | (House.other as string)
owner	reference	http://hl7.org/fhir/SearchParameter/owner	House.owner	House
pair	composite	http://hl7.org/fhir/SearchParameter/pair	House		http://example.org/a	name	http://example.org/b	status
@Street
alias	string	http://hl7.org/fhir/SearchParameter/alias	Street.name | Street.alias
name	string	http://hl7.org/fhir/SearchParameter/name	Street.name | Street.alias
`,
	"codes.txt": `@http://example.org/ValueSet/state	complete
http://example.org/state	open	wide open	shut
http://example.org/other	lost
`,
	"compartments.txt": `@House
House	owner
`,
	"invariants.txt": `@House
hou-1	error	room.exists() or name.exists()
hou-2	warning	name.exists()
@SimpleQuantity
sqty-1	error	comparator.empty()
`,
}

// build writes files, some of them changed, into a directory.
func build(t *testing.T, changes map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, files := range []map[string]string{house, changes} {
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// pack writes files into an npm archive; the names are as in the archive.
func pack(t *testing.T, files map[string]string) string {
	t.Helper()
	var buf bytes.Buffer
	zipped := gzip.NewWriter(&buf)
	entries := tar.NewWriter(zipped)
	for name, content := range files {
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}
		if err := entries.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(entries, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := entries.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "package.tgz")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGenerate(t *testing.T) {
	archive := map[string]string{}
	for name, content := range house {
		archive["package/"+name] = content
	}
	for form, source := range map[string]string{"directory": build(t, nil), "archive": pack(t, archive)} {
		out := t.TempDir()
		if err := run(t.Context(), []string{"generate", "--package", source, "--out", out}, io.Discard); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		for file, text := range want {
			got, err := os.ReadFile(filepath.Join(out, file))
			if err != nil {
				t.Fatal(err)
			}
			remarks, body, _ := strings.Cut(string(got), "\n@")
			if diff := cmp.Diff(text, "@"+body); diff != "" {
				t.Errorf("%s from %s: %s", file, form, diff)
			}
			if !strings.HasPrefix(remarks, "# Code generated by cmd/fhirgen from hl7.fhir.r4.examples 4.0.1 (CC0-1.0); DO NOT EDIT.\n") {
				t.Errorf("%s begins %q", file, remarks)
			}
			if file == "elements.txt" && !strings.HasSuffix(remarks, "\n# * date|Quantity") {
				t.Errorf("the open types are missing: %q", remarks)
			}
		}
	}
}

// TestFaults: what would have to be guessed is refused, with the definition's name, and nothing is written.
func TestFaults(t *testing.T) {
	street := func(elements string) map[string]string {
		return map[string]string{"StructureDefinition-Street.json": `{
			"url": "http://hl7.org/fhir/StructureDefinition/Street", "name": "Street", "kind": "resource",
			"snapshot": {"element": [{"path": "Street", "min": 0, "max": "*"}, ` + elements + `]}}`}
	}
	state := func(compose string) map[string]string {
		return map[string]string{"ValueSet-state.json": `{"url": "http://example.org/ValueSet/state", "compose": ` + compose + `}`}
	}
	for _, tt := range []struct {
		name    string
		changes map[string]string
		want    string
	}{
		{"two types", street(`{"path": "Street.a", "max": "1", "type": [{"code": "string"}, {"code": "date"}]}`), "Street.a: 2 types, and it is no choice"},
		{"no type", street(`{"path": "Street.a", "max": "1"}`), "Street.a: 0 types"},
		{"profile", street(`{"path": "Street.a", "max": "1", "type": [{"code": "Quantity", "profile": ["http://example.org/p"]}]}`), "Street.a: unknown profile http://example.org/p"},
		{"target", street(`{"path": "Street.a", "max": "1", "type": [{"code": "Reference", "targetProfile": ["http://example.org/p"]}]}`), "Street.a: target http://example.org/p"},
		{"content reference", street(`{"path": "Street.a", "max": "1", "contentReference": "#Street.b"}`), "Street.a: contentReference #Street.b does not exist"},
		{"binding", street(`{"path": "Street.a", "max": "1", "type": [{"code": "code"}], "binding": {"strength": "required"}}`), "Street.a: a required binding without value set"},
		{"exclude", state(`{"include": [{"system": "http://example.org/state"}], "exclude": [{"system": "http://example.org/state"}]}`), "ValueSet/state: exclude is not understood"},
		{"filter", state(`{"include": [{"system": "http://example.org/state", "filter": [{"property": "a"}]}]}`), "ValueSet/state: filter and valueSet are not understood"},
		{"expression", map[string]string{"SearchParameter-name.json": `{"url": "http://hl7.org/fhir/SearchParameter/name", "version": "4.0.1", "code": "name",
			"base": ["Street"], "expression": "House.name"}`}, `SearchParameter/name: no part of "House.name" applies to Street`},
		{"same code", map[string]string{"SearchParameter-twin.json": `{"url": "http://hl7.org/fhir/SearchParameter/twin", "version": "4.0.1", "code": "name",
			"base": ["Street"], "expression": "Street.name"}`}, "Street: two parameters name"},
		{"not JSON", map[string]string{"ValueSet-state.json": `{`}, "ValueSet-state.json: unexpected end of JSON input"},
	} {
		out := t.TempDir()
		err := generate(build(t, tt.changes), out, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
		if files, _ := os.ReadDir(out); len(files) > 0 {
			t.Errorf("%s: %d files were written", tt.name, len(files))
		}
	}
}

// A value set that is not in the package, or whose code system is not, cannot be enumerated.
func TestOpenValueSets(t *testing.T) {
	for _, tt := range []struct{ name, compose, want string }{
		{"unknown system", `{"include": [{"system": "http://example.org/unknown"}]}`, "@http://example.org/ValueSet/state\topen\n"},
		{"half known", `{"include": [{"system": "http://example.org/unknown"}, {"system": "http://example.org/other", "concept": [{"code": "lost"}]}]}`,
			"@http://example.org/ValueSet/state\topen\nhttp://example.org/other\tlost\n"},
	} {
		out := t.TempDir()
		changes := map[string]string{"ValueSet-state.json": `{"url": "http://example.org/ValueSet/state", "compose": ` + tt.compose + `}`}
		if err := generate(build(t, changes), out, io.Discard); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(out, "codes.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(string(got), tt.want) {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

// TestCommittedTables needs the unpacked definitions, see the package comment.
func TestCommittedTables(t *testing.T) {
	source := os.Getenv("PORTICO_TEST_DEFINITIONS")
	if source == "" {
		t.Skip("PORTICO_TEST_DEFINITIONS does not name the directory of the unpacked definitions")
	}
	out := t.TempDir()
	if err := generate(source, out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		fresh, err := os.ReadFile(filepath.Join(out, table.file))
		if err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(filepath.Join("..", "..", "fhir", "r4", table.file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fresh, committed) {
			t.Errorf("fhir/r4/%s is not what the generator writes; run it again", table.file)
		}
	}
}
