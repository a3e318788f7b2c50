package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/portico-health/portico/fhir/access"
)

// Network is how the server is reached, and how much it takes: the part of Config that is about connections.
type Network struct {
	TLSCert, TLSKey string         // files; both or none
	BehindProxy     []netip.Prefix // where the proxies are that are believed
	CORSOrigins     []string       // of pages that may call: "https://app.example.org", or "*" alone
	SecurityContact string         // URL for security.txt; "" for none
	MetricsListen   string         // address for /metrics; "" for none of its own

	Limits        access.Limits // of each credential and address
	MaxConcurrent int           // requests under way at once. The setting is 1 at least; in a Config that is not of settings 0 is no limit

	proxies []string // BehindProxy as it was written
}

const defaultMaxConcurrent = 1000

// defineNetwork adds the settings of Network to the flags of a command.
func defineNetwork(f *pflag.FlagSet) {
	f.String("tls-cert", "", "file with the certificate of the server and those between it and its root, as PEM; read again when it changes")
	f.String("tls-key", "", "file with its private key, as PEM")
	f.StringSlice("behind-proxy", nil, "addresses of the proxies that have the certificate instead, such as 10.0.0.5 or 10.0.0.0/24; what they say of clients is believed")
	f.StringSlice("cors-origin", nil, "origins whose pages may call, such as https://app.example.org, or *")
	f.String("security-contact", "", "whom to tell of a vulnerability, for /.well-known/security.txt: mailto:security@example.org or an https URL")
	f.String("metrics-listen", "", "address for /metrics (default: with everything else where that is loopback and without proxy, else nowhere)")
	f.Int("rate-limit", access.DefaultLimits.Requests, "requests a second that each credential may send to this server; 0: no limit")
	f.Int("token-rate-limit", access.DefaultLimits.SignIns, "tokens a minute that each credential may ask for; 0: no limit")
	f.Int("refusal-rate-limit", access.DefaultLimits.Refusals, "wrong credentials a minute that each address may try")
	f.Int("max-concurrent", defaultMaxConcurrent, "requests that are answered at once; more are refused with 503")
}

// readNetwork takes the settings from where all sources left them.
func readNetwork(flags *pflag.FlagSet) (n Network) {
	n.TLSCert, _ = flags.GetString("tls-cert")
	n.TLSKey, _ = flags.GetString("tls-key")
	n.proxies, _ = flags.GetStringSlice("behind-proxy")
	n.CORSOrigins, _ = flags.GetStringSlice("cors-origin")
	n.SecurityContact, _ = flags.GetString("security-contact")
	n.MetricsListen, _ = flags.GetString("metrics-listen")
	n.Limits.Requests, _ = flags.GetInt("rate-limit")
	n.Limits.SignIns, _ = flags.GetInt("token-rate-limit")
	n.Limits.Refusals, _ = flags.GetInt("refusal-rate-limit")
	n.MaxConcurrent, _ = flags.GetInt("max-concurrent")
	return n
}

// settings are those of Network in the form of the configuration file.
func (n *Network) settings() map[string]any {
	return map[string]any{
		"tls-cert": n.TLSCert, "tls-key": n.TLSKey, "behind-proxy": n.BehindProxy, "cors-origin": n.CORSOrigins,
		"security-contact": n.SecurityContact, "metrics-listen": n.MetricsListen,
		"rate-limit": n.Limits.Requests, "token-rate-limit": n.Limits.SignIns, "refusal-rate-limit": n.Limits.Refusals, "max-concurrent": n.MaxConcurrent,
	}
}

// hasTLS says whether the server has a certificate.
func (n *Network) hasTLS() bool { return n.TLSCert != "" && n.TLSKey != "" }

// isEncrypted says whether clients come by TLS, which ends here or at a proxy.
func (n *Network) isEncrypted() bool {
	return n.hasTLS() || len(n.proxies) > 0 || len(n.BehindProxy) > 0
}

// complete reads the addresses of proxies and puts origins as browsers write them.
func (n *Network) complete() (faults []error) {
	for _, text := range n.proxies {
		prefix, err := access.ParsePrefix(text)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("behind-proxy: %q is no IP address and no range of them such as 10.0.0.0/24", text))
		case prefix.Bits() == 0:
			faults = append(faults, fmt.Errorf("behind-proxy: %q is everybody; name the addresses of the proxies", text))
		default:
			n.BehindProxy = append(n.BehindProxy, prefix)
		}
	}
	for i, origin := range n.CORSOrigins {
		n.CORSOrigins[i] = strings.ToLower(origin)
	}
	return faults
}

