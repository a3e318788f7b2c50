package access

import (
	"context"
	"errors"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
)

// introspection is the answer to what a token is (RFC 7662 2.2).
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"`
	Issued    int64  `json:"iat,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Audience  string `json:"aud,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	ID        string `json:"jti,omitempty"`
}

// introspect answers IntrospectPath.
func (a *Access) introspect(ctx context.Context, p *posted, h *holder) (any, error) {
	g, err := a.ownToken(ctx, p, h)
	if err != nil || g.id == "" {
		return introspection{}, err
	}
	return introspection{
		Active: true, Scope: g.scope, ClientID: g.client, TokenType: "bearer", Expires: g.until.Unix(), Issued: g.issued.Unix(),
		Subject: g.client, Audience: a.config.BaseURL + audiencePath, Issuer: a.config.BaseURL, ID: g.id,
	}, nil
}

// revoke answers RevokePath. That there is no such token is no error (RFC 7009 2.2). What is revoked is recorded; if it cannot be, it stays revoked all the same.
func (a *Access) revoke(ctx context.Context, p *posted, h *holder) (any, error) {
	g, err := a.ownToken(ctx, p, h)
	if err != nil || g.id == "" {
		return struct{}{}, err
	}
	_, err = a.Records.Swap(ctx, revokedRecords+g.id, 0, []byte{1}, fhir.InstantOf(g.until.Add(clockSkew)))
	a.revoked.forget(g.id)
	switch {
	case errors.Is(err, fhir.Conflict): // somebody else was first
		return struct{}{}, nil
	case err != nil:
		return struct{}{}, err
	}
	return struct{}{}, a.config.Audit.Record(audit.Event{Who: p.who(h), Interaction: audit.Operation, Detail: "revoke token " + g.id + " of " + g.client})
}

// ownToken is what the token of a request grants, if it is one of the client that asks, or that client is an administrator. The zero grant stands for every other text: whose
// it is is not told.
func (a *Access) ownToken(ctx context.Context, p *posted, h *holder) (grant, error) {
	token, ok := p.form["token"]
	if !ok {
		return grant{}, refuse(invalidRequest, "The parameter token is missing.")
	}
	g, _, err := a.verified(ctx, token)
	switch {
	case errors.Is(err, fhir.Unauthenticated):
		return grant{}, nil
	case err != nil:
		return grant{}, err
	case g.client != h.ID && !h.admin:
		return grant{}, nil
	}
	return g, nil
}
