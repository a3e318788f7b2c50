package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
)

// Config is everything that can be configured. A flag goes before an environment variable, that before the
// file, that before the default.
type Config struct {
	Listen    string
	Store     string
	BaseURL   string
	Resources []string // the served types, sorted
	Dev       bool
	LogLevel  string
	LogFormat string
	Grace     time.Duration

	SearchParameters string              // file or directory of SearchParameters
	Custom           []search.Definition // what is in it
	TextSearch       []string            // the types of which _text and _content search the words, sorted

	HoldTime time.Duration // of $hold, as in engine.Config

	SearchBudget   int // of a page of a search, as in engine.Config
	SearchIncludes int

	Audit     audit.Mode    // what the audit trail records
	AuditKeep time.Duration // how long

	Network
}

const (
	envPrefix   = "PORTICO_"
	envTests    = "PORTICO_TEST_" // read by the tests, not by the program
	envFile     = "PORTICO_CONFIG"
	envKey      = "PORTICO_KEY" // of load, which others must not see in the list of processes
	defaultFile = "portico.yaml"

	defaultStore = "sqlite:portico-data/portico.db"
	devStore     = "sqlite:portico-data/dev.db"
)

// defineSettings adds the settings of Config to the flags of a command: name, default and meaning.
func defineSettings(f *pflag.FlagSet) {
	f.String("listen", "127.0.0.1:8080", "address to listen on; others than loopback need tls-cert and tls-key, or behind-proxy")
	f.String("store", "", "where the data is: sqlite:FILE or mongodb://HOST/DATABASE (default "+defaultStore+", with --dev "+devStore+")")
	f.String("base-url", "", "URL by which clients reach the server, without /fhir; default: the listen address where that is loopback")
	f.StringSlice("resources", nil, "resource types to serve: a list, or all (default the nineteen of booking and care)")
	f.String("search-parameters", "", "file or directory with SearchParameters of your own, as JSON")
	f.StringSlice("text-search", nil, "types of which _text and _content search the words: a list, or all (default none)")
	f.Bool("dev", false, "development: a store of its own, filled once with demo data")
	f.String("log-level", "info", "debug, info, warn or error")
	f.String("log-format", "auto", "text, json, or auto: text on a terminal")
	f.Duration("grace", 10*time.Second, "how long requests under way may take when the server stops")
	f.Duration("hold-time", engine.DefaultHoldTime, "how long an appointment is held by $hold")
	f.Int("search-budget", engine.DefaultSearchBudget, "resources and index entries that a page of a search may look at in vain")
	f.Int("search-includes", engine.DefaultMaxIncludes, "resources that _include and _revinclude may bring with a page of a search")
	keep := period(audit.DefaultKeep)
	f.String("audit", string(audit.All), "what is recorded of who did what to whose data: all, writes (with refusals and sign-ins), or off")
	f.Var(&keep, "audit-keep", "how long that is kept, such as 400d or 9600h")
	defineNetwork(f)
	f.String("config", "", "configuration file (default "+defaultFile+" if it exists)")
	f.VisitAll(func(flag *pflag.Flag) {
		if settingForms[flag.Value.Type()] != "" {
			flag.Value = &forgiving{Value: flag.Value}
		}
	})
}

// forgiving is the value of a flag that takes down what it cannot read and stays what it was: a command line would end at the first fault, in
// words of the language that it is written in.
type forgiving struct {
	pflag.Value
	misread *string
}

// Set never fails.
func (p *forgiving) Set(text string) error {
	before := p.String()
	if p.Value.Set(text) != nil {
		p.misread = &text
		return p.Value.Set(before)
	}
	return nil
}

// misread tells what could not be read of a flag's value.
func misread(flag *pflag.Flag, source string) []error {
	v, ok := flag.Value.(*forgiving)
	if !ok || v.misread == nil {
		return nil
	}
	return []error{fmt.Errorf("%s: %q is no %s", source, *v.misread, settingForms[v.Type()])}
}

// settingForms says in words what the types of settings look like that not every text is one of.
var settingForms = map[string]string{
	"bool": "true or false", "duration": "length of time; write it as 10s or 2m", "period": "length of time; write it as 400d or 9600h", "int": fmt.Sprintf("whole number of at most %d", math.MaxInt),
}

