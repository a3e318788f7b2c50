package load

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Summary is what a load has done.
type Summary struct {
	URL string `json:"url"` // of the server, as it was given
	Count
	Types    map[string]Count `json:"types"`             // by resource type; what could not be read as a resource is only in the total
	Refusals []Refusal        `json:"refusals"`          // in the order in which they were read
	Stopped  string           `json:"stopped,omitempty"` // why not all was read and sent, if so
}

// Count is how many resources came to which end.
type Count struct {
	Created int `json:"created"`         // answered with 201
	Updated int `json:"updated"`         // stored, and there before
	Other   int `json:"other,omitempty"` // entries of a Bundle that were carried out and stored nothing: reads, deletions, creates that found a match
	Refused int `json:"refused"`         // by the server, or because they could not be read
}

// Refusal is a resource that was not stored, or an entry of a Bundle that was not carried out.
type Refusal struct {
	Place
	Resource string `json:"resource,omitempty"` // "Patient/123", or "Patient" when it had no id; the request, "DELETE Patient/123", of an entry without one; "" when it could not be read
	Status   int    `json:"status,omitempty"`   // of HTTP; 0 when it was not sent
	Reason   string `json:"reason"`

	number int
}

// ExitCode is that of the program: 0 when everything was stored, 1 when something was refused, 2 when the load stopped before the end.
func (s Summary) ExitCode() int {
	switch {
	case s.Stopped != "":
		return 2
	case s.Refused > 0:
		return 1
	default:
		return 0
	}
}

// WriteJSON writes the summary as one JSON object.
func (s Summary) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

// WriteText writes a table of the types, and a line for each refusal. Why the load stopped is not in it, for that is
// an error, which Run returns.
func (s Summary) WriteText(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, c Count) {
		fmt.Fprintf(table, "%s\t%d\t%d\t", name, c.Created, c.Updated)
		if s.Other > 0 {
			fmt.Fprintf(table, "%d\t", c.Other)
		}
		fmt.Fprintf(table, "%d\t\n", c.Refused)
	}
	switch {
	case s.Other > 0:
		fmt.Fprintln(table, "\tcreated\tupdated\tother\trefused\t")
	case s.Count != (Count{}):
		fmt.Fprintln(table, "\tcreated\tupdated\trefused\t")
	}
	for _, typ := range slices.Sorted(maps.Keys(s.Types)) {
		row(typ, s.Types[typ])
	}
	if s.Count != (Count{}) {
		row("all", s.Count)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range s.Refusals {
		if _, err := fmt.Fprintln(w, r); err != nil {
			return err
		}
	}
	return nil
}

// String is the refusal in one line: "data.json, line 12: Patient/123: 422: …".
func (r Refusal) String() string {
	line := r.Place.String()
	if r.Resource != "" {
		line += ": " + r.Resource
	}
	if r.Status != 0 {
		line += fmt.Sprintf(": %d", r.Status)
	}
	return line + ": " + r.Reason
}

func (s *Summary) add(r result) {
	one := Count{Updated: 1}
	switch {
	case r.refusal != "":
		one = Count{Refused: 1}
		s.Refusals = append(s.Refusals, Refusal{Place: r.Place, Resource: r.resource, Status: r.status, Reason: r.refusal, number: r.number})
	case r.created:
		one = Count{Created: 1}
	case r.other:
		one = Count{Other: 1}
	}
	s.Count = s.Count.plus(one)
	if r.typ != "" {
		s.Types[r.typ] = s.Types[r.typ].plus(one)
	}
}

func (c Count) plus(d Count) Count {
	return Count{c.Created + d.Created, c.Updated + d.Updated, c.Other + d.Other, c.Refused + d.Refused}
}

// finish brings the refusals, which came as the server answered, into the order of reading.
func (s *Summary) finish() {
	slices.SortFunc(s.Refusals, func(a, b Refusal) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.Entry, b.Entry)) })
}
