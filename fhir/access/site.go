package access

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// siteKey is the name of a site as it is compared and kept.
func siteKey(name string) string { return strings.ToLower(name) }

// operator is the operator's own site. It has no record, so that nothing can be done to it.
var operator = Site{Name: OperatorSite, Active: true}

// validSite says whether a site can be created with a name.
func validSite(name string) bool {
	if len(name) < 2 || len(name) > 32 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return true
}

// CreateSite makes a site. Invalid for a name that is none, Conflict for one that is taken (without case).
func (r Registry) CreateSite(ctx context.Context, name string) (Site, error) {
	switch {
	case siteKey(name) == OperatorSite:
		return Site{}, fhir.Errorf(fhir.Conflict, fhir.CodeDuplicate, "%s is the operator's own site; it is always there.", OperatorSite).At("name")
	case !validSite(name):
		return Site{}, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s cannot be the name of a site: that is 2 to 32 of the characters A-Z a-z 0-9 and -.", fhir.Quote(name)).At("name")
	}
	s := Site{Name: name, Created: r.Now().UTC()}
	err := r.store(ctx, siteRecords+siteKey(name), 0, s)
	if errors.Is(err, fhir.Conflict) {
		return Site{}, fhir.Errorf(fhir.Conflict, fhir.CodeDuplicate, "There is a site of this name already; names are compared without case.").At("name")
	}
	return s, err
}

// Sites lists all sites but the operator's, by name.
func (r Registry) Sites(ctx context.Context) ([]Site, error) {
	sites, err := all[Site](ctx, r, siteRecords)
	slices.SortFunc(sites, func(a, b Site) int { return cmp.Compare(siteKey(a.Name), siteKey(b.Name)) })
	return sites, err
}

// Site returns one, the operator's too. NotFound.
func (r Registry) Site(ctx context.Context, name string) (Site, error) {
	if siteKey(name) == OperatorSite {
		return operator, nil
	}
	if !validSite(name) {
		return Site{}, noSite(name)
	}
	s, _, err := fetch[Site](ctx, r, siteRecords+siteKey(name))
	if errors.Is(err, fhir.NotFound) {
		return Site{}, noSite(name)
	}
	return s, err
}

// ActivateSite lets the live credentials of a site work, and ends a suspension. NotFound.
func (r Registry) ActivateSite(ctx context.Context, name string) (Site, error) {
	return r.alterSite(ctx, name, func(s *Site) { s.Active, s.Suspended = true, false })
}

// SuspendSite stops all credentials of a site. NotFound; Unprocessable for the operator's.
func (r Registry) SuspendSite(ctx context.Context, name string) (Site, error) {
	if siteKey(name) == OperatorSite {
		return Site{}, fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "%s is the operator's own site; it cannot be suspended. Revoke its credentials instead.", OperatorSite)
	}
	return r.alterSite(ctx, name, func(s *Site) { s.Suspended = true })
}

func (r Registry) alterSite(ctx context.Context, name string, by func(*Site)) (Site, error) {
	if s, err := r.Site(ctx, name); err != nil || siteKey(name) == OperatorSite {
		return s, err
	}
	return alter(ctx, r, siteRecords+siteKey(name), func(s *Site) error {
		by(s)
		return nil
	})
}

func noSite(name string) error {
	return fhir.Errorf(fhir.NotFound, fhir.CodeNotFound, "There is no site %s.", fhir.Quote(name))
}