// faults lists everything that is wrong with the settings by themselves.
func (n *Network) faults() (faults []error) {
	faults = append(faults, n.tlsFaults()...)
	for _, origin := range n.CORSOrigins {
		if fault := badOrigin(origin); fault != "" && (origin != "*" || len(n.CORSOrigins) > 1) {
			faults = append(faults, fmt.Errorf("cors-origin: %q %s", origin, fault))
		}
	}
	checks := []struct {
		bad     bool
		message string
	}{
		{badContact(n.SecurityContact), fmt.Sprintf("security-contact: %q is no URL such as mailto:security@example.org or https://example.org/security", n.SecurityContact)},
		{n.MetricsListen != "" && !isAddress(n.MetricsListen), fmt.Sprintf("metrics-listen: %q is no address with a port of 1 to 65535, such as 127.0.0.1:9090", n.MetricsListen)},
		{n.Limits.Requests < 0, fmt.Sprintf("rate-limit: %d is no number of requests; 0 means that there is no limit", n.Limits.Requests)},
		{n.Limits.SignIns < 0, fmt.Sprintf("token-rate-limit: %d is no number of requests; 0 means that there is no limit", n.Limits.SignIns)},
		{n.Limits.Refusals < 1, fmt.Sprintf("refusal-rate-limit: %d is no number of requests; it is 1 at least", n.Limits.Refusals)},
		{n.MaxConcurrent < 1, fmt.Sprintf("max-concurrent: %d is no number of requests; it is 1 at least", n.MaxConcurrent)},
	}
	for _, check := range checks {
		if check.bad {
			faults = append(faults, errors.New(check.message))
		}
	}
	return faults
}

// tlsFaults finds out whether the files of certificate and key can be used.
func (n *Network) tlsFaults() []error {
	switch {
	case n.TLSCert == "" && n.TLSKey == "":
		return nil
	case n.TLSCert == "":
		return []error{errors.New("tls-cert: it is not set, but tls-key is; a key is of use with its certificate alone")}
	case n.TLSKey == "":
		return []error{errors.New("tls-key: it is not set, but tls-cert is; a certificate is of use with its key alone")}
	}
	if _, err := tls.LoadX509KeyPair(n.TLSCert, n.TLSKey); err != nil {
		return []error{fmt.Errorf("tls-cert, tls-key: %w", err)}
	}
	return nil
}

// reachFaults lists what is wrong with settings together: who can reach the server, and what may travel there.
func (c *Config) reachFaults() (faults []error) {
	if !isAddress(c.Listen) {
		return []error{fmt.Errorf("listen: %q is no address with a port of 1 to 65535, such as 127.0.0.1:8080", c.Listen)}
	}
	away := !loopback(c.Listen)
	checks := []struct {
		bad     bool
		message string
	}{
		{c.Dev && away, fmt.Sprintf("listen: %q can be reached from other machines, and with dev nobody needs a credential; use 127.0.0.1:8080", c.Listen)},
		{c.Dev && c.BaseURL != "" && !loopbackURL(c.BaseURL), "base-url: with dev nobody needs a credential, so that it is for this machine alone; it is a URL such as http://127.0.0.1:8080"},
		{c.Dev && len(c.proxies) > 0, "behind-proxy: with dev nobody needs a credential, so that nobody may come from other machines"},
		{c.Dev && slices.Contains(c.CORSOrigins, "*"), "cors-origin: with dev nobody needs a credential, so that every page of the Web could come in; name the origins"},
		{away && !c.Dev && !c.isEncrypted(), fmt.Sprintf("listen: %q can be reached from other machines; set tls-cert and tls-key, or behind-proxy to the addresses of the proxy that has them", c.Listen)},
		{c.BaseURL == "", "base-url: clients come from other machines; set the URL by which they do, such as https://fhir.example.org"},
		{c.isEncrypted() && strings.HasPrefix(c.BaseURL, "http:"), "base-url: it must begin with https://, for clients come by TLS"},
		{c.MetricsListen == c.Listen, "metrics-listen: it is the same as listen"},
	}
	for _, check := range checks {
		if check.bad {
			faults = append(faults, errors.New(check.message))
		}
	}
	return faults
}

// loopbackURL says whether the host of a URL is this machine.
func loopbackURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && loopbackHost(u.Hostname())
}

// ownMetrics says whether /metrics is with everything else: only there where nobody comes from elsewhere.
func (c *Config) ownMetrics() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return c.MetricsListen == "" && err == nil && loopbackHost(host) && len(c.BehindProxy) == 0
}

// badOrigin says what is wrong with an origin (https://www.rfc-editor.org/rfc/rfc6454#section-6.2), or "".
func badOrigin(origin string) string {
	u, err := url.Parse(origin)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Contains(origin, "*"):
		return "is no origin such as https://app.example.org"
	case u.Scheme+"://"+u.Host != origin:
		return "is more than an origin, which is https:// with a name and perhaps a port"
	case u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
		return "has the port that goes without saying; browsers leave it away"
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		return "is not encrypted; it must begin with https://"
	default:
		return ""
	}
}

// badContact says whether a contact is none that security.txt may have (RFC 9116, 2.5.3).
func badContact(contact string) bool {
	if contact == "" {
		return false
	}
	u, err := url.Parse(contact)
	return err != nil || !(u.Scheme == "https" && u.Host != "" || u.Scheme == "mailto" && strings.Contains(u.Opaque, "@"))
}

// isAddress says whether a text is an address to listen on, with a port.
func isAddress(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 1 && n <= 65535
}
