package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVerifyRefusesOtherBytes(t *testing.T) {
	path := pack(t, house)
	if err := verify(path); err == nil || !strings.Contains(err.Error(), "expected is "+integrity) {
		t.Errorf("error %v", err)
	}
	if err := verify(filepath.Join(t.TempDir(), "absent.tgz")); !os.IsNotExist(err) {
		t.Errorf("error %v", err)
	}
}

// TestFetchStops puts an npm in the path that makes a wrong package, and counts how often it is asked.
func TestFetchStops(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\necho asked >> \"$4/asked\"\necho wrong > \"$4/hl7.fhir.r4.examples-4.0.1.tgz\"\n"
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	err := run(t.Context(), []string{"fetch", "--out", dir}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "is not the expected package") {
		t.Errorf("error %v", err)
	}
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil || string(asked) != strings.Repeat("asked\n", 2) {
		t.Errorf("npm was asked: %q, %v", asked, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "package")); !os.IsNotExist(err) {
		t.Errorf("a wrong package was unpacked: %v", err)
	}
}

// TestUnpack takes the flat JSON files and nothing else out of an archive.
func TestUnpack(t *testing.T) {
	archive := pack(t, map[string]string{
		"package/Patient-1.json":       `{"id": "1"}`,
		"package/package.json":         `{}`,
		"package/openapi/deep.json":    `{}`,
		"package/../../escaped.json":   `{}`,
		"package/readme.md":            `text`,
		`package/..\\..\\escaped.json`: `{}`,
	})
	dir := filepath.Join(t.TempDir(), "package")
	count, err := unpack(archive, dir)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"Patient-1.json", "package.json"}, names); diff != "" || count != 2 {
		t.Errorf("%d files: %s", count, diff)
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "no command given"},
		{[]string{"spin"}, `unknown command "spin"`},
		{[]string{"generate"}, "--package is missing"},
		{[]string{"generate", "--package", "x"}, "--out is missing"},
		{[]string{"fetch"}, "--out is missing"},
		{[]string{"fetch", "--out", "x", "y"}, `unexpected argument "y"`},
		{[]string{"generate", "--package", "absent", "--out", "x"}, "absent"},
		{[]string{"generate", "--package", ".", "--out", "x"}, "no StructureDefinition-*.json in it"},
	} {
		err := run(t.Context(), tt.args, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: error %v, want %q", tt.args, err, tt.want)
		}
	}
}
