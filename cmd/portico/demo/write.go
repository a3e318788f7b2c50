package demo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/portico-health/portico/fhir"
)

// WriteNDJSON writes resources as newline-delimited JSON (https://github.com/ndjson/ndjson-spec), media type
// application/fhir+ndjson: one a line, in the order in which they come.
func WriteNDJSON(w io.Writer, resources iter.Seq[fhir.Resource]) error {
	lines := lines{Writer: bufio.NewWriterSize(w, 64<<10)}
	for r := range resources {
		if err := lines.write(r); err != nil {
			return fmt.Errorf("write the data: %w", err)
		}
	}
	if err := lines.Flush(); err != nil {
		return fmt.Errorf("write the data: %w", err)
	}
	return nil
}

// WriteFiles writes resources into a file for each type, such as Patient.ndjson, in a directory that it makes when there is
// none. Files of these names are overwritten, others left alone.
func WriteFiles(dir string, resources iter.Seq[fhir.Resource]) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the directory for the data: %w", err)
	}
	files := files{dir: dir, open: map[string]*file{}}
	var failed error
	for r := range resources {
		if failed = files.write(r); failed != nil {
			break
		}
	}
	if err := errors.Join(failed, files.close()); err != nil {
		return fmt.Errorf("write the data: %w", err)
	}
	return nil
}

// lines writes resources, one a line.
type lines struct {
	*bufio.Writer
	text []byte
}

func (l *lines) write(r fhir.Resource) error {
	l.text = append(fhir.AppendJSON(l.text[:0], r.Root()), '\n')
	_, err := l.Write(l.text)
	return err
}

type file struct {
	*os.File
	lines lines
}

// files are the open files by type of resource.
type files struct {
	dir  string
	open map[string]*file
}

func (f files) write(r fhir.Resource) error {
	to := f.open[r.Type()]
	if to == nil {
		created, err := os.Create(filepath.Join(f.dir, r.Type()+".ndjson"))
		if err != nil {
			return err
		}
		to = &file{File: created, lines: lines{Writer: bufio.NewWriter(created)}}
		f.open[r.Type()] = to
	}
	return to.lines.write(r)
}

func (f files) close() error {
	var all []error
	for _, o := range f.open {
		all = append(all, o.lines.Flush(), o.Close())
	}
	return errors.Join(all...)
}
