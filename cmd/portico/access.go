package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/portico-health/portico/conformance"
	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/access"
	"github.com/portico-health/portico/fhir/outward"
	"github.com/portico-health/portico/fhir/r4"
)

// outsideTimeout bounds how long the keys of a client may take to fetch.
const outsideTimeout = 5 * time.Second

// openAccess makes what decides who gets in. On a server for development there is the demo site, and whoever comes without a credential operates it.
func (a *App) openAccess(ctx context.Context) error {
	c := access.Config{
		Records: a.store.Records(), Now: a.Now, Log: a.Log, Audit: a.trail, Limits: a.Config.Limits, BaseURL: a.Config.BaseURL,
		Outside: outward.Client(outsideTimeout, false), IsType: r4.IsResource,
	}
	if a.Config.Dev {
		c.Anonymous, c.AnonymousSite = &developer, demoSite
	}
	a.access = access.New(c)
	if !a.Config.Dev {
		return nil
	}
	if _, err := a.access.CreateSite(ctx, demoSite); !errors.Is(err, fhir.Conflict) {
		return err
	}
	return nil
}

// authenticate says who asks, and notes it for the log. From then on the request counts as one of that credential's that are under way, until it is answered.
func (a *App) authenticate(r *http.Request, answer http.Header) (fhir.Principal, error) {
	who, err := a.access.Authenticate(r, answer)
	seen, ok := r.Context().Value(observationKey{}).(*observation)
	if !ok {
		return who, err
	}
	seen.client, seen.partition = who.Client, who.Partition
	if err != nil || a.shares.each == 0 || who.Client == developer.Client {
		return who, err
	}
	if !a.shares.take(who.Client) {
		answer.Set("Retry-After", "1")
		return fhir.Principal{}, errAlone
	}
	seen.shares = &a.shares
	return who, nil
}

// invite says in the log how to make a credential where there is none, so that nobody can get in.
func (a *App) invite(ctx context.Context) {
	if a.Config.Dev {
		return
	}
	if all, err := a.access.Credentials(ctx, ""); err == nil && len(all) == 0 {
		a.Log.Warn("there is no credential in the store, so nobody can get in; make one, also while the server runs: portico site create NAME, and then portico key create --site NAME --mode test")
	}
}

// security is what documents tell of how to get in.
func (c *Config) security() conformance.Security {
	return conformance.Security{
		Issuer:        c.BaseURL,
		TokenEndpoint: c.BaseURL + access.TokenPath, JWKS: c.BaseURL + access.JWKSPath,
		Introspection: c.BaseURL + access.IntrospectPath, Revocation: c.BaseURL + access.RevokePath,
		GrantTypes: access.GrantTypes, AuthMethods: access.AuthMethods, SigningAlgorithms: access.SigningAlgorithms,
		CORS: len(c.CORSOrigins) > 0, Anonymous: c.Dev,
	}
}
