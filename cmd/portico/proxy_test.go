package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var testProxies = proxies{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("2001:db8:1::/48")}

// TestProxiesAreBelieved, and nobody else.
func TestProxiesAreBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		peer     string
		tls      bool
		header   http.Header
		want     string // RemoteAddr
		proto    string
		disputed bool
	}{
		"nothing is said":           {peer: "10.0.0.1:999", want: "10.0.0.1:0"},
		"X-Forwarded":               {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}, want: "203.0.113.9:0", proto: "https"},
		"in the clear":              {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"HTTP"}}, want: "203.0.113.9:0", proto: "http"},
		"the scheme alone":          {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-Proto": {"http"}}, want: "10.0.0.1:0", proto: "http"},
		"no scheme":                 {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"gopher"}}, want: "203.0.113.9:0"},
		"two proxies":               {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"203.0.113.9, 10.0.0.2"}, "X-Forwarded-Proto": {"https"}}, want: "203.0.113.9:0", proto: "https"},
		"two proxies, two schemes":  {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"203.0.113.9", "10.0.0.2"}, "X-Forwarded-Proto": {"https, http"}}, want: "203.0.113.9:0", proto: "https"},
		"what a client says":        {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"10.0.0.7, 127.0.0.1", "203.0.113.9"}}, want: "203.0.113.9:0"},
		"proxies alone":             {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"10.0.0.3, 10.0.0.2"}}, want: "10.0.0.3:0"},
		"an address with a port":    {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"203.0.113.9:4711"}}, want: "203.0.113.9:0"},
		"IPv6":                      {peer: "[2001:db8:1::1]:999", header: http.Header{"X-Forwarded-For": {"2001:db8:2::9"}}, want: "[2001:db8:2::9]:0"},
		"IPv6 in brackets":          {peer: "[2001:db8:1::1]:999", header: http.Header{"X-Forwarded-For": {"[2001:db8:2::9]"}}, want: "[2001:db8:2::9]:0"},
		"IPv4 within IPv6":          {peer: "[::ffff:10.0.0.1]:999", header: http.Header{"X-Forwarded-For": {"::ffff:203.0.113.9"}}, want: "203.0.113.9:0"},
		"malformed":                 {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"203.0.113.9, <script>"}}, want: "10.0.0.1:0"},
		"malformed before":          {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"<script>, 10.0.0.2"}}, want: "10.0.0.2:0"},
		"empty":                     {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {""}, "Forwarded": {""}}, want: "10.0.0.1:0"},
		"a zone":                    {peer: "10.0.0.1:999", header: http.Header{"X-Forwarded-For": {"fe80::1%eth0"}}, want: "10.0.0.1:0"},
		"Forwarded":                 {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=203.0.113.9;proto=https;by=10.0.0.1;host=fhir.example.org"}}, want: "203.0.113.9:0", proto: "https"},
		"Forwarded, in the clear":   {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"For=203.0.113.9; Proto=http"}}, want: "203.0.113.9:0", proto: "http"},
		"Forwarded, IPv6":           {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {`for="[2001:db8:2::9]:4711"`}}, want: "[2001:db8:2::9]:0"},
		"Forwarded by two":          {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=1.2.3.4;proto=http, for=203.0.113.9;proto=https", "for=10.0.0.2;proto=http"}}, want: "203.0.113.9:0", proto: "https"},
		"Forwarded, hidden":         {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=unknown;proto=https"}}, want: "10.0.0.1:0", proto: "https"},
		"Forwarded, hidden by name": {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=1.2.3.4, for=_gazonk"}}, want: "10.0.0.1:0"},
		"an open quotation before":  {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {`for="1.2.3.4, for=203.0.113.9;proto=https`}}, want: "203.0.113.9:0", proto: "https"},
		"an open quotation, IPv6":   {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {`for=";x="\, for="[2001:db8:2::9]"`}}, want: "[2001:db8:2::9]:0"},
		"said twice":                {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=203.0.113.9;for=203.0.113.8"}}, want: "10.0.0.1:0"},
		"escaped":                   {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {`for="203.0\.113.9"`}}, want: "10.0.0.1:0"},
		"both, the same":            {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=203.0.113.9"}, "X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}, want: "203.0.113.9:0", proto: "https"},
		"both, different":           {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=10.0.0.77"}, "X-Forwarded-For": {"203.0.113.9"}}, disputed: true},
		"both, one hidden":          {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=_hidden;proto=https"}, "X-Forwarded-For": {"198.51.100.7"}}, disputed: true},
		"both, one not told":        {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"proto=https"}, "X-Forwarded-For": {"198.51.100.7"}}, disputed: true},
		"both, the other hidden":    {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=198.51.100.7"}, "X-Forwarded-For": {"unknown"}}, disputed: true},
		"both, hidden farther away": {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=_hidden, for=10.0.0.2"}, "X-Forwarded-For": {"198.51.100.7"}}, disputed: true},
		"both hidden":               {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=_hidden;proto=https"}, "X-Forwarded-For": {"unknown"}}, want: "10.0.0.1:0", proto: "https"},
		"both, one in the clear":    {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"for=203.0.113.9;proto=https"}, "X-Forwarded-Proto": {"http"}}, want: "203.0.113.9:0", proto: "http"},
		"both, one malformed":       {peer: "10.0.0.1:999", header: http.Header{"Forwarded": {"203.0.113.1"}, "X-Forwarded-For": {"203.0.113.9"}}, want: "203.0.113.9:0"},
		"not by a proxy":            {peer: "203.0.113.5:999", header: http.Header{"X-Forwarded-For": {"10.0.0.1"}, "Forwarded": {"for=127.0.0.1;proto=https"}, "X-Forwarded-Proto": {"https"}}, want: "203.0.113.5:999", proto: "http"},
		"not by a proxy, but TLS":   {peer: "203.0.113.5:999", tls: true, header: http.Header{"X-Forwarded-For": {"10.0.0.1"}}, want: "203.0.113.5:999", proto: "https"},
		"from this machine":         {peer: "127.0.0.1:999", header: http.Header{"X-Forwarded-For": {"10.0.0.1"}, "X-Forwarded-Proto": {"https"}}, want: "127.0.0.1:999"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/fhir/metadata", nil)
			r.RemoteAddr, r.Header, r.TLS = c.peer, c.header, nil
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			came := testProxies.read(r)
			if came.disputed != c.disputed || !c.disputed && (r.RemoteAddr != c.want || came.proto != c.proto) {
				t.Errorf("from %s by %q, disputed %v", r.RemoteAddr, came.proto, came.disputed)
			}
		})
	}
}

