package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// Challenges of 401, as header lines. They are shared, and not to be changed. One without an error is for those who present no credential, or none of a kind that
// is taken here: https://www.rfc-editor.org/rfc/rfc6750#section-3.
var (
	challenge        = []string{`Bearer realm="portico"`}
	challengeInvalid = []string{`Bearer realm="portico", error="invalid_token"`}
)

// attempt is a request on its way in.
type attempt struct {
	who    fhir.Principal // as far as it is known
	from   netip.Addr
	holder *holder // whose credential it says it is; nil where that is not known
	proven bool    // that it is
}

// Authenticate says who asks: a rest.Authenticate. It holds the limits, tells them in the headers of the answer, and records what it refuses.
func (a *Access) Authenticate(r *http.Request, answer http.Header) (fhir.Principal, error) {
	now := a.Now()
	t := attempt{}
	t.from, t.who.Address = addressOf(r.RemoteAddr)
	if id := r.Header["X-Request-Id"]; len(id) > 0 {
		t.who.Request = id[0]
	}
	if err := a.admit(r, answer, &t, now); err != nil {
		return fhir.Principal{}, a.refuse(r, answer, &t, now, err)
	}
	return t.who, nil
}

// admit takes an attempt through everything that it has to pass.
func (a *Access) admit(r *http.Request, answer http.Header, t *attempt, now time.Time) error {
	c, err := presented(r)
	switch {
	case err != nil:
		return err
	case c.text == "" && a.config.Anonymous != nil:
		return a.admitAnonymous(r, t)
	case c.text == "":
		answer["Www-Authenticate"] = challenge
		return fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The request has no credential. It takes a key (Authorization: KEY, or x-api-key: KEY) or an access token (Authorization: Bearer TOKEN).")
	case c.strange:
		answer["Www-Authenticate"] = challenge
		return fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The scheme of Authorization is not taken here, but Bearer, or the key alone; Basic is for %s.", TokenPath).At("http.Authorization")
	case c.bearer && strings.Count(c.text, ".") == 2:
		err = a.proveToken(r.Context(), t, c.text, now)
	default:
		err = a.proveKey(r.Context(), t, c.text, now)
	}
	if err != nil {
		return err
	}
	taken := a.requests.take(t.holder.ID, now)
	taken.tell(answer)
	if !taken.ok {
		return fhir.Errorf(fhir.Throttled, fhir.CodeThrottled, "The credential has had its %d requests a second. Retry-After says when to go on.", taken.limit)
	}
	if err := t.holder.usable(now, t.from); err != nil {
		return err
	}
	return a.chooseSite(r, t, now)
}

// admitAnonymous lets in who has no credential.
func (a *Access) admitAnonymous(r *http.Request, t *attempt) error {
	who := *a.config.Anonymous
	who.Request, who.Address = t.who.Request, t.who.Address
	t.who, t.proven = who, true // nobody has more to prove
	asked, err := askedSite(r.Header)
	if err == nil && asked != "" && !strings.EqualFold(asked, a.config.AnonymousSite) {
		err = siteNotOpen()
	}
	return err
}

// proveKey finds out whose key it is.
func (a *Access) proveKey(ctx context.Context, t *attempt, key string, now time.Time) error {
	id, secret, ok := splitKey(key)
	if !ok {
		return wrongCredential()
	}
	t.who.Client = id
	h, err := a.lookUp(ctx, t.from, id, now)
	if err != nil {
		return err
	}
	if h != nil && !h.proves(secret, now) && a.lookUps.take(limitName(t.from), now).ok { // its secret may have been changed within the last half second
		a.holders.forget(id)
		if h, err = a.lookUp(ctx, t.from, id, now); err != nil {
			return err
		}
	}
	if t.holder = h; !h.proves(secret, now) {
		return wrongCredential()
	}
	t.proven = true
	t.who.Client, t.who.Scopes, t.who.Admin = h.ID, h.scopes, h.admin
	return nil
}

// lookUpsBeyond is how much is found out a second for an address that was refused too often.
const lookUpsBeyond = 50

// mayLookUp says whether it may be found out for an address what takes a look into the store or a signature. Where it was refused too often that is bounded: to try many
// costs little, and a right credential that this node does not know yet still gets in, when one of its tries is among those.
func (a *Access) mayLookUp(from netip.Addr, now time.Time) bool {
	name := limitName(from)
	return a.refusals.peek(name, now).ok || a.lookUps.take(name, now).ok
}

// lookUp returns a credential; nil where there is none, and where it was not there lately and mayLookUp says no.
func (a *Access) lookUp(ctx context.Context, from netip.Addr, id string, now time.Time) (*holder, error) {
	if h, ok := a.holders.remembered(id, now); ok {
		return h, nil
	}
	if !a.holders.was(id) && !a.mayLookUp(from, now) {
		return nil, nil
	}
	h, err := a.holders.get(ctx, id, now)
	if errors.Is(err, fhir.NotFound) {
		return nil, nil
	}
	return h, err
}

// proveToken finds out whose access token it is.
func (a *Access) proveToken(ctx context.Context, t *attempt, token string, now time.Time) error {
	g, h, err := a.verifiedFrom(ctx, token, t.from)
	t.who.Client = g.client
	if err != nil {
		if g.client != "" {
			t.holder, _ = a.lookUp(ctx, t.from, g.client, now) // only the record of the refusal would be less exact without
		}
		return err
	}
	t.holder, t.proven = h, true
	t.who.Client, t.who.Scopes, t.who.Admin = h.ID, intersect(g.scopes, h.scopes), g.admin && h.admin // a token is never more than its credential
	return nil
}