// loadConfig reads the configuration from its four sources: what the command line does not say is set from the
// environment, and then from the file. Its error names every fault at once.
func loadConfig(flags *pflag.FlagSet, environ func() []string) (Config, error) {
	said := map[string]bool{}
	var faults []error
	flags.VisitAll(func(f *pflag.Flag) {
		said[f.Name] = f.Changed
		faults = append(faults, misread(f, "--"+f.Name)...)
	})
	faults = append(faults, setFromEnv(flags, said, environ())...)
	faults = append(faults, setFromFile(flags, said, environ())...)
	c := readFlags(flags)
	faults = append(faults, c.complete()...)
	faults = append(faults, c.faults()...)
	return c, errors.Join(faults...)
}

// setFromEnv takes settings from variables such as PORTICO_BASE_URL. An empty variable says nothing.
func setFromEnv(flags *pflag.FlagSet, said map[string]bool, environ []string) (faults []error) {
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || name == envFile || name == envKey || strings.HasPrefix(name, envTests) || value == "" {
			continue
		}
		setting := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-")
		faults = append(faults, set(flags, said, setting, value, name)...)
	}
	return faults
}

// setFromFile takes settings from the configuration file: the named one, or the default one if it is there.
func setFromFile(flags *pflag.FlagSet, said map[string]bool, environ []string) (faults []error) {
	path, _ := flags.GetString("config")
	for _, variable := range environ {
		if named, ok := strings.CutPrefix(variable, envFile+"="); ok && path == "" {
			path = named
		}
	}
	named := path != ""
	if !named {
		path = defaultFile
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	var settings map[string]yaml.Node
	if err == nil {
		err = yaml.Unmarshal(text, &settings)
	}
	if err != nil {
		return []error{fmt.Errorf("the configuration file cannot be read: %w", err)}
	}
	for setting, node := range settings {
		value, ok := plainValue(node)
		if !ok {
			faults = append(faults, fmt.Errorf("%s in %s: it must be one value or a list of values", setting, path))
			continue
		}
		faults = append(faults, set(flags, said, setting, value, setting+" in "+path)...)
	}
	return faults
}

// plainValue is a value of the file as a flag would have it: a list with commas.
func plainValue(node yaml.Node) (string, bool) {
	var values []string
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return "", true
	case node.Kind == yaml.ScalarNode:
		return node.Value, true
	case node.Kind == yaml.SequenceNode && node.Decode(&values) == nil:
		return strings.Join(values, ","), true
	default:
		return "", false
	}
}

// set gives a setting its value unless a source of higher rank did. Source names the place for the error.
func set(flags *pflag.FlagSet, said map[string]bool, setting, value, source string) []error {
	if !slices.Contains(knownSettings(flags), setting) {
		return []error{fmt.Errorf("%s: there is no such setting; there are %s", source, strings.Join(knownSettings(flags), ", "))}
	}
	if said[setting] || value == "" {
		return nil
	}
	said[setting] = true
	flag := flags.Lookup(setting)
	if err := flag.Value.Set(value); err != nil {
		return []error{fmt.Errorf("%s: %q is no list", source, value)}
	}
	return misread(flag, source)
}