// FuzzProxies: whatever clients write before it, what the proxy writes at the end of its header is read, and nothing else.
func FuzzProxies(f *testing.F) {
	for _, text := range []string{"", "1.2.3.4", `for=1.2.3.4`, `for="`, `for="[::1]:80", for=_x`, `"\",`, ",,;;==", "for=10.0.0.2", "10.0.0.2,", "unknown"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, said string) {
		for _, header := range []http.Header{
			{"X-Forwarded-For": {said + ", 2001:db8:2::9"}},
			{"X-Forwarded-For": {said, "[2001:db8:2::9]:4711"}},
			{"Forwarded": {said + `, proto=https;for="[2001:db8:2::9]"`}},
			{"Forwarded": {said, `for="[2001:db8:2::9]:4711";by=_proxy`}},
		} {
			came := testProxies.believe(netip.MustParseAddr("10.0.0.1"), header)
			if came.from != netip.MustParseAddr("2001:db8:2::9") || came.disputed {
				t.Errorf("%q leads to %v", header, came.from)
			}
		}
		alone := testProxies.believe(netip.MustParseAddr("10.0.0.1"), http.Header{"Forwarded": {said}, "X-Forwarded-Proto": {said}, "X-Forwarded-For": {said}})
		if !alone.from.IsValid() || alone.from.Zone() != "" || !slices.Contains([]string{"", "http", "https"}, alone.proto) {
			t.Errorf("%q leads to %+v", said, alone)
		}
	})
}

// TestBehindProxy asks a server as a proxy does: the client's address is where the request comes from, and nothing is answered in the clear.
func TestBehindProxy(t *testing.T) {
	r := start(t, t.TempDir(), func(c *Config) {
		c.BehindProxy, c.BaseURL = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "https://portico.example.org"
	})
	for name, c := range map[string]struct {
		path   string
		header http.Header
		status int
		hsts   bool
	}{
		"encrypted":             {"/fhir/metadata", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}, 200, true},
		"not said":              {"/fhir/metadata", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, 200, false},
		"in the clear":          {"/fhir/metadata", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"http"}}, 403, false},
		"a token":               {"/auth/token", http.Header{"Forwarded": {"for=203.0.113.9;proto=http"}}, 403, false},
		"health":                {"/healthz", http.Header{"X-Forwarded-Proto": {"http"}}, 200, false},
		"readiness":             {"/readyz", http.Header{"X-Forwarded-Proto": {"http"}}, 200, false},
		"two stories":           {"/fhir/metadata", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"for=203.0.113.8"}}, 400, false},
		"metrics are elsewhere": {"/metrics", http.Header{"X-Forwarded-Proto": {"https"}}, 404, true},
	} {
		answer, body := ask(t, http.DefaultClient, http.MethodGet, r.url+c.path, c.header)
		if answer.StatusCode != c.status || (answer.Header.Get("Strict-Transport-Security") != "") != c.hsts {
			t.Errorf("%s: %s, %v", name, answer.Status, answer.Header)
		}
		if (c.status == 400 || c.status == 403) && (!strings.HasPrefix(body, `{"resourceType":"OperationOutcome"`) || answer.Header.Get("X-Request-Id") == "") {
			t.Errorf("%s: %v, %s", name, answer.Header, body)
		}
	}
	if r.end(t); strings.Count(r.log.String(), `"msg":"request"`) != 8 {
		t.Errorf("eight requests, one line each, but the log is %s", r.log)
	}
}
