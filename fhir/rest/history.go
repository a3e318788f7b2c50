package rest

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
)

// history of an instance: https://hl7.org/fhir/R4/http.html#history.
func (s *server) history(x *exchange) error {
	params := x.parameters()
	asked, err := parseHistory(params, x.strict())
	if err != nil {
		return err
	}
	page, err := s.Engine.History(x.request.Context(), x.who, engine.HistoryRequest{
		Key: x.key, Since: asked.since, Count: max(asked.count, 1), Cursor: asked.cursor,
	})
	if err != nil {
		return ofRequest(err)
	}
	if asked.count == 0 { // the total alone
		page.Versions, page.Next, page.Request.Count = nil, "", 0
	}
	address := s.Promises.BaseURL + "/" + x.key.String() + "/_history?"
	links := []link{{"self", address + search.JoinQuery(understood(page.Request))}}
	if page.Next != "" {
		links = append(links, link{"next", address + nextQuery(page.Next, params)})
	}
	b := newBundle("history", s.Promises.BaseURL, page.Total, links, page.Versions)
	for i, v := range page.Versions {
		created, err := s.created(x, page.Versions, i)
		if err != nil {
			return err
		}
		b.version(v, historyURL(v), historyStatus(created))
	}
	x.write(http.StatusOK, b.end())
	return nil
}

// historyParams are the parameters of a history.
type historyParams struct {
	count  int // 0: the total alone
	since  fhir.Instant
	cursor string
}

// parseHistory reads the parameters of a history. Its error is Invalid, with every fault. What R4 knows
// and is not offered is refused even when not strict: ignored, it would show more than was asked for.
func parseHistory(params url.Values, strict bool) (historyParams, error) {
	p := historyParams{count: search.DefaultCount, cursor: params.Get(engine.CursorParam)}
	faults := &fhir.Error{Kind: fhir.Invalid}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params.Get(name)
		var fault *fhir.Error
		switch {
		case name == "_format" || name == "_pretty" || value == "": // R4: an empty parameter is as if it were not there
		case name == engine.CursorParam && len(params[name]) == 1:
		case p.cursor != "":
			fault = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A cursor carries the whole request; no other parameter goes with it but _format and _pretty. Follow the link of the page before as it stands.")
		case len(params[name]) > 1:
			fault = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The parameter comes %d times, but can mean one thing only.", len(params[name]))
		case name == "_count":
			p.count, fault = parseCount(value)
		case name == "_since":
			p.since, fault = parseInstant(value)
		case strict || name == "_at" || name == "_list":
			fault = fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "A history has no parameter %s here; it has _count and _since.", fhir.Quote(name))
		}
		if fault != nil {
			faults.Issues = append(faults.Issues, fault.At(ofHTTP(name)).Issues...)
		}
	}
	if len(faults.Issues) > 0 {
		return p, faults
	}
	return p, nil
}

// parseCount reads _count; more than a page may have is cut.
func parseCount(value string) (int, *fhir.Error) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no number of entries: write 0 to %d.", fhir.Quote(value), search.MaxCount)
	}
	return int(min(n, search.MaxCount)), nil
}

// parseInstant reads an instant (https://hl7.org/fhir/R4/datatypes.html#instant).
func parseInstant(value string) (fhir.Instant, *fhir.Error) {
	d, err := fhir.ParseDateTime(search.RepairPlus(value))
	if err != nil || d.Precision < fhir.Second || !d.HasZone {
		return 0, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no instant: write it as 2026-01-31T09:30:00Z.", fhir.Quote(value))
	}
	return d.Interval().Low, nil
}

// understood are the parameters by which a page of a history was made.
func understood(req engine.HistoryRequest) []search.Pair {
	if req.Cursor != "" {
		return []search.Pair{{Name: engine.CursorParam, Value: req.Cursor}}
	}
	pairs := []search.Pair{{Name: "_count", Value: strconv.Itoa(req.Count)}}
	if req.Since != 0 {
		pairs = append(pairs, search.Pair{Name: "_since", Value: req.Since.String()})
	}
	return pairs
}

// shaping are the parameters that say how an answer is written: the next page is to be written alike.
func shaping(params url.Values) []search.Pair {
	var pairs []search.Pair
	for _, name := range []string{"_format", "_pretty"} {
		if value := params.Get(name); value != "" {
			pairs = append(pairs, search.Pair{Name: name, Value: value})
		}
	}
	return pairs
}

// nextQuery are the parameters of the link to the next page.
func nextQuery(cursor string, params url.Values) string {
	return search.JoinQuery(append([]search.Pair{{Name: engine.CursorParam, Value: cursor}}, shaping(params)...))
}

// created says whether the version made the resource: a create, or an update where there was none or a deleted one. Versions
// are newest first; behind the last one of a page its predecessor is asked for.
func (s *server) created(x *exchange, versions []fhir.Version, i int) (bool, error) {
	v := versions[i]
	switch {
	case v.IsDeleted():
		return false, nil
	case v.Method == fhir.Created || v.Number == 1:
		return true, nil
	case i+1 < len(versions):
		return versions[i+1].IsDeleted(), nil
	}
	_, err := s.Engine.ReadVersion(x.request.Context(), x.who, x.key, v.Number-1)
	if errors.Is(err, fhir.Gone) {
		return true, nil
	}
	return false, err
}

// historyURL is where the request of a version went, relative to the base.
func historyURL(v fhir.Version) string {
	if v.Method == fhir.Created {
		return v.Key.Type
	}
	return v.Key.String()
}

func historyStatus(created bool) string {
	if created {
		return strconv.Itoa(http.StatusCreated)
	}
	return strconv.Itoa(http.StatusOK)
}
