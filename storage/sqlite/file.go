package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	busyTimeout     = 5_000   // milliseconds that a statement waits for another process
	writerCache     = -16_000 // KiB, as PRAGMA cache_size wants it
	readerCache     = -8_000
	checkpointPages = 8_000 // 32 MB of the write-ahead log, before it is folded into the file
	logLimit        = 64 << 20
)

// makeFile makes sure that the file and its folder exist, and returns the path that it has without symbolic links: the log, and the lock of
// who is alone, are beside the file itself, whichever way leads to it.
func makeFile(path string) (resolved string, err error) {
	if err := makeMissing(path); err != nil {
		return "", err
	}
	if resolved, err = filepath.EvalSymlinks(path); err != nil {
		return "", fmt.Errorf("%s leads to no file: %w. Bring the file back, or remove the link", path, err)
	}
	return resolved, nil
}

// makeMissing makes a file and its folder for the owner's eyes alone. SQLite gives its log and index files the mode of
// the file. An empty file would become a new store without a word: what is there must be more.
func makeMissing(path string) error {
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return makeNewFile(path)
	case err != nil:
		return fmt.Errorf("%w. Make the folder readable %s", err, forTheUser)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file. Name one", path)
	case info.Size() == 0:
		return fmt.Errorf("%s is empty. Restore it from a backup, or remove it, and a new store is made", path)
	default:
		return nil
	}
}

// makeNewFile makes a file, unless a log tells that there was one.
func makeNewFile(path string) error {
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		return fmt.Errorf("%s is missing, but its log %s-wal is there. Bring the file back, or remove the log and restore the file from a backup", path, path)
	}
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err == nil {
			return f.Close()
		}
	}
	if errors.Is(err, fs.ErrExist) { // another process was quicker
		return nil
	}
	return fmt.Errorf("%w. Make the folder writable %s, or name another file", err, forTheUser)
}

// dsn is the URI of a connection (https://www.sqlite.org/uri.html), with its pragmas, so that every
// connection has them from its first statement on.
func dsn(path string, cache int, more ...string) string {
	pragmas := append([]string{
		"busy_timeout(" + strconv.Itoa(busyTimeout) + ")",
		"cache_size(" + strconv.Itoa(cache) + ")",
		"temp_store(memory)",
	}, more...)
	return uri(path) + "?" + url.Values{"_pragma": pragmas}.Encode()
}

// uri is a path in a URI's form.
func uri(path string) string {
	segments := strings.Split(filepath.ToSlash(path), "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return "file:" + strings.Join(segments, "/")
}

func writerDSN(path string) string {
	return dsn(path, writerCache, "journal_mode(wal)", "synchronous(full)",
		"wal_autocheckpoint("+strconv.Itoa(checkpointPages)+")", "journal_size_limit("+strconv.Itoa(logLimit)+")")
}

// existingDSN is for a file that is there; nothing can be written by it: https://www.sqlite.org/uri.html#urimode.
func existingDSN(path string) string { return dsn(path, readerCache) + "&mode=ro" }

// untouchedDSN is for a file that nobody can write: https://www.sqlite.org/uri.html#uriimmutable.
func untouchedDSN(path string) string { return dsn(path, readerCache) + "&immutable=1" }

func readerDSN(path string) string {
	return dsn(path, readerCache, "query_only(1)")
}
