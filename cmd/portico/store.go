package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir/search"
	"github.com/portico-health/portico/storage"
	"github.com/portico-health/portico/storage/mongo"
	"github.com/portico-health/portico/storage/sqlite"
)

// isMongo says whether a store setting names a MongoDB.
func isMongo(store string) bool {
	return strings.HasPrefix(store, "mongodb://") || strings.HasPrefix(store, "mongodb+srv://")
}

// sqliteFile is the file that a store setting names, or "".
func sqliteFile(store string) string {
	path, ok := strings.CutPrefix(store, "sqlite:")
	if !ok {
		return ""
	}
	return path
}

// storeName is what the operator is told of where a store is: the file, or the connection string without what is secret in it.
func storeName(store string) string {
	if file := sqliteFile(store); file != "" {
		return file
	}
	return redact(store)
}

// badStore says what is wrong with a store setting, or "".
func badStore(store string) string {
	switch {
	case sqliteFile(store) != "":
		return ""
	case !isMongo(store):
		return fmt.Sprintf("%q is not known; it is sqlite:FILE, or the connection string of a MongoDB: mongodb://HOST/DATABASE or mongodb+srv://HOST/DATABASE", redact(store))
	}
	_, rest, _ := strings.Cut(store, "://")
	at := strings.LastIndex(rest, "@") + 1
	if strings.ContainsAny(rest[:max(at-1, 0)], "@/?#[] ") { // the driver would take a part of the password for a host
		return fmt.Sprintf("%q has a user name or password that cannot be read: in these, characters other than letters and digits are written as %%XX, @ as %%40 and / as %%2F", redact(store))
	}
	rest, _, _ = strings.Cut(rest[at:], "?")
	if host, database, _ := strings.Cut(rest, "/"); host == "" || database == "" {
		return fmt.Sprintf("%q names no host or no database; write it as mongodb://HOST/DATABASE, with more hosts behind commas, and options behind a question mark", redact(store))
	}
	return ""
}

// openStore opens the store of a configuration for a server, and makes it where there is none. What it finds there that Portico did not make is
// told to note, unless that is nil.
func openStore(ctx context.Context, c Config, rules *search.Rules, now func() time.Time, note func(string)) (storage.Store, error) {
	var store storage.Store
	var err error
	if isMongo(c.Store) {
		store, err = asStore(mongo.Open(ctx, mongoConfig(c, rules, now, note)))
	} else {
		store, err = asStore(sqlite.Open(ctx, sqlite.Config{Path: sqliteFile(c.Store), Now: now, Alone: true}))
	}
	if err != nil {
		return nil, storeFault(c.Store, "cannot be opened", err)
	}
	return store, nil
}

// openBeside opens the store of a configuration beside the servers that have it open, and makes it where there is none: for its records, of which it needs to know
// no resource types.
func openBeside(ctx context.Context, c Config, rules *search.Rules) (storage.Store, error) {
	var store storage.Store
	var err error
	if isMongo(c.Store) {
		c.Resources = nil
		store, err = asStore(mongo.Open(ctx, mongoConfig(c, rules, time.Now, nil)))
	} else {
		store, err = asStore(sqlite.Open(ctx, sqlite.Config{Path: sqliteFile(c.Store), Now: time.Now}))
	}
	if err != nil {
		return nil, storeFault(c.Store, "cannot be opened", err)
	}
	return store, nil
}

// openToRead opens a store that is there, to read, beside the servers that have it open.
func openToRead(ctx context.Context, c Config, rules *search.Rules) (storage.Store, error) {
	var store storage.Store
	var err error
	if isMongo(c.Store) {
		store, err = asStore(mongo.OpenToRead(ctx, mongoConfig(c, rules, time.Now, nil)))
	} else {
		store, err = asStore(sqlite.OpenToRead(ctx, sqlite.Config{Path: sqliteFile(c.Store), Now: time.Now}))
	}
	if err != nil {
		return nil, storeFault(c.Store, "cannot be opened", err)
	}
	return store, nil
}

func mongoConfig(c Config, rules *search.Rules, now func() time.Time, note func(string)) mongo.Config {
	return mongo.Config{URI: c.Store, SortKeys: rules.Streaming, Types: c.Resources, Now: now, Note: note}
}

// asStore leaves nothing in the interface where there is no store.
func asStore[S storage.Store](store S, err error) (storage.Store, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

// storeFault is what the operator is told of a store that cannot be had: the failure itself, not the words for a client, and nothing secret.
func storeFault(store, what string, err error) error {
	return fmt.Errorf("store: %s %s: %w", storeName(store), what, withoutSecretsOf(store, rootCause(err)))
}
