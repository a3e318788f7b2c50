package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// HistoryRequest asks for the versions of a resource, of a type or of all types (https://hl7.org/fhir/R4/http.html#history).
type HistoryRequest struct {
	Key    fhir.Key      // without ID: of all resources of the type; without Type too: of all but AuditEvent
	Since  fhir.Instant  // _since: only versions at or after it; 0 asks for all
	At     fhir.Interval // _at: only versions that were current at some moment of it; zero asks for all
	Count  int           // versions a page; 0 asks for the total alone
	Types  []string      // _type: only these, where Key names none; nil means all but AuditEvent, of which there is no history
	Cursor string        // of the page before; "" for the first. It brings everything else but Key with it.
}

// HistoryPage is a part of a history, newest first.
type HistoryPage struct {
	Versions []fhir.Version
	Existed  []bool         // of each version: a current, not deleted resource was there before
	Total    int            // versions on all pages, as far as they were counted
	Counted  bool           // Total is exact; of long histories of a type or of all types it is not known
	Request  HistoryRequest // what was understood
	Next     string         // cursor of the next page; "" when there is none
}

// auditType is the type of the record of who did what: the store has no history of it (audit.Trail.Over), and what is about all types leaves it out.
const auditType = "AuditEvent"

// historyPage returns one page of a history.
func (e *Engine) historyPage(ctx context.Context, p fhir.Principal, req HistoryRequest) (HistoryPage, error) {
	if err := e.mayFollow(p, req.Key); err != nil {
		return HistoryPage{}, err
	}
	var before fhir.Instant
	if req.Cursor != "" {
		var c historyCursor
		if err := e.openCursor(ctx, p, historyFace+req.Key.String(), req.Cursor, &c); err != nil {
			return HistoryPage{}, err
		}
		req.Since, req.At, req.Count, req.Types, before = c.Since, c.At, c.Count, c.Types, c.Before
	}
	types, err := e.historyTypes(p, &req)
	if err != nil {
		return HistoryPage{}, err
	}
	page, err := e.Store.History(ctx, p.Partition, storage.HistoryQuery{
		Key: req.Key, Types: types, Since: req.Since, During: req.At, Before: before, Limit: req.Count, CountUpTo: countVersionsUpTo(req),
	})
	if err != nil {
		return HistoryPage{}, err
	}
	out := HistoryPage{Versions: page.Versions, Existed: page.Existed, Total: page.Total, Counted: page.Counted, Request: req}
	if n := len(page.Versions); page.More && n > 0 {
		out.Next, err = e.sealCursor(ctx, p, historyFace+req.Key.String(), historyCursor{req.Since, req.At, req.Count, req.Types, page.Versions[n-1].Instant})
	}
	return out, err
}

// historyTypes are the types whose versions are shown where the key names none. Where that is less than all, for the client may not see the others, the
// request says so: the first page tells it, and the later ones keep to it.
func (e *Engine) historyTypes(p fhir.Principal, req *HistoryRequest) ([]string, error) {
	switch {
	case req.Key.Type != "" && req.Types != nil:
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "This is the history of %s alone; types are chosen in the history of all types.", req.Key.Type).At("_type")
	case req.Key.Type != "":
		return nil, nil
	case req.Types == nil && req.Cursor == "":
		all := e.defaultTypes(fhir.Key{})
		permitted, err := searchable(p, all)
		if len(permitted) < len(all) {
			req.Types = permitted
		}
		return permitted, err
	case req.Types == nil:
		all := e.defaultTypes(fhir.Key{})
		return all, mayShow(p, all)
	}
	faults := &fhir.Error{Kind: fhir.Invalid}
	for _, t := range req.Types {
		if e.serves(t) != nil {
			faults.Issues = append(faults.Issues, fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "The resource type %s is not served here. The CapabilityStatement lists those that are.", fhir.Quote(t)).At("_type").Issues...)
		}
	}
	if len(faults.Issues) > 0 {
		return nil, faults
	}
	return req.Types, mayShow(p, req.Types)
}

// countVersionsUpTo says how far the versions of a history are counted; negative to the end.
func countVersionsUpTo(req HistoryRequest) int {
	if req.Key.ID != "" || req.Count == 0 {
		return -1
	}
	return exactTotal
}

const historyFace = "history/"

// historyCursor is what a cursor of a history carries: what was asked for, and where the page before ended.
type historyCursor struct {
	Since  fhir.Instant
	At     fhir.Interval
	Count  int
	Types  []string
	Before fhir.Instant
}