// chooseSite says in which partition the request works.
func (a *Access) chooseSite(r *http.Request, t *attempt, now time.Time) error {
	name, err := askedSite(r.Header)
	if err != nil {
		return err
	}
	if name == "" {
		if name = t.onlySite(); name == "" {
			return fhir.Errorf(fhir.Invalid, fhir.CodeRequired, "The credential is for several sites: %s. SU-SiteId says for which of them the request is.", some(t.holder.Sites)).At("http.SU-SiteId")
		}
	}
	key := siteKey(name)
	partition, ok := t.holder.partitions[key]
	if !ok {
		return siteNotOpen()
	}
	if err := a.opens(r.Context(), t.holder, key, now); err != nil {
		return err
	}
	t.who.Partition = partition
	return nil
}

// opens refuses a credential at one of its sites where that is suspended, or was not activated for live credentials. Forbidden; Unavailable.
func (a *Access) opens(ctx context.Context, h *holder, siteKey string, now time.Time) error {
	site, err := a.sites.get(ctx, siteKey, now)
	switch {
	case errors.Is(err, fhir.NotFound):
		return siteNotOpen()
	case err != nil:
		return err
	case site.Suspended:
		return siteNotOpen()
	case h.Mode == Live && !site.Active:
		return fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "The site was not activated yet: until then its test credentials work alone.")
	}
	return nil
}

// onlySite is the site of a request that names none; "" where it could be one of several.
func (t *attempt) onlySite() string {
	if t.holder == nil || len(t.holder.Sites) != 1 {
		return ""
	}
	return t.holder.Sites[0]
}

// refuse says no: it holds the limit of refusals of an address, and records the others. What fails is no refusal.
func (a *Access) refuse(r *http.Request, answer http.Header, t *attempt, now time.Time, err error) error {
	e := fhir.AsError(err)
	switch e.Kind {
	case fhir.Internal, fhir.Unavailable, fhir.Throttled:
		return err
	case fhir.Unauthenticated:
		if answer["Www-Authenticate"] == nil {
			answer["Www-Authenticate"] = challengeInvalid
		}
	}
	if !t.proven || e.Kind == fhir.Unauthenticated {
		taken := a.refusals.take(limitName(t.from), now)
		taken.tell(answer)
		if !taken.ok {
			delete(answer, "Www-Authenticate")
			return fhir.Errorf(fhir.Throttled, fhir.CodeThrottled, "Too many requests without a credential, or with a wrong one, came from this address. Retry-After says when to try again.")
		}
	}
	who := t.who
	who.Partition, who.Client = t.concerns(r.Header), strings.Clone(who.Client)
	event := audit.Event{Who: who, Interaction: audit.Login, Outcome: audit.Refused, Detail: e.Issues[0].Detail}
	record := a.recordStranger
	if t.proven {
		record = a.config.Audit.Record
	}
	if fault := record(event); fault != nil {
		return fault
	}
	return err
}

// refusalsRecorded is how many refusals of strangers this node records a second.
const refusalsRecorded = 1000

// recordStranger records that somebody was refused who has proved nothing, whom no limit of a credential holds. However many addresses they have, they do not fill the
// record: those beyond refusalsRecorded are counted, and the next event that is recorded tells their number.
func (a *Access) recordStranger(e audit.Event) error {
	if !a.recorded.take("", a.Now()).ok {
		a.unrecorded.Add(1)
		return nil
	}
	if n := a.unrecorded.Swap(0); n > 0 {
		more := audit.Event{Who: fhir.Principal{Partition: audit.NoSite}, Interaction: e.Interaction, Outcome: e.Outcome, Detail: fmt.Sprintf("%d more refusals, of which there were too many to record each.", n)}
		if err := a.config.Audit.Record(more); err != nil {
			a.unrecorded.Add(n)
			return err
		}
	}
	return a.config.Audit.Record(e)
}

// concerns is where a refusal is recorded: with the site that it concerns, if the credential is one of that site's, else with the operator's own.
func (t *attempt) concerns(h http.Header) fhir.Partition {
	if t.holder == nil {
		return audit.NoSite
	}
	name, err := askedSite(h)
	if err != nil {
		return audit.NoSite
	}
	if name == "" {
		name = t.onlySite()
	}
	if p, ok := t.holder.partitions[siteKey(name)]; ok {
		return p
	}
	return audit.NoSite
}

// wrongCredential is the refusal of a credential that nobody has, and of one with another secret: who tries learns nothing of which there are.
func wrongCredential() error {
	return fhir.Errorf(fhir.Unauthenticated, fhir.CodeLogin, "The credential is not known.")
}

// siteNotOpen is the refusal of every site that the credential may not use, whether there is one of that name or not.
func siteNotOpen() error {
	return fhir.Errorf(fhir.Forbidden, fhir.CodeForbidden, "The site is not open to you.").At("http.SU-SiteId")
}

// some lists names, the first ten of them.
func some(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// addressOf is the IP address of a http.Request.RemoteAddr, and its text; none where it has another form.
func addressOf(remote string) (netip.Addr, string) {
	p, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}, ""
	}
	from := p.Addr().Unmap().WithZone("")
	if p.Addr().Is4() {
		return from, remote[:strings.LastIndexByte(remote, ':')]
	}
	return from, from.String()
}

// limitName is by what an address is limited: of IPv6 it is the network of 64 bits, in which one host may have all addresses.
func limitName(from netip.Addr) string {
	if from.Is6() {
		network, _ := from.Prefix(64)
		return network.String()
	}
	return from.String()
}
