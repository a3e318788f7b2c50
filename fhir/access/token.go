package access

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-health/portico/fhir"
)

const (
	tokenType    = "at+jwt" // typ of the header (RFC 9068 2.1)
	audiencePath = "/fhir"  // behind Config.BaseURL: aud of tokens, on whichever face they are used

	// clockSkew is by which the clocks of the nodes may differ.
	clockSkew = 30 * time.Second
)

// tokenClaims are those of an access token (RFC 9068 2.2).
type tokenClaims struct {
	jwt.Claims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

// issued is the answer to a request for a token (RFC 6749 5.1).
type issued struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
}

// token answers TokenPath: a client gets a token for itself (RFC 6749 4.4).
func (a *Access) token(ctx context.Context, p *posted, h *holder) (any, error) {
	switch p.form["grant_type"] {
	case "client_credentials":
	case "":
		return nil, refuse(invalidRequest, "The parameter grant_type is missing; it is client_credentials.")
	default:
		return nil, refuse(unsupportedType, "The grant_type of this server is client_credentials.")
	}
	scope, err := h.grantable(p.form["scope"])
	if err != nil {
		return nil, err
	}
	return a.issue(ctx, h, scope)
}

// issue signs a token for a client.
func (a *Access) issue(ctx context.Context, h *holder, scope string) (issued, error) {
	signer, err := a.keys.signer(ctx)
	if err != nil {
		return issued{}, err
	}
	now := a.Now().Truncate(time.Second) // claims have whole seconds
	end := now.Add(TokenLife)
	if !h.Expires.IsZero() && h.Expires.Before(end) {
		end = h.Expires.Truncate(time.Second)
	}
	text, err := jwt.Signed(signer).Claims(tokenClaims{
		Claims: jwt.Claims{
			Issuer: a.config.BaseURL, Subject: h.ID, Audience: jwt.Audience{a.config.BaseURL + audiencePath}, ID: fhir.NewID(now),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(end),
		},
		ClientID: h.ID, Scope: scope,
	}).Serialize()
	return issued{AccessToken: text, TokenType: "bearer", ExpiresIn: int(end.Sub(now) / time.Second), Scope: scope}, err
}

// grantable is what a client gets of the scopes that it asks for, as a list like theirs: those that it has are granted as they are written, of the others what it has of
// them in the form of SMART's second version. Whoever asks for none gets all that it has.
func (h *holder) grantable(asked string) (string, error) {
	list := strings.Fields(asked)
	if len(list) == 0 {
		return strings.Join(WriteScopes(h.scopes, h.admin), " "), nil
	}
	if len(list) > maxScopes {
		return "", refuse(invalidScope, "There are too many scopes.")
	}
	if _, _, err := ParseScopes(list); err != nil {
		return "", refuse(invalidScope, details(err))
	}
	var granted []string
	for _, scope := range list {
		wanted, admin, _ := ParseScopes([]string{scope})
		common := intersect(wanted, h.scopes)
		pieces := WriteScopes(common, admin && h.admin)
		if admin && h.admin || !admin && maps.Equal(common, wanted) {
			pieces = []string{scope}
		}
		for _, piece := range pieces {
			if !slices.Contains(granted, piece) {
				granted = append(granted, piece)
			}
		}
	}
	if len(granted) == 0 {
		return "", refuse(invalidScope, "The client has nothing of these scopes. It has: "+strings.Join(WriteScopes(h.scopes, h.admin), " ")+".")
	}
	return strings.Join(granted, " "), nil
}

// intersect is what both scopes permit, in the shortest form if they differ.
func intersect(a, b fhir.Scopes) fhir.Scopes {
	if maps.Equal(a, b) {
		return a
	}
	both := fhir.Scopes{}
	forAll := a[fhir.AnyType] & b[fhir.AnyType]
	if forAll != 0 {
		both[fhir.AnyType] = forAll
	}
	for _, scopes := range []fhir.Scopes{a, b} {
		for t := range scopes {
			if p := (a[t] | a[fhir.AnyType]) & (b[t] | b[fhir.AnyType]) &^ forAll; p != 0 {
				both[t] = p
			}
		}
	}
	return both
}

// details are the sentences of an error for the client.
func details(err error) string {
	var all []string
	for _, issue := range fhir.AsError(err).Issues {
		all = append(all, issue.Detail)
	}
	return strings.Join(all, " ")
}