// readFlags takes the settings from where all sources left them.
func readFlags(flags *pflag.FlagSet) (c Config) {
	c.Listen, _ = flags.GetString("listen")
	c.Store, _ = flags.GetString("store")
	c.BaseURL, _ = flags.GetString("base-url")
	c.Resources, _ = flags.GetStringSlice("resources")
	c.SearchParameters, _ = flags.GetString("search-parameters")
	c.TextSearch, _ = flags.GetStringSlice("text-search")
	c.Dev, _ = flags.GetBool("dev")
	c.LogLevel, _ = flags.GetString("log-level")
	c.LogFormat, _ = flags.GetString("log-format")
	c.Grace, _ = flags.GetDuration("grace")
	c.HoldTime, _ = flags.GetDuration("hold-time")
	c.SearchBudget, _ = flags.GetInt("search-budget")
	c.SearchIncludes, _ = flags.GetInt("search-includes")
	mode, _ := flags.GetString("audit")
	c.Audit, c.AuditKeep = audit.Mode(mode), periodOf(flags, "audit-keep")
	c.Network = readNetwork(flags)
	return c
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

// complete fills in the defaults that depend on other settings, and puts names for what they stand for.
func (c *Config) complete() (faults []error) {
	if c.Store == "" {
		c.Store = defaultStore
		if c.Dev {
			c.Store = devStore
		}
	}
	faults = append(faults, c.Network.complete()...)
	if c.BaseURL == "" && loopback(c.Listen) && len(c.proxies) == 0 {
		c.BaseURL = "http://" + c.Listen
		if c.hasTLS() {
			c.BaseURL = "https://" + c.Listen
		}
	} else if c.BaseURL != "" {
		c.BaseURL = strings.TrimRight(c.BaseURL, "/")
		if fault := badBaseURL(c.BaseURL); fault != "" {
			faults = append(faults, errors.New("base-url: "+fault))
		}
	}
	types, err := conformance.ServedTypes(c.Resources)
	if err != nil {
		return append(faults, fmt.Errorf("resources: %w", err))
	}
	c.Resources = types
	faults = append(faults, c.completeTextSearch()...)
	return append(faults, c.readParameters()...)
}

// completeTextSearch puts the served types for all, and finds out that the named ones are served.
func (c *Config) completeTextSearch() (faults []error) {
	var types []string
	for _, typ := range c.TextSearch {
		switch {
		case typ == "all":
			types = append(types, c.Resources...)
		case slices.Contains(c.Resources, typ):
			types = append(types, typ)
		default:
			faults = append(faults, fmt.Errorf("text-search: %q is no resource type that is served; it is all, or some of %s", typ, strings.Join(c.Resources, ", ")))
		}
	}
	slices.Sort(types)
	c.TextSearch = slices.Compact(types)
	return faults
}

// readParameters reads the operator's own search parameters and finds out whether they can be served.
func (c *Config) readParameters() (faults []error) {
	custom, unread := readParameters(c.SearchParameters)
	c.Custom = custom
	for _, err := range append(unread, rulesFaults(*c)...) {
		faults = append(faults, fmt.Errorf("search-parameters: %w", err))
	}
	return faults
}

// faults lists everything that is wrong with the settings, in words that say what would be right.
func (c *Config) faults() (faults []error) {
	faults = append(c.reachFaults(), c.Network.faults()...)
	checks := []struct {
		bad     bool
		message string
	}{
		{badStore(c.Store) != "", "store: " + badStore(c.Store)},
		{!slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel), fmt.Sprintf("log-level: %q is not debug, info, warn or error", c.LogLevel)},
		{!slices.Contains([]string{"auto", "text", "json"}, c.LogFormat), fmt.Sprintf("log-format: %q is not auto, text or json", c.LogFormat)},
		{c.Grace < 0, "grace: it cannot be negative"},
		{!slices.Contains([]audit.Mode{audit.All, audit.Writes, audit.Off}, c.Audit), fmt.Sprintf("audit: %q is not all, writes or off", c.Audit)},
		{c.AuditKeep < day, "audit-keep: it is a day (1d) at least"},
		{c.HoldTime < time.Second || c.HoldTime > day, fmt.Sprintf("hold-time: %v is not between 1s and 24h", c.HoldTime)},
		{c.SearchBudget < 1, fmt.Sprintf("search-budget: %d is no number of resources and index entries; it is 1 at least", c.SearchBudget)},
		{c.SearchIncludes < 1, fmt.Sprintf("search-includes: %d is no number of resources; it is 1 at least", c.SearchIncludes)},
	}
	for _, check := range checks {
		if check.bad {
			faults = append(faults, errors.New(check.message))
		}
	}
	return faults
}

// badBaseURL says what is wrong with the URL of the server, or "". It does not repeat the URL, which may hold a password.
func badBaseURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return "it is no absolute http or https URL such as https://fhir.example.org"
	case u.User != nil:
		return "it has a user or password, which do not belong into links"
	case u.RawQuery != "" || u.Fragment != "":
		return "it has a query or fragment; it is the URL of the server alone"
	case strings.HasSuffix(u.Path, conformance.FHIRPath):
		return "it ends in " + conformance.FHIRPath + ", which the server adds itself"
	default:
		return ""
	}
}

// loopback says whether an address is one of this machine's own, with a port.
func loopback(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 1 && n <= 65535 && loopbackHost(host)
}

// loopbackHost says whether a name or IP address is one of this machine's own.
func loopbackHost(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// environ is the environment without the variables that are not the program's.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return !strings.HasPrefix(v, envPrefix) })
}
