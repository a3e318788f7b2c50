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
	Types  []string      // _type: only these, where Key names none; nil means all but AuditEvent
	Cursor string        // of the page before; "" for the first. It brings everything else but Key with it.
}

// HistoryPage is a part of a history, newest first.
type HistoryPage struct {
	Versions []fhir.Version
	Total    int
	Counted  bool           // Total is exact; of long histories it is not known
	Request  HistoryRequest // what was understood
	Next     string         // cursor of the next page; "" when there is none
}

// History returns one page of a history, deletions among it. Its errors are NotFound when there never was such a
// resource, or the type is not served, and Invalid for a cursor that was not given out for it.
func (e *Engine) History(ctx context.Context, p fhir.Principal, req HistoryRequest) (HistoryPage, error) {
	if err := e.serves(req.Key.Type); err != nil {
		return HistoryPage{}, err
	}
	query := storage.HistoryQuery{Key: req.Key, Since: req.Since, Limit: req.Count, CountUpTo: -1}
	if req.Cursor != "" {
		var c historyCursor
		if err := e.openCursor(ctx, p, historyFace+req.Key.String(), req.Cursor, &c); err != nil {
			return HistoryPage{}, err
		}
		query.Since, query.Limit, query.Before = c.Since, c.Count, c.Before
	}
	page, err := e.Store.History(ctx, p.Partition, query)
	if err != nil {
		return HistoryPage{}, err
	}
	out := HistoryPage{
		Versions: page.Versions, Total: page.Total, Counted: page.Counted,
		Request: HistoryRequest{Key: req.Key, Since: query.Since, Count: query.Limit, Cursor: req.Cursor},
	}
	if n := len(page.Versions); page.More && n > 0 {
		out.Next, err = e.sealCursor(ctx, p, historyFace+req.Key.String(), historyCursor{query.Since, query.Limit, page.Versions[n-1].Instant})
	}
	return out, err
}

const historyFace = "history/"

type historyCursor struct {
	Since  fhir.Instant
	Count  int
	Before fhir.Instant
}
