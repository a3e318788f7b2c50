package outward

import "net/netip"

// Public says whether an address is one of the public Internet that a single machine has: none of the special-purpose ranges of
// https://www.iana.org/assignments/iana-ipv4-special-registry and https://www.iana.org/assignments/iana-ipv6-special-registry, no multicast, nothing
// reserved. An IPv4 address inside an IPv6 one is judged as the IPv4 address where packets would go to that one.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if a.Is4() {
		return !within(a, special4)
	}
	if nat64.Contains(a) {
		b := a.As16()
		return Public(netip.AddrFrom4([4]byte(b[12:])))
	}
	return a.Zone() == "" && unicast6.Contains(a) && !within(a, special6)
}

func within(a netip.Addr, ranges []netip.Prefix) bool {
	for _, p := range ranges {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

var (
	// nat64 is where a translator reaches the IPv4 address in the last four bytes (RFC 6052). The prefix for local use, 64:ff9b:1::/48, is none of it.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")

	// unicast6 is all that is given out for global unicast (RFC 4291). Outside are loopback, unspecified, link-local, site-local, unique local, multicast,
	// IPv4-compatible addresses, segment routing (5f00::/16) and the discard prefix (100::/64).
	unicast6 = netip.MustParsePrefix("2000::/3")
)

var special4 = prefixes(
	"0.0.0.0/8",       // this network; Linux takes 0.0.0.0 for itself
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // shared by a carrier's customers; metadata of some clouds
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local; metadata of most clouds
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // relays of 6to4
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast
)

var special6 = prefixes(
	"2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4: whatever its IPv4 address, a relay would carry it there
	"3fff::/20",     // documentation
)

func prefixes(texts ...string) []netip.Prefix {
	ps := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		ps[i] = netip.MustParsePrefix(t)
	}
	return ps
}
