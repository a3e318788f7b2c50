package rest

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/engine"
	"github.com/portico-health/portico/fhir/search"
)

// history of an instance, a type or all types: https://hl7.org/fhir/R4/http.html#history.
func (s *server) history(x *exchange) error {
	params := x.parameters()
	asked, err := parseHistory(params, x.key, x.strict())
	if err != nil {
		return err
	}
	page, err := s.Engine.History(x.enter(), x.who, asked)
	if err != nil {
		return ofRequest(err)
	}
	address := s.Promises.BaseURL + historyPath(x.key) + "?"
	links := []link{{"self", address + search.JoinQuery(understood(page.Request, params))}}
	if page.Next != "" {
		links = append(links, link{"next", address + nextQuery(page.Next, params)})
	}
	total := -1
	if page.Counted {
		total = page.Total
	}
	b := newBundle("history", s.Promises.BaseURL, total, links, page.Versions)
	for i, v := range page.Versions {
		b.version(v, historyURL(v), historyStatus(page.Existed[i]))
	}
	x.write(http.StatusOK, b.end())
	return nil
}

// historyPath is where a history stands below the base.
func historyPath(key fhir.Key) string {
	switch {
	case key.Type == "":
		return "/_history"
	case key.ID == "":
		return "/" + key.Type + "/_history"
	default:
		return "/" + key.String() + "/_history"
	}
}

// parseHistory reads the parameters of a history. Its error is Invalid, with every fault. What R4 knows
// and is not offered is refused even when not strict: ignored, it would show more than was asked for.
func parseHistory(params url.Values, key fhir.Key, strict bool) (engine.HistoryRequest, error) {
	req := engine.HistoryRequest{Key: key, Count: search.DefaultCount, Cursor: params.Get(engine.CursorParam)}
	ofSystem := key.Type == ""
	faults := &fhir.Error{Kind: fhir.Invalid}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params.Get(name)
		var fault *fhir.Error
		switch {
		case name == "_format" || name == "_pretty" || value == "": // R4: an empty parameter is as if it were not there
		case name == engine.CursorParam && len(params[name]) == 1:
		case req.Cursor != "":
			fault = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "A cursor carries the whole request; no other parameter goes with it but _format and _pretty. Follow the link of the page before as it stands.")
		case len(params[name]) > 1:
			fault = fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The parameter comes %d times, but can mean one thing only.", len(params[name]))
		case name == "_count":
			req.Count, fault = parseCount(value)
		case name == "_since":
			req.Since, fault = parseInstant(value)
		case name == "_at":
			req.At, fault = parseMoment(value)
		case name == "_type" && ofSystem:
			req.Types = strings.Split(value, ",")
		case name == "_summary" && value == "false":
		case strict || slices.Contains([]string{"_list", "_type", "_summary", "_elements"}, name):
			fault = fhir.Errorf(fhir.Invalid, fhir.CodeNotSupported, "This history has no parameter %s; it has %s.", fhir.Quote(name), historyParams(ofSystem))
		}
		if fault != nil {
			faults.Issues = append(faults.Issues, fault.At(ofHTTP(name)).Issues...)
		}
	}
	if len(faults.Issues) > 0 {
		return req, faults
	}
	return req, nil
}

// historyParams names the parameters of a history. _type is ours; R4 has none.
func historyParams(ofSystem bool) string {
	if ofSystem {
		return "_count, _since, _at and _type"
	}
	return "_count, _since and _at"
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

// parseMoment reads _at: a date of any precision, which means all of its stretch of time; UTC where no zone is written, as in a search.
func parseMoment(value string) (fhir.Interval, *fhir.Error) {
	d, err := fhir.ParseDateTime(search.RepairPlus(value))
	if err != nil {
		return fhir.Interval{}, fhir.AsError(err)
	}
	return d.Interval(), nil
}

// understood are the parameters by which a page of a history was made: as the server read them, but _at as it was written, for no other
// text means the same stretch of time.
func understood(req engine.HistoryRequest, params url.Values) []search.Pair {
	if req.Cursor != "" {
		return []search.Pair{{Name: engine.CursorParam, Value: req.Cursor}}
	}
	pairs := []search.Pair{{Name: "_count", Value: strconv.Itoa(req.Count)}}
	if req.Since != 0 {
		pairs = append(pairs, search.Pair{Name: "_since", Value: req.Since.String()})
	}
	if at := params.Get("_at"); at != "" {
		pairs = append(pairs, search.Pair{Name: "_at", Value: search.RepairPlus(at)})
	}
	if len(req.Types) > 0 {
		pairs = append(pairs, search.Pair{Name: "_type", Value: strings.Join(req.Types, ",")})
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

// historyURL is where the request of a version went, relative to the base.
func historyURL(v fhir.Version) string {
	if v.Method == fhir.Created {
		return v.Key.Type
	}
	return v.Key.String()
}

// historyStatus is how the request of a version was answered: a create, or an update where there was nothing or a deleted resource, made it.
func historyStatus(existed bool) string {
	if existed {
		return strconv.Itoa(http.StatusOK)
	}
	return strconv.Itoa(http.StatusCreated)
}
