package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/search"
)

// readParameters reads search parameters of the operator's own: a file with a SearchParameter or a Bundle of them, or a directory with such
// files (*.json). The faults are those of all files.
func readParameters(path string) (all []search.Definition, faults []error) {
	if path == "" {
		return nil, nil
	}
	files, err := parameterFiles(path)
	if err != nil {
		return nil, []error{fileFault(path, err)}
	}
	for _, file := range files {
		resources, err := readResources(file)
		if err != nil {
			faults = append(faults, fileFault(file, err))
		}
		for i, r := range resources {
			place := file
			if len(resources) > 1 {
				place = fmt.Sprintf("%s: Bundle.entry[%d]", file, i)
			}
			if r.Type() != "SearchParameter" {
				faults = append(faults, fmt.Errorf("%s: a SearchParameter is wanted, not a resource of type %s", place, fhir.Quote(r.Type())))
				continue
			}
			all = append(all, search.ReadDefinition(r, place))
		}
	}
	return all, faults
}

// parameterFiles lists the files that a path stands for, sorted.
func parameterFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && filepath.Ext(entry.Name()) == ".json" {
			files = append(files, filepath.Join(path, entry.Name()))
		}
	}
	if files == nil {
		return nil, errors.New("there is no file in it that ends in .json")
	}
	return files, nil
}

// readResources reads the resource of a file, or those of its Bundle.
func readResources(file string) ([]fhir.Resource, error) {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	r, err := fhir.ParseResource(text)
	if err != nil {
		return nil, err
	}
	if r.Type() != "Bundle" {
		return []fhir.Resource{r}, nil
	}
	var all []fhir.Resource
	for _, entry := range r.Root().Objects("entry") {
		all = append(all, fhir.NewResource(entry.Object("resource")))
	}
	if all == nil {
		return nil, errors.New("the Bundle has no entries")
	}
	return all, nil
}

// fileFault is what is wrong with a file, behind its name.
func fileFault(file string, err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) { // it has the name, too
		err = failed.Err
	}
	return fmt.Errorf("%s: %s", file, sentence(err))
}

// indexRules are the rules by which a configuration makes index entries.
func indexRules(c Config) (*search.Rules, error) {
	return search.NewRules(search.Config{Types: c.Resources, BaseURL: c.BaseURL + conformance.FHIRPath, Custom: c.Custom, Words: c.TextSearch})
}

// rulesFaults says what is wrong with what makes the rules.
func rulesFaults(c Config) (faults []error) {
	_, err := indexRules(c)
	var refused *fhir.Error
	if !errors.As(err, &refused) {
		return nil
	}
	for _, issue := range refused.Issues {
		faults = append(faults, fmt.Errorf("%s: %s", issue.Path, issue.Detail))
	}
	return faults
}
