package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
)

// Lengths of the parts of a key, behind its mode.
const (
	idLength     = 22 // 131 bits of chance
	secretLength = 43 // 256 bits
)

// Bounds of a credential, so that its record stays small.
const (
	maxName     = 200 // characters
	maxSites    = 500
	maxScopes   = 200
	maxPrefixes = 200
	maxFormer   = 4 // secrets that work for their grace time, beside the present one
	maxGrace    = 365 * 24 * time.Hour
)

// kept is a credential as it is kept.
type kept struct {
	Credential
	Secrets []heldSecret `json:"secrets,omitempty"` // the newest first
}

// splitKey parts a key into id and secret: ^(test|live)_[0-9A-Za-z]{22}\.[0-9A-Za-z]{43}$.
func splitKey(key string) (id, secret string, ok bool) {
	id, secret, _ = strings.Cut(key, ".")
	return id, secret, validID(id) && len(secret) == secretLength && ofAlphabet(secret)
}

// validID says whether a text has the form of the id of a credential.
func validID(id string) bool {
	const mode = len("test_")
	return len(id) == mode+idLength && (id[:mode] == "test_" || id[:mode] == "live_") && ofAlphabet(id[mode:])
}

func ofAlphabet(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// CreateCredential makes a credential. The key is its whole text, which is told only now; "" for a client that signs its assertions.
// Invalid says everything that is wrong at once: sites that are not there, scopes, both JWKS and JWKSURL, keys that cannot be used, an end in the past.
func (r Registry) CreateCredential(ctx context.Context, n NewCredential) (c Credential, key string, err error) {
	c, err = r.draft(ctx, n)
	if err != nil {
		return Credential{}, "", err
	}
	c.ID, c.Created = string(c.Mode)+"_"+chance(idLength), r.Now().UTC()
	k := kept{Credential: c}
	if len(c.JWKS) == 0 && c.JWKSURL == "" {
		key = k.renew()
	}
	if err := r.store(ctx, credentialRecords+c.ID, 0, k); err != nil {
		return Credential{}, "", err
	}
	return c, key, nil
}

// renew gives a credential another secret, and returns its key.
func (k *kept) renew() (key string) {
	secret := chance(secretLength)
	k.Secrets = slices.Insert(k.Secrets, 0, heldSecret{Digest: digestOf(secret)})
	return k.ID + "." + secret
}

// Credentials lists those of a site, or all for "", by time of creation.
func (r Registry) Credentials(ctx context.Context, site string) ([]Credential, error) {
	list, err := all[Credential](ctx, r, credentialRecords)
	if err != nil {
		return nil, err
	}
	if site != "" {
		list = slices.DeleteFunc(list, func(c Credential) bool {
			return !slices.ContainsFunc(c.Sites, func(s string) bool { return siteKey(s) == siteKey(site) })
		})
	}
	slices.SortFunc(list, func(a, b Credential) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// Credential returns one. NotFound.
func (r Registry) Credential(ctx context.Context, id string) (Credential, error) {
	k, err := r.credential(ctx, id)
	return k.Credential, err
}

// credential reads a credential as it is kept. NotFound.
func (r Registry) credential(ctx context.Context, id string) (kept, error) {
	if !validID(id) {
		return kept{}, noCredential(nil)
	}
	k, _, err := fetch[kept](ctx, r, credentialRecords+id)
	if errors.Is(err, fhir.NotFound) {
		return kept{}, noCredential(err)
	}
	return k, err
}

func noCredential(cause error) error {
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no credential of this id.").Because(cause)
}

// RotateCredential gives a credential a new secret. Former ones work for the grace time on, at most: those of earlier rotations whose own grace time ends
// sooner end then, and only the four latest are kept. NotFound; Invalid for a grace time that is negative or longer than a year; Unprocessable for one that is revoked or expired, or has no secret.
func (r Registry) RotateCredential(ctx context.Context, id string, grace time.Duration) (c Credential, key string, err error) {
	switch {
	case grace < 0:
		return c, "", fhir.Errorf(fhir.Invalid, fhir.CodeValue, "The grace time cannot be negative.").At("grace")
	case grace > maxGrace:
		return c, "", fhir.Errorf(fhir.Invalid, fhir.CodeValue, "The grace time is a year (%s) at most.", maxGrace).At("grace")
	}
	k, err := r.alterCredential(ctx, id, func(k *kept) error {
		now := r.Now().UTC()
		if state := k.State(now); state != "active" {
			return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "The credential is %s; make another one.", state)
		}
		if len(k.Secrets) == 0 {
			return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "The client signs its assertions, and has no secret that could be changed.")
		}
		k.retire(now, grace)
		key = k.renew()
		k.Rotated = now
		return nil
	})
	if err != nil {
		return Credential{}, "", err
	}
	return k.Credential, key, nil
}

// retire lets no secret work for longer than the grace time.
func (k *kept) retire(now time.Time, grace time.Duration) {
	end := now.Add(grace)
	for i := range k.Secrets {
		if s := &k.Secrets[i]; s.Until.IsZero() || end.Before(s.Until) {
			s.Until = end
		}
	}
	k.Secrets = slices.DeleteFunc(k.Secrets, func(s heldSecret) bool { return !s.works(now) })
	k.Secrets = k.Secrets[:min(len(k.Secrets), maxFormer)]
}

// RevokeCredential ends a credential for ever, and the tokens that it got; one that is revoked stays so. NotFound.
func (r Registry) RevokeCredential(ctx context.Context, id string) (Credential, error) {
	k, err := r.alterCredential(ctx, id, func(k *kept) error {
		if k.Revoked.IsZero() {
			k.Revoked = r.Now().UTC()
		}
		return nil
	})
	return k.Credential, err
}

func (r Registry) alterCredential(ctx context.Context, id string, by func(*kept) error) (kept, error) {
	if _, err := r.credential(ctx, id); err != nil {
		return kept{}, err
	}
	return alter(ctx, r, credentialRecords+id, by)
}

// draft makes a credential of what is asked for, but for its id. Invalid, with everything that is wrong.
func (r Registry) draft(ctx context.Context, n NewCredential) (Credential, error) {
	if string(n.JWKS) == "null" { // in JSON, that is to say nothing
		n.JWKS = nil
	}
	c := Credential{Name: n.Name, Mode: n.Mode, Expires: n.Expires.UTC(), JWKS: n.JWKS, JWKSURL: n.JWKSURL}
	f := &faults{}
	if utf8.RuneCountInString(n.Name) > maxName {
		f.add("name", "The name has more than %d characters.", maxName)
	}
	if n.Mode != Test && n.Mode != Live {
		f.add("mode", "%s is no mode; there are test and live.", fhir.Quote(string(n.Mode)))
	}
	switch {
	case n.Expires.IsZero():
	case !n.Expires.After(r.Now()):
		f.add("expires", "The end is not in the future.")
	case c.Expires.Year() > 9999:
		f.add("expires", "The end is after the year 9999 in UTC, which no time that is written can be. Leave it out for a credential without end.")
	}
	c.Scopes = r.draftScopes(n.Scopes, f)
	c.Allow = draftPrefixes(n.Allow, f)
	draftKeys(n, f)
	var err error
	if c.Sites, err = r.draftSites(ctx, n.Sites, f); err != nil {
		return Credential{}, err
	}
	return c, f.err()
}

// draftSites are the names of sites as the sites have them.
func (r Registry) draftSites(ctx context.Context, names []string, f *faults) (sites []string, err error) {
	switch {
	case len(names) == 0:
		f.add("sites", "A credential is for one site at least.")
	case len(names) > maxSites:
		f.add("sites", "A credential is for %d sites at most.", maxSites)
		return nil, nil
	}
	for i, name := range names {
		s, err := r.Site(ctx, name)
		switch {
		case errors.Is(err, fhir.NotFound):
			f.add(fmt.Sprintf("sites[%d]", i), "There is no site %s.", fhir.Quote(name))
		case err != nil:
			return nil, err
		case !slices.Contains(sites, s.Name):
			sites = append(sites, s.Name)
		}
	}
	return sites, nil
}

// draftScopes are scopes in the form of WriteScopes.
func (r Registry) draftScopes(scopes []string, f *faults) []string {
	if len(scopes) == 0 {
		scopes = []string{DefaultScope}
	}
	if len(scopes) > maxScopes {
		f.add("scopes", "A credential has %d scopes at most.", maxScopes)
		return nil
	}
	given, admin, err := ParseScopes(scopes)
	if f.take(err); err != nil {
		return nil
	}
	for i, scope := range scopes {
		resourceType, _, _ := parseScope(scope)
		if r.IsType != nil && resourceType != "" && resourceType != fhir.AnyType && !r.IsType(resourceType) {
			f.add(fmt.Sprintf("scopes[%d]", i), "The scope %s names no resource type of R4.", fhir.Quote(scope))
		}
	}
	return WriteScopes(given, admin)
}

// ParsePrefix reads a range of addresses, such as 192.0.2.0/24 or 2001:db8::/32, or a single address, which is a range of one. An IPv4 address that is written as one of IPv6 is
// the IPv4 address. Bits that mean nothing are cleared; one with a zone is an error.
func ParsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix.Masked(), err
}

