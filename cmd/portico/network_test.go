package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNetworkSettings holds combinations of settings against what is said of them: by the beginning of each line.
func TestNetworkSettings(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, "one")
	_, foreign := writeCertificate(t, dir, "two")
	noPEM := filepath.Join(dir, "no.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	withTLS := func(args ...string) []string { return append(args, "--tls-cert", cert, "--tls-key", key) }
	const https = "--base-url=https://fhir.example.org"
	for name, c := range map[string]struct {
		args  []string
		wants []string // none: no fault
	}{
		"defaults":                           {},
		"TLS on loopback":                    {args: withTLS()},
		"TLS for everybody":                  {args: withTLS("--listen", ":443", https)},
		"TLS by a name":                      {args: withTLS("--listen", "fhir.example.org:443", https)},
		"a proxy on this machine":            {args: []string{"--behind-proxy", "127.0.0.1,::1", https}},
		"a proxy elsewhere":                  {args: []string{"--listen", "0.0.0.0:8080", "--behind-proxy", "10.1.0.0/16,2001:db8::/32,192.0.2.7", https}},
		"TLS behind a proxy":                 {args: withTLS("--listen", "[::]:8443", "--behind-proxy", "10.1.2.3", https)},
		"nothing for everybody":              {args: []string{"--listen", "0.0.0.0:8080"}, wants: []string{"listen: ", "base-url: clients"}},
		"everybody without a URL":            {args: withTLS("--listen", ":443"), wants: []string{"base-url: clients"}},
		"a proxy without a URL":              {args: []string{"--behind-proxy", "127.0.0.1"}, wants: []string{"base-url: clients"}},
		"TLS with an http URL":               {args: withTLS("--base-url=http://fhir.example.org"), wants: []string{"base-url: it must begin with https"}},
		"a proxy with an http URL":           {args: []string{"--behind-proxy", "127.0.0.1", "--base-url=http://fhir.example.org"}, wants: []string{"base-url: it must begin with https"}},
		"everybody as proxy":                 {args: []string{"--behind-proxy", "0.0.0.0/0,::/0", https}, wants: []string{`behind-proxy: "0.0.0.0/0" is everybody`, `behind-proxy: "::/0" is everybody`}},
		"proxies that are none":              {args: []string{"--behind-proxy", "10.0.0.0/33,proxy.example.org,fe80::1%eth0", https}, wants: []string{`behind-proxy: "10.0.0.0/33"`, `behind-proxy: "proxy.example.org"`, `behind-proxy: "fe80::1%eth0"`}},
		"dev for everybody":                  {args: withTLS("--dev", "--listen", ":443", https), wants: []string{`listen: ":443" can be reached from other machines, and with dev`, "base-url: with dev"}},
		"dev behind a proxy":                 {args: []string{"--dev", "--behind-proxy", "127.0.0.1", https}, wants: []string{"base-url: with dev", "behind-proxy: with dev"}},
		"dev by a public name":               {args: []string{"--dev", "--base-url", "http://fhir.example.org:8080"}, wants: []string{"base-url: with dev"}},
		"dev by a name like localhost":       {args: []string{"--dev", "--base-url", "http://localhost.example.org"}, wants: []string{"base-url: with dev"}},
		"dev by a name of this machine":      {args: []string{"--dev", "--base-url", "http://localhost:8080"}},
		"dev by an address of IPv6":          {args: []string{"--dev", "--listen", "[::1]:8080", "--base-url", "http://[::1]:8080"}},
		"dev for all pages":                  {args: []string{"--dev", "--cors-origin", "*"}, wants: []string{"cors-origin: with dev"}},
		"dev for some pages":                 {args: []string{"--dev", "--cors-origin", "http://localhost:3000"}},
		"no port":                            {args: []string{"--listen", "127.0.0.1"}, wants: []string{`listen: "127.0.0.1" is no address`}},
		"a certificate alone":                {args: []string{"--tls-cert", cert}, wants: []string{"tls-key: it is not set"}},
		"a key alone":                        {args: []string{"--tls-key", key}, wants: []string{"tls-cert: it is not set"}},
		"a foreign key":                      {args: []string{"--tls-cert", cert, "--tls-key", foreign}, wants: []string{"tls-cert, tls-key: tls: private key does not match public key"}},
		"a file that is not there":           {args: []string{"--tls-cert", filepath.Join(dir, "gone"), "--tls-key", key}, wants: []string{"tls-cert, tls-key: open "}},
		"no certificate in the file":         {args: []string{"--tls-cert", noPEM, "--tls-key", key}, wants: []string{"tls-cert, tls-key: tls: failed to find"}},
		"origins":                            {args: []string{"--cors-origin", "https://App.example.org,http://127.0.0.1:3000,https://example.org:8443"}},
		"all origins":                        {args: []string{"--cors-origin", "*"}},
		"origins and all of them":            {args: []string{"--cors-origin", "*,https://example.org"}, wants: []string{`cors-origin: "*" is no origin`}},
		"no origins":                         {args: []string{"--cors-origin", "example.org,null,https://*.example.org"}, wants: []string{`cors-origin: "example.org" is no`, `cors-origin: "null" is no`, `cors-origin: "https://*.example.org" is no`}},
		"more than origins":                  {args: []string{"--cors-origin", "https://example.org/,https://example.org/app,https://u@example.org"}, wants: []string{`cors-origin: "https://example.org/" is more`, `cors-origin: "https://example.org/app" is more`, `cors-origin: "https://u@example.org" is more`}},
		"an origin that browsers do not say": {args: []string{"--cors-origin", "https://example.org:443"}, wants: []string{`cors-origin: "https://example.org:443" has the port`}},
		"an origin in the clear":             {args: []string{"--cors-origin", "http://example.org"}, wants: []string{`cors-origin: "http://example.org" is not encrypted`}},
		"contact by mail":                    {args: []string{"--security-contact", "mailto:security@example.org"}},
		"contact by page":                    {args: []string{"--security-contact", "https://example.org/security"}},
		"no contact":                         {args: []string{"--security-contact", "security@example.org"}, wants: []string{`security-contact: "security@example.org"`}},
		"contact in the clear":               {args: []string{"--security-contact", "http://example.org"}, wants: []string{`security-contact: "http://example.org"`}},
		"contact of two lines":               {args: []string{"--security-contact", "mailto:a@example.org\nContact: mailto:b@example.org"}, wants: []string{"security-contact: "}},
		"metrics elsewhere":                  {args: []string{"--metrics-listen", "127.0.0.1:9090"}},
		"metrics without port":               {args: []string{"--metrics-listen", "127.0.0.1"}, wants: []string{"metrics-listen: "}},
		"metrics in the same place":          {args: []string{"--metrics-listen", "127.0.0.1:8080"}, wants: []string{"metrics-listen: it is the same"}},
		"no limits":                          {args: []string{"--rate-limit", "0", "--token-rate-limit", "0"}},
		"limits below none":                  {args: []string{"--rate-limit", "-1", "--token-rate-limit", "-2", "--refusal-rate-limit", "0", "--max-concurrent", "0"}, wants: []string{"rate-limit: -1", "token-rate-limit: -2", "refusal-rate-limit: 0", "max-concurrent: 0"}},
		"all at once": {
			args: []string{"--listen", ":80", "--tls-cert", cert, "--behind-proxy", "x", "--cors-origin", "x", "--security-contact", "x", "--metrics-listen", "x", "--rate-limit", "many"},
			wants: []string{`--rate-limit: "many" is no whole number`, `behind-proxy: "x"`, "base-url: clients", "tls-key: ", `cors-origin: "x"`, `security-contact: "x"`,
				`metrics-listen: "x"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			_, err := loadConfig(settings(t, c.args...), none)
			var lines []string
			if err != nil {
				lines = strings.Split(err.Error(), "\n")
			}
			ok := len(lines) == len(c.wants)
			for i := range min(len(lines), len(c.wants)) {
				ok = ok && strings.HasPrefix(lines[i], c.wants[i])
			}
			if !ok {
				t.Errorf("the faults are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(c.wants, "\n"))
			}
		})
	}
}

// TestNetworkComesOut as it was said: what config print writes is read as the same.
func TestNetworkComesOut(t *testing.T) {
	t.Chdir(t.TempDir())
	cert, key := writeCertificate(t, t.TempDir(), "one")
	args := []string{
		"--listen", ":8443", "--base-url", "https://fhir.example.org", "--tls-cert", cert, "--tls-key", key, "--behind-proxy", "10.0.0.5,::ffff:192.0.2.1,2001:db8::1/32",
		"--cors-origin", "https://App.example.org", "--security-contact", "mailto:security@example.org", "--metrics-listen", "127.0.0.1:9090", "--rate-limit", "7",
		"--token-rate-limit", "8", "--refusal-rate-limit", "10", "--max-concurrent", "9",
	}
	said, err := loadConfig(settings(t, args...), none)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := printConfig(&file, said); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(defaultFile, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := loadConfig(settings(t), none)
	if err != nil {
		t.Fatal(err)
	}
	got, want := read.Network.settings(), said.Network.settings()
	if diff := cmp.Diff(want, got, cmp.Transformer("text", func(p interface{ String() string }) string { return p.String() })); diff != "" {
		t.Errorf("(-said +read):\n%s", diff)
	}
	var proxies []string
	for _, p := range read.BehindProxy {
		proxies = append(proxies, p.String())
	}
	if got, want := strings.Join(proxies, " "), "10.0.0.5/32 192.0.2.1/32 2001:db8::/32"; got != want {
		t.Errorf("the proxies are %s, want %s", got, want)
	}
}

// TestOwnMetrics are there where nobody comes from other machines.
func TestOwnMetrics(t *testing.T) {
	for _, c := range []struct {
		args []string
		want bool
	}{
		{nil, true},
		{[]string{"--metrics-listen", "127.0.0.1:9090"}, false},
		{[]string{"--behind-proxy", "127.0.0.1", "--base-url", "https://fhir.example.org"}, false},
		{[]string{"--behind-proxy", "127.0.0.1", "--base-url", "https://fhir.example.org", "--listen", ":8080"}, false},
	} {
		config, err := loadConfig(settings(t, c.args...), none)
		if err != nil || config.ownMetrics() != c.want {
			t.Errorf("%v: %v, %v", c.args, config.ownMetrics(), err)
		}
	}
}
