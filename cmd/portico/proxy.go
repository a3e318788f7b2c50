package main

import (
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// Names of the headers of proxies, in the form in which Go keys them.
const (
	headerForwarded      = "Forwarded"
	headerForwardedFor   = "X-Forwarded-For"
	headerForwardedProto = "X-Forwarded-Proto"
)

// What is wrong with how a request comes.
var (
	errClear = fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden,
		"The request came unencrypted: everything in it, also a credential, could be read on its way. Use the URL that begins with https://.")
	errDisputed = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid,
		"Forwarded and X-Forwarded-For name different clients. A client sends neither; a proxy sets one, and removes the other.")
)

// arrive finds out where a request comes from before it goes on: its RemoteAddr is then that of the client, as the proxies say that are believed.
// It refuses what came in the clear, but for those who ask how the server is, and tells who came by TLS to do so always (HSTS, RFC 6797).
func (a *App) arrive(next, inClear, disputed http.Handler) http.Handler {
	trusted := proxies(a.Config.BehindProxy)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came := hop{proto: "https"}
		if len(trusted) > 0 {
			came = trusted.read(r)
		} else if r.TLS == nil {
			came.proto = ""
		}
		switch {
		case came.disputed:
			disputed.ServeHTTP(w, r)
			return
		case came.proto == "http" && !isHealth(r.URL.Path):
			inClear.ServeHTTP(w, r)
			return
		case came.proto == "https":
			w.Header()["Strict-Transport-Security"] = hsts
		}
		next.ServeHTTP(w, r)
	})
}

// hop is how a request came to a server: from which address, and by which scheme.
type hop struct {
	from     netip.Addr // not valid where it is not told, or in no form that can be read
	told     bool       // somebody told from where, be it that they hide it
	proto    string     // "http", "https", or "" where it is not told
	disputed bool       // there are two stories
}

// proxies are those that are believed, by their addresses.
type proxies []netip.Prefix

func (p proxies) include(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// read tells how the client came, and puts its address into the request. Of what comes without one of the proxies nothing is believed, and it
// must be encrypted unless it comes from this machine.
func (p proxies) read(r *http.Request) hop {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return hop{proto: "http"} // no connection that there is
	}
	came := hop{from: peer.Addr().Unmap().WithZone("")}
	switch {
	case p.include(came.from):
		came = p.believe(came.from, r.Header)
		r.RemoteAddr = netip.AddrPortFrom(came.from, 0).String()
	case r.TLS != nil:
		came.proto = "https"
	case !came.from.IsLoopback():
		came.proto = "http"
	}
	return came
}

// believe tells how the client came by what the headers say, which a proxy sent. A header that the proxy does not set is the client's own, and could say
// anything: where both tell of a client, both must tell the same, also where one hides the address.
func (p proxies) believe(proxy netip.Addr, h http.Header) hop {
	standard := p.follow(proxy, forwarded(h[headerForwarded]))
	usual := p.follow(proxy, forwardedFor(h[headerForwardedFor], h[headerForwardedProto]))
	came := standard
	if usual.told {
		came.from = usual.from
		came.disputed = standard.told && standard.from != usual.from
	}
	if came.proto == "" || usual.proto == "http" {
		came.proto = usual.proto
	}
	return came
}

// follow goes back from a proxy, hop by hop, to the first address that is none of a proxy that is believed. What was said before that, anybody could say.
func (p proxies) follow(proxy netip.Addr, hops iter.Seq[hop]) hop {
	came := hop{from: proxy}
	for h := range hops {
		came.proto, came.told = h.proto, came.told || h.told
		if !h.from.IsValid() {
			break
		}
		if came.from = h.from; !p.include(came.from) {
			break
		}
	}
	return came
}

// forwarded reads Forwarded (RFC 7239) from its end, where the nearest proxy has written.
func forwarded(lines []string) iter.Seq[hop] {
	return func(yield func(hop) bool) {
		for element := range fromEnd(lines) {
			if !yield(forwardedElement(element)) {
				return
			}
		}
	}
}

// forwardedFor reads X-Forwarded-For and X-Forwarded-Proto from their ends. A proxy may add to the second, or leave it as the first one wrote it.
func forwardedFor(addresses, protos []string) iter.Seq[hop] {
	return func(yield func(hop) bool) {
		schemes := slices.Collect(fromEnd(protos))
		i := 0
		proto := func() string {
			if len(schemes) == 0 {
				return ""
			}
			return scheme(schemes[min(i, len(schemes)-1)])
		}
		for address := range fromEnd(addresses) {
			if !yield(hop{from: node(address), told: address != "", proto: proto()}) {
				return
			}
			i++
		}
		if i == 0 {
			yield(hop{proto: proto()})
		}
	}
}

// fromEnd goes through the elements of a header that is a list, backwards: what a proxy wrote at the end is read before all that clients wrote, who may leave a
// quotation open.
func fromEnd(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for more := true; more; {
				var element string
				line, element, more = cutLast(line)
				if !yield(strings.Trim(element, " \t")) {
					return
				}
			}
		}
	}
}

// cutLast takes the last element off a list. Commas within quotation marks do not part elements; a mark without its other is within the element.
func cutLast(list string) (rest, element string, more bool) {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch {
		case list[i] == '"':
			quoted = !quoted
		case list[i] == ',' && !quoted:
			return list[:i], list[i+1:], true
		}
	}
	return "", list, false
}

// forwardedElement reads what one proxy says: for=192.0.2.60;proto=https;by=203.0.113.43. Nothing is believed of what is not well-formed.
func forwardedElement(element string) (h hop) {
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(element, ";") {
		name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
		name = strings.ToLower(name)
		if quoted, is := strings.CutPrefix(value, `"`); is {
			value, ok = strings.CutSuffix(quoted, `"`)
		}
		if !ok || seen[name] || strings.ContainsAny(value, "\" \t\\") {
			return hop{}
		}
		seen[name] = true
		switch name {
		case "for":
			h.from = node(value)
		case "proto":
			h.proto = scheme(value)
		}
	}
	h.told = true
	return h
}

// scheme is that of a URL, or "" where it is neither http nor https.
func scheme(text string) string {
	for _, known := range []string{"http", "https"} {
		if strings.EqualFold(text, known) {
			return known
		}
	}
	return ""
}

// node reads the address of a node, with or without a port: 192.0.2.43, 192.0.2.43:47011, [2001:db8::17]:47011, 2001:db8::17. It is not valid for what is
// hidden ("unknown", "_hidden"), or malformed.
func node(text string) netip.Addr {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return plainAddr(with.Addr())
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(inner, ":") {
			return netip.Addr{}
		}
		text = inner
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return plainAddr(addr)
}

// plainAddr is an address as it is compared. One with a zone is of a network of which others know nothing.
func plainAddr(addr netip.Addr) netip.Addr {
	if addr.Zone() != "" {
		return netip.Addr{}
	}
	return addr.Unmap()
}
