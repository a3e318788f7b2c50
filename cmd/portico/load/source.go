package load

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

const stdinName = "-"

// find lists the files to read: directories are replaced by what is in and below them, in the order of the names, those of appointments last. All that is wrong with the names
// is told at once.
func find(names []string) (files []string, wrong []fhir.Issue) {
	if len(names) == 0 {
		wrong = append(wrong, issue(fhir.CodeRequired, "files", `There is nothing to load: name files, directories, or "-" for standard input.`))
	}
	for i, name := range names {
		if name == stdinName {
			if slices.Contains(names[:i], stdinName) {
				wrong = append(wrong, issue(fhir.CodeDuplicate, "files", "Standard input can be read only once."))
			}
			files = append(files, name)
			continue
		}
		found, err := filesAt(name)
		switch {
		case err != nil:
			wrong = append(wrong, issue(fhir.CodeNotFound, "files", "%s cannot be read: %s.", name, cause(err)))
		case len(found) == 0:
			wrong = append(wrong, issue(fhir.CodeNotFound, "files", "%s has no file to load: none ends in .json, .ndjson, .jsonl, or one of these and .gz.", name))
		}
		files = append(files, found...)
	}
	return files, wrong
}

func issue(code fhir.IssueCode, path, format string, args ...any) fhir.Issue {
	return fhir.Errorf(fhir.Invalid, code, format, args...).At(path).Issues[0]
}

// filesAt is the file itself, whatever its name, or what a directory has.
func filesAt(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var all []string
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := path != name && strings.HasPrefix(d.Name(), ".")
		switch {
		case d.IsDir() && hidden:
			return filepath.SkipDir
		case d.IsDir() || hidden || !isLoadable(d.Name()):
			return nil
		}
		target, err := os.Stat(path) // of a symbolic link
		if err == nil && target.Mode().IsRegular() {
			all = append(all, path)
		}
		return err
	})
	return inOrder(all), err
}

func isLoadable(name string) bool {
	ext := filepath.Ext(strings.TrimSuffix(name, ".gz"))
	return ext == ".json" || isLines(name)
}

// isLines says by the name whether a file is newline-delimited JSON.
func isLines(name string) bool {
	ext := filepath.Ext(strings.TrimSuffix(name, ".gz"))
	return ext == ".ndjson" || ext == ".jsonl"
}

// cause is the innermost text of an error: "no such file or directory".
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

const bufferSize = 64 << 10

// unpacked is the content of a file, without gzip (RFC 1952), which its first two bytes tell.
func unpacked(in io.Reader) (*bufio.Reader, error) {
	plain := bufio.NewReaderSize(in, bufferSize)
	if head, _ := plain.Peek(2); string(head) != "\x1f\x8b" {
		return plain, nil
	}
	packed, err := gzip.NewReader(plain)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(packed, bufferSize), nil
}
