package main

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// masked stands where a secret was.
const masked = "xxxxx"

// secretOptions are the options of a connection string that are secret, in small letters:
// https://www.mongodb.com/docs/manual/reference/connection-string-options/.
var secretOptions = []string{"authmechanismproperties", "proxypassword", "sslclientcertificatekeypassword", "tlscertificatekeyfilepassword"}

// redact is a store setting without its secrets. What is no setting, and might hold any, is not shown at all.
func redact(store string) string {
	shown, _ := withoutSecrets(store)
	return shown
}

// withoutSecrets is a store setting without its secrets, and these as they are written in it: the password, also one with characters that should
// have been escaped, and options.
func withoutSecrets(store string) (shown string, secrets []string) {
	scheme, rest, isURL := strings.Cut(store, "://")
	switch {
	case !isURL && sqliteFile(store) == "" && strings.Contains(store, "@"):
		return "(not shown, for it may hold a password)", nil
	case !isURL:
		return store, nil
	}
	shown = scheme + "://"
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		user, password, _ := strings.Cut(rest[:at], ":")
		shown += user
		if password != "" {
			shown, secrets = shown+":"+masked, append(secrets, password)
		}
		shown, rest = shown+"@", rest[at+1:]
	}
	place, options, _ := strings.Cut(rest, "?")
	shown += place
	for i, option := range strings.Split(options, "&") {
		name, value, _ := strings.Cut(option, "=")
		if value != "" && slices.Contains(secretOptions, strings.ToLower(name)) {
			option, secrets = name+"="+masked, append(secrets, value)
		}
		if option != "" {
			shown += map[bool]string{true: "?", false: "&"}[i == 0] + option
		}
	}
	return shown, secrets
}

// hideSecrets returns what puts masks for the secrets of a store setting into a text, as they are written there and as what they mean; nil where there
// are none.
func hideSecrets(store string) func(text string) string {
	_, secrets := withoutSecrets(store)
	if secrets == nil {
		return nil
	}
	for _, written := range secrets {
		if meant, err := url.PathUnescape(written); err == nil {
			secrets = append(secrets, meant)
		}
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	return func(text string) string {
		for _, secret := range secrets {
			text = strings.ReplaceAll(text, secret, masked)
		}
		return text
	}
}

// hidden is an error in whose text no secrets are left. What it wraps can be asked for its kind, and not for its text.
type hidden struct {
	cause error
	text  string
}

// Error is the text without secrets.
func (h hidden) Error() string { return h.text }

// Is says what errors.Is says of the error itself.
func (h hidden) Is(target error) bool { return errors.Is(h.cause, target) }

// withoutSecretsOf is an error in whose text the secrets of a store setting are masked.
func withoutSecretsOf(store string, err error) error {
	hide := hideSecrets(store)
	if hide == nil || err == nil {
		return err
	}
	return hidden{cause: err, text: hide(sentence(err))}
}

// hideInLog masks the secrets of a store setting in the texts and errors of a log.
func hideInLog(store string) func(groups []string, a slog.Attr) slog.Attr {
	hide := hideSecrets(store)
	if hide == nil {
		return nil
	}
	return func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value.Any().(type) {
		case string:
			a.Value = slog.StringValue(hide(v))
		case error:
			a.Value = slog.StringValue(hide(v.Error()))
		}
		return a
	}
}