// draftPrefixes are the addresses from which a credential works, without the bits that mean nothing.
func draftPrefixes(prefixes []netip.Prefix, f *faults) (list []netip.Prefix) {
	if len(prefixes) > maxPrefixes {
		f.add("allow", "A credential has %d ranges of addresses at most.", maxPrefixes)
		return nil
	}
	for i, p := range prefixes {
		switch {
		case !p.IsValid():
			f.add(fmt.Sprintf("allow[%d]", i), "This is no range of addresses, as 192.0.2.0/24.")
		case p.Addr().Is4In6():
			f.add(fmt.Sprintf("allow[%d]", i), "Write an IPv4 address as such, not in IPv6.")
		default:
			list = append(list, p.Masked())
		}
	}
	return list
}

// draftKeys looks at the keys of a client that signs its assertions.
func draftKeys(n NewCredential, f *faults) {
	if len(n.JWKS) > 0 && n.JWKSURL != "" {
		f.add("jwks_url", "A client has keys, or a URL where they are, not both.")
	}
	if len(n.JWKS) > 0 {
		f.take(checkKeySet(n.JWKS))
	}
	if n.JWKSURL == "" {
		return
	}
	u, err := url.Parse(n.JWKSURL)
	if err != nil || len(n.JWKSURL) > maxURL || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		f.add("jwks_url", "The keys of a client are fetched from an absolute https URL of at most %d bytes, without user and fragment.", maxURL)
	}
}

const maxURL = 2000 // bytes, of JWKSURL

// faults gathers what is wrong.
type faults struct{ issues []fhir.Issue }

func (f *faults) add(path, format string, args ...any) {
	f.issues = append(f.issues, fhir.Issue{Severity: fhir.Severe, Code: fhir.CodeValue, Path: path, Detail: fmt.Sprintf(format, args...)})
}

// take adds the issues of an error; none of nil.
func (f *faults) take(err error) {
	if err != nil {
		f.issues = append(f.issues, fhir.AsError(err).Issues...)
	}
}

// err is Invalid with everything, or nil.
func (f *faults) err() error {
	if len(f.issues) == 0 {
		return nil
	}
	return &fhir.Error{Kind: fhir.Invalid, Issues: f.issues}
}
