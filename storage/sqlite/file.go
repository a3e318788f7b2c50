package sqlite

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	busyTimeout     = 5_000   // milliseconds that a statement waits for another process
	writerCache     = -24_000 // KiB, as PRAGMA cache_size wants it
	readerCache     = -8_000
	checkpointPages = 4_000 // of the write-ahead log, before it is folded into the file
	logLimit        = 64 << 20
)

// makeFile makes sure that the file and its folder exist, for the owner's eyes alone. SQLite gives
// its log and index files the mode of the file.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn is the URI of a connection (https://www.sqlite.org/uri.html), with its pragmas, so that every
// connection has them from its first statement on.
func dsn(path string, cache int, more ...string) string {
	pragmas := append([]string{
		"busy_timeout(" + strconv.Itoa(busyTimeout) + ")",
		"cache_size(" + strconv.Itoa(cache) + ")",
		"temp_store(memory)",
	}, more...)
	segments := strings.Split(filepath.ToSlash(path), "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return "file:" + strings.Join(segments, "/") + "?" + url.Values{"_pragma": pragmas}.Encode()
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
