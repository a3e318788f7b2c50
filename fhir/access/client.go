package access

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"

	"github.com/portico-health/portico/fhir"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 2.2

// client says which client a request is from, in one of AuthMethods. Where it is refused, the holder is whom it claims to be, if there is one. The limit is that of
// what is asked for.
func (a *Access) client(ctx context.Context, p *posted, limit *limiter) (*holder, error) {
	_, assertion := p.form["client_assertion"]
	_, assertionTyped := p.form["client_assertion_type"]
	_, secret := p.form["client_secret"]
	ways := 0
	for _, tried := range []bool{p.authorization != "", secret, assertion || assertionTyped} {
		if tried {
			ways++
		}
	}
	switch {
	case ways > 1:
		return nil, refuse(invalidRequest, "The client authenticates itself in more than one way. Use Basic, or client_secret, or client_assertion.")
	case p.authorization != "":
		return a.basicClient(ctx, p)
	case secret:
		return a.secretClient(ctx, p, p.form["client_id"], p.form["client_secret"])
	case ways == 1:
		return a.assertingClient(ctx, p, limit)
	default:
		return nil, refuse(invalidClient, "The client does not authenticate itself. Use Basic, or client_id and client_secret, or client_assertion.")
	}
}

// basicClient takes client_id and client_secret from the Authorization header, where both are encoded as in a form (RFC 6749 2.3.1).
func (a *Access) basicClient(ctx context.Context, p *posted) (*holder, error) {
	scheme, encoded, _ := strings.Cut(p.authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return nil, refuse(invalidClient, "The Authorization header of this request must be Basic, with client_id and client_secret.")
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	id, secret, found := strings.Cut(string(decoded), ":")
	id, idErr := url.QueryUnescape(id)
	secret, secretErr := url.QueryUnescape(secret)
	if !found || errors.Join(err, idErr, secretErr) != nil {
		return nil, refuse(invalidClient, "The Authorization header is not Basic with the base64 of client_id:client_secret, both percent-encoded.")
	}
	if other, ok := p.form["client_id"]; ok && other != id {
		return nil, refuse(invalidRequest, "The client_id in the body is not that of the Authorization header.")
	}
	return a.secretClient(ctx, p, id, secret)
}

// secretClient is the client of an id that proves itself by its secret. That there is none of the id is not told, nor by the time that it takes.
func (a *Access) secretClient(ctx context.Context, p *posted, id, secret string) (*holder, error) {
	h, err := a.claimed(ctx, p, id)
	if err != nil {
		return nil, err
	}
	if !h.proves(secret, a.Now()) {
		return h, refuse(invalidClient, "There is no such client, or client_secret is wrong. Of a key, client_id is what stands before the dot, client_secret what follows it.")
	}
	return h, a.mayUse(ctx, h, p)
}

// claimed is the client of an id that somebody claims to be, which the request is marked with; nil where there is none.
func (a *Access) claimed(ctx context.Context, p *posted, id string) (*holder, error) {
	if !validID(id) { // nothing else is worth to be looked for
		return nil, nil
	}
	p.client = id
	return a.lookUp(ctx, p.from, id, a.Now())
}

// mayUse refuses a client that has proved who it is, but does not work now, or from there, or at none of its sites.
func (a *Access) mayUse(ctx context.Context, h *holder, p *posted) error {
	now := a.Now()
	err := h.usable(now, p.from)
	if err == nil {
		for _, site := range h.Sites {
			if err = a.opens(ctx, h, siteKey(site), now); !errors.Is(err, fhir.Forbidden) {
				break
			}
		}
	}
	if errors.Is(err, fhir.Unauthenticated) || errors.Is(err, fhir.Forbidden) {
		return refuse(invalidClient, fhir.AsError(err).Issues[0].Detail)
	}
	return err
}
