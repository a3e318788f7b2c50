package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/portico-health/portico/conformance"
)

// Config is everything that can be configured. A flag goes before an environment variable, that before the
// file, that before the default.
type Config struct {
	Listen    string        `koanf:"listen"`
	Store     string        `koanf:"store"`
	BaseURL   string        `koanf:"base-url"`
	Resources []string      `koanf:"resources"`
	Dev       bool          `koanf:"dev"`
	LogLevel  string        `koanf:"log-level"`
	LogFormat string        `koanf:"log-format"`
	Grace     time.Duration `koanf:"grace"`
}

const (
	envPrefix   = "PORTICO_"
	envTests    = "PORTICO_TEST_" // read by the tests, not by the program
	envFile     = "PORTICO_CONFIG"
	defaultFile = "portico.yaml"

	defaultStore = "sqlite:portico-data/portico.db"
	devStore     = "sqlite:portico-data/dev.db"
)

// defineSettings adds the settings of Config to the flags of a command: name, default and meaning.
func defineSettings(f *pflag.FlagSet) {
	f.String("listen", "127.0.0.1:8080", "address to listen on, loopback only")
	f.String("store", "", "where the data is: sqlite:FILE (default "+defaultStore+", with --dev "+devStore+")")
	f.String("base-url", "", "URL by which clients reach the server, without /fhir; default: http:// and the listen address")
	f.StringSlice("resources", nil, "resource types to serve: a list, or all (default the nineteen of booking and care)")
	f.Bool("dev", false, "development: a store of its own, filled once with demo data")
	f.String("log-level", "info", "debug, info, warn or error")
	f.String("log-format", "auto", "text, json, or auto: text on a terminal")
	f.Duration("grace", 10*time.Second, "how long requests under way may take when the server stops")
	f.String("config", "", "configuration file (default "+defaultFile+" if it exists)")
}

// loadConfig reads the configuration from its four sources. Its error names every fault at once.
func loadConfig(flags *pflag.FlagSet, environ func() []string) (Config, error) {
	k := koanf.New(".")
	faults := []error{loadFile(k, flags, environ)}
	known := knownSettings(flags)
	if err := k.Load(env.Provider(".", env.Opt{Prefix: envPrefix, EnvironFunc: environ, TransformFunc: fromEnv}), nil); err != nil {
		faults = append(faults, err)
	}
	for _, key := range k.Keys() {
		if !slices.Contains(known, key) {
			faults = append(faults, fmt.Errorf("the setting %q is not known; known are %s", key, strings.Join(known, ", ")))
		}
	}
	if err := k.Load(posflag.Provider(flags, ".", k), nil); err != nil {
		faults = append(faults, err)
	}
	var c Config
	if err := k.Unmarshal("", &c); err != nil {
		faults = append(faults, err)
	}
	c.complete()
	faults = append(faults, c.faults()...)
	return c, errors.Join(faults...)
}

// loadFile reads the configuration file: the named one, or the default one if it is there.
func loadFile(k *koanf.Koanf, flags *pflag.FlagSet, environ func() []string) error {
	path, _ := flags.GetString("config")
	for _, v := range environ() {
		if named, ok := strings.CutPrefix(v, envFile+"="); ok && path == "" {
			path = named
		}
	}
	named := path != ""
	if !named {
		path = defaultFile
	}
	err := k.Load(file.Provider(path), yaml.Parser())
	if err != nil && (named || !errors.Is(err, fs.ErrNotExist)) {
		return fmt.Errorf("the configuration file %s: %w", path, err)
	}
	return nil
}

// fromEnv turns PORTICO_BASE_URL into base-url.
func fromEnv(name, value string) (string, any) {
	if name == envFile || strings.HasPrefix(name, envTests) {
		return "", nil
	}
	key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-")
	if key == "resources" {
		return key, strings.Split(value, ",")
	}
	return key, value
}

// knownSettings lists the settings that a file or the environment may have.
func knownSettings(flags *pflag.FlagSet) []string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "help" {
			names = append(names, f.Name)
		}
	})
	return names
}

// complete fills in the defaults that depend on other settings.
func (c *Config) complete() {
	if c.Store == "" {
		c.Store = defaultStore
		if c.Dev {
			c.Store = devStore
		}
	}
	if c.BaseURL == "" {
		c.BaseURL = "http://" + c.Listen
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
}

// faults lists everything that is wrong with the settings, in words that say what would be right.
func (c *Config) faults() []error {
	checks := []struct {
		bad     bool
		message string
	}{
		{!loopback(c.Listen), fmt.Sprintf("listen: %q is no loopback address with a port; credentials and TLS are not there yet, so that nothing else is served (use 127.0.0.1:8080)", c.Listen)},
		{sqliteFile(c.Store) == "", fmt.Sprintf("store: %q is not known; it is sqlite:FILE", redact(c.Store))},
		{!absoluteURL(c.BaseURL), fmt.Sprintf("base-url: %q is no absolute http or https URL without query", c.BaseURL)},
		{!slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel), fmt.Sprintf("log-level: %q is not debug, info, warn or error", c.LogLevel)},
		{!slices.Contains([]string{"auto", "text", "json"}, c.LogFormat), fmt.Sprintf("log-format: %q is not auto, text or json", c.LogFormat)},
		{c.Grace < 0, "grace: it cannot be negative"},
	}
	var faults []error
	for _, check := range checks {
		if check.bad {
			faults = append(faults, errors.New(check.message))
		}
	}
	if _, err := conformance.ServedTypes(c.Resources); err != nil {
		faults = append(faults, fmt.Errorf("resources: %w", err))
	}
	return faults
}

// loopback says whether an address is one of this machine's own, with a port.
func loopback(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func absoluteURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

// sqliteFile is the file that a store setting names, or "".
func sqliteFile(store string) string {
	path, ok := strings.CutPrefix(store, "sqlite:")
	if !ok {
		return ""
	}
	return path
}

// redact hides the password of a URL.
func redact(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "(unreadable)"
	}
	return u.Redacted()
}

// environ is the environment without the variables that are not the program's.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return !strings.HasPrefix(v, envPrefix) })
}
