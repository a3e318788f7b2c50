package engine

import (
	"context"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/storage"
)

// HistoryRequest asks for the versions of one resource (https://hl7.org/fhir/R4/http.html#history).
type HistoryRequest struct {
	Key    fhir.Key
	Since  fhir.Instant // only versions at or after it; 0 asks for all
	Count  int          // versions a page, at least 1
	Cursor string       // of the page before; "" for the first. It brings Since and Count with it.
}

// HistoryPage is a part of a history, newest first.
type HistoryPage struct {
	Versions []fhir.Version
	Total    int
	Request  HistoryRequest // what was understood
	Next     string         // cursor of the next page; "" when there is none
}

// History returns one page of the versions of a resource, deletions among them. Its errors are NotFound when
// there never was such a resource, and Invalid for a cursor that was not given out for it.
func (e *Engine) History(ctx context.Context, p fhir.Principal, req HistoryRequest) (HistoryPage, error) {
	if err := e.serves(req.Key.Type); err != nil {
		return HistoryPage{}, err
	}
	query := storage.HistoryQuery{Key: req.Key, Since: req.Since, Limit: req.Count}
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
		Versions: page.Versions, Total: page.Total,
		Request: HistoryRequest{Key: req.Key, Since: query.Since, Count: query.Limit, Cursor: req.Cursor},
	}
	if n := len(page.Versions); page.More && n > 0 {
		out.Next, err = e.sealCursor(ctx, p, historyFace+req.Key.String(), historyCursor{query.Since, query.Limit, page.Versions[n-1].Number})
	}
	return out, err
}

const historyFace = "history/"

type historyCursor struct {
	Since  fhir.Instant
	Count  int
	Before int64
}
