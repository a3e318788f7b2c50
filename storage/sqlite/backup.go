package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/portico-health/portico/fhir"
)

// Backup writes a copy of a store to a file that is not there yet, as it is at one moment, while this or other processes read and write
// it, and returns the size of the copy in bytes. The copy is made under another name beside the file, examined by SQLite, made durable, and only then named;
// it is readable for its owner alone, and needs no other file. When it fails, or ctx ends, nothing is left. Conflict when there is something of the file's name; Unavailable
// when store or file cannot be had; Internal when the store or the copy is none.
func Backup(ctx context.Context, store, file string) (bytes int64, err error) {
	store, err = filepath.Abs(store)
	if err == nil {
		file, err = filepath.Abs(file)
	}
	if err != nil {
		return 0, unavailable().Because(err)
	}
	if _, err := os.Lstat(file); err == nil {
		return 0, isThere(file)
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		return 0, unavailable().Because(err)
	}
	partial, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".partial-*") // for the owner alone
	if err != nil {
		return 0, unavailable().Because(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(partial.Name()) // the failure is told already
			err = classify(ctx, err)
		}
	}()
	if err := partial.Close(); err != nil {
		return 0, err
	}
	if err := copyStore(ctx, store, partial.Name()); err != nil {
		return 0, err
	}
	if err := examineCopy(ctx, partial.Name()); err != nil {
		return 0, err
	}
	return keep(partial.Name(), file)
}

func isThere(file string) error {
	return fhir.Errorf(fhir.Conflict, fhir.CodeConflict, "There is a file of that name already; a backup overwrites nothing.").Because(fmt.Errorf("%s exists", file))
}

// copyStore writes the store as one transaction sees it into an empty file: https://www.sqlite.org/lang_vacuum.html#vacuuminto.
func copyStore(ctx context.Context, store, empty string) (err error) {
	c, _, err := dialExisting(ctx, store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := belongs(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", store, err)
	}
	return c.exec(ctx, "VACUUM INTO ?", empty)
}

// examineCopy refuses a copy that is not sound in the eyes of SQLite.
func examineCopy(ctx context.Context, path string) (err error) {
	c, err := dial(path, untouchedDSN(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := belongs(ctx, c); err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	said, err := integrityOf(ctx, c)
	if err == nil && len(said) > 0 {
		err = fmt.Errorf("the copy is damaged: %s", said[0])
	}
	return err
}

// keep makes a whole file durable and gives it its name, unless somebody else has taken that meanwhile. An empty file holds the place first,
// for to rename alone would overwrite, and to link is not possible on every file system.
func keep(partial, file string) (bytes int64, err error) {
	if bytes, err = flush(partial); err != nil {
		return 0, err
	}
	place, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return 0, isThere(file)
	}
	if err != nil {
		return 0, unavailable().Because(err)
	}
	if err := errors.Join(place.Close(), os.Rename(partial, file)); err != nil {
		return 0, unavailable().Because(errors.Join(err, os.Remove(file)))
	}
	if _, err := flush(filepath.Dir(file)); err != nil { // a name that a crash may take away again is none
		return 0, errors.Join(err, os.Remove(file))
	}
	return bytes, nil
}

// flush makes a file or folder durable, and returns its size.
func flush(path string) (size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, unavailable().Because(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, unavailable().Because(err)
	}
	if err := f.Sync(); err != nil {
		return 0, unavailable().Because(err)
	}
	return info.Size(), nil
}
