package main

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// definitions are the parts of the package that the tables are made from, each kind ordered by canonical URL.
type definitions struct {
	structures   []structureDefinition
	parameters   []searchParameter
	valueSets    map[string]valueSet // by canonical URL
	codeSystems  map[string]codeSystem
	compartments []compartmentDefinition
}

// readPackage reads the definitions from a directory of JSON files or from the .tgz of the package.
func readPackage(path string) (*definitions, error) {
	each := eachInDirectory
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.IsDir() {
		each = eachInArchive
	}
	defs := &definitions{valueSets: map[string]valueSet{}, codeSystems: map[string]codeSystem{}}
	if err := each(path, defs.add); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(defs.structures) == 0 {
		return nil, fmt.Errorf("read %s: no StructureDefinition-*.json in it; %s %s is expected", path, packageName, packageVersion)
	}
	defs.sort()
	return defs, nil
}

// add takes a file of the package over when it is a definition of a kind that is needed.
func (d *definitions) add(name string, content []byte) error {
	var err error
	switch kind, _, _ := strings.Cut(name, "-"); kind {
	case "StructureDefinition":
		d.structures, err = appendDecoded(d.structures, content)
	case "SearchParameter":
		d.parameters, err = appendDecoded(d.parameters, content)
	case "CompartmentDefinition":
		d.compartments, err = appendDecoded(d.compartments, content)
	case "ValueSet":
		var v valueSet
		err = json.Unmarshal(content, &v)
		d.valueSets[v.URL] = v
	case "CodeSystem":
		var c codeSystem
		err = json.Unmarshal(content, &c)
		d.codeSystems[c.URL] = c
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func appendDecoded[T any](all []T, content []byte) ([]T, error) {
	var one T
	err := json.Unmarshal(content, &one)
	return append(all, one), err
}

func (d *definitions) sort() {
	slices.SortFunc(d.structures, func(a, b structureDefinition) int { return cmp.Compare(a.URL, b.URL) })
	slices.SortFunc(d.parameters, func(a, b searchParameter) int { return cmp.Compare(a.URL, b.URL) })
	slices.SortFunc(d.compartments, func(a, b compartmentDefinition) int { return cmp.Compare(a.URL, b.URL) })
}

// eachInDirectory calls do with every JSON file of a directory.
func eachInDirectory(dir string, do func(name string, content []byte) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !isPart(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		if err := do(entry.Name(), content); err != nil {
			return err
		}
	}
	return nil
}

// eachInArchive calls do with every JSON file of an npm archive, where all names begin "package/".
func eachInArchive(archive string, do func(name string, content []byte) error) (err error) {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for entries := tar.NewReader(unzipped); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(header.Name, "package/")
		if header.Typeflag != tar.TypeReg || !isPart(name) {
			continue
		}
		if header.Size > maxFile {
			return fmt.Errorf("%s has %d bytes, more than %d", name, header.Size, maxFile)
		}
		content, err := io.ReadAll(entries)
		if err != nil {
			return err
		}
		if err := do(name, content); err != nil {
			return err
		}
	}
}
