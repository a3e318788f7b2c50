package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestSecretsAreMasked: passwords, also those that should have been escaped, and secret options are shown nowhere.
func TestSecretsAreMasked(t *testing.T) {
	for store, want := range map[string]string{
		"sqlite:a@b.db":                                  "sqlite:a@b.db",
		"mongodb://db.example.org/portico":               "mongodb://db.example.org/portico",
		"mongodb://user@db.example.org/portico":          "mongodb://user@db.example.org/portico",
		"mongodb://user:se%63ret@db.example.org/portico": "mongodb://user:xxxxx@db.example.org/portico",
		"mongodb://u:secret@a:1,b:2/p?tls=true&w=1":      "mongodb://u:xxxxx@a:1,b:2/p?tls=true&w=1",
		"mongodb://u:p/secret?x@y#z@a/p?w=1":             "mongodb://u:xxxxx@a/p?w=1",
		"mongodb+srv://u:secret:secret@cluster/p":        "mongodb+srv://u:xxxxx@cluster/p",
		"mongodb://a/p?tlsCertificateKeyFilePassword=secret&authMechanismProperties=AWS_SESSION_TOKEN:secret": "mongodb://a/p?tlsCertificateKeyFilePassword=xxxxx&authMechanismProperties=xxxxx",
		"postgres://u:secret@h/db": "postgres://u:xxxxx@h/db",
		"mongodb:/u:secret@h/db":   "(not shown, for it may hold a password)",
	} {
		if got := redact(store); got != want {
			t.Errorf("%s is shown as %s, want %s", store, got, want)
		}
	}
	const store = "mongodb://user:se%63ret%2Ft@h/db"
	for _, text := range []string{`dial: "se%63ret%2Ft" is wrong`, "dial: secret/t is wrong"} {
		cause := errors.New(text)
		err := storeFault(store, "cannot be opened", cause)
		if strings.Contains(err.Error(), "63ret") || strings.Contains(err.Error(), "secret") || !errors.Is(err, cause) || !strings.Contains(err.Error(), "xxxxx") {
			t.Errorf("%v", err)
		}
		var log bytes.Buffer
		l := newLog(&log, Config{Store: store, LogLevel: "info", LogFormat: "json"})
		l.Error(text, "error", fmt.Errorf("lost: %w", cause), "text", text, "number", 1)
		if strings.Contains(log.String(), "63ret") || strings.Contains(log.String(), "secret") || strings.Count(log.String(), "xxxxx") != 3 || !strings.Contains(log.String(), `"number":1`) {
			t.Errorf("%s", &log)
		}
	}
}

// TestStoreSettings: what is no store is told in words, without what might be secret.
func TestStoreSettings(t *testing.T) {
	for store, words := range map[string]string{
		"sqlite:portico.db": "", "mongodb://h/db": "", "mongodb+srv://u:p@h/db?w=majority": "", "mongodb://u:p%2Fq@a:1,b:2,[::1]:3/db": "",
		"sqlite:": "is not known", "portico.db": "is not known", "mongo://u:secret@h/db": "is not known",
		"mongodb://u:p@secret/x@h/db": "cannot be read", "mongodb://u:p?secret@h/db": "cannot be read", "mongodb://h/db?appName=a@b": "cannot be read",
		"mongodb://u:secret@h": "names no host or no database", "mongodb://u:secret@h/": "names no host or no database", "mongodb:///db": "names no host or no database",
		"mongodb://u:secret@h?w=1": "names no host or no database", "mongodb://u:secret@h/?authSource=admin": "names no host or no database",
	} {
		got := badStore(store)
		if (got == "") != (words == "") || !strings.Contains(got, words) || strings.Contains(got, "secret") {
			t.Errorf("%s: %q, want %q", store, got, words)
		}
	}
}
