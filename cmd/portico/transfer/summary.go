package transfer

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/portico-health/portico/fhir"
)

// Summary is what a copy did, and how both stores compare.
type Summary struct {
	Copied      int64        `json:"copied"`    // versions, by this run
	Resources   int64        `json:"resources"` // that the source has now
	Versions    int64        `json:"versions"`  // that it has
	Records     int64        `json:"records"`   // that were compared
	Types       []Comparison `json:"types"`
	Differences int64        `json:"differences"`
	Seconds     float64      `json:"seconds"`
}

// Comparison is how the resources of a type compare, within a partition.
type Comparison struct {
	Partition   fhir.Partition `json:"partition"`
	Type        string         `json:"type"`
	From        Content        `json:"from"`
	To          Content        `json:"to"`
	Differences int64          `json:"differences"`
}

// Content is what a store has of a type.
type Content struct {
	Resources int64  `json:"resources"` // not deleted
	Versions  int64  `json:"versions"`
	Hash      string `json:"hash"` // of all versions, the newest first; it does not depend on how numbers are spelled
}

// tally counts what there is of a type.
type tally struct {
	Comparison
	from, to *side
}

func newTally(p fhir.Partition, typ string) *tally {
	return &tally{Comparison: Comparison{Partition: p, Type: typ}, from: newSide(), to: newSide()}
}

// side is one store's part of a tally.
type side struct {
	resources, versions int64
	hash                digest
}

func newSide() *side { return &side{hash: newDigest()} }

// add takes a version into account, and returns it in its canonical form; nil for the zero version, which is none.
func (s *side) add(v version) ([]byte, error) {
	if v.Number == 0 {
		return nil, nil
	}
	text, err := canonical(v)
	if err != nil {
		return nil, err
	}
	s.hash.add(text)
	s.versions++
	switch {
	case v.IsDeleted() && v.existed:
		s.resources--
	case !v.IsDeleted() && !v.existed:
		s.resources++
	}
	return text, nil
}

func (s *side) content() Content { return Content{s.resources, s.versions, s.hash.String()} }

// add takes a type into the summary.
func (s *Summary) add(t *tally) {
	t.From, t.To = t.from.content(), t.to.content()
	s.Types = append(s.Types, t.Comparison)
	s.Resources += t.from.resources
	s.Versions += t.from.versions
}

// differs counts a difference among the resources of a type that were added.
func (s *Summary) differs(p fhir.Partition, typ string) {
	if i := slices.IndexFunc(s.Types, func(c Comparison) bool { return c.Partition == p && c.Type == typ }); i >= 0 {
		s.Types[i].Differences++
	}
}

// WriteText writes a table of the types.
func (s Summary) WriteText(w io.Writer) error {
	if len(s.Types) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "partition\ttype\tresources\tversions\tcontent")
	for _, t := range s.Types {
		both := func(from, to int64) string {
			if from == to {
				return fmt.Sprint(from)
			}
			return fmt.Sprintf("%d, in the target %d", from, to)
		}
		same := "same"
		if t.From.Hash != t.To.Hash || t.Differences > 0 {
			same = "DIFFERENT"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", t.Partition, t.Type, both(t.From.Resources, t.To.Resources), both(t.From.Versions, t.To.Versions), same)
	}
	return table.Flush()
}

// line is one line that tells how far a copy is. It is written at most ten times a second.
type line struct {
	w    io.Writer // nil for none
	now  func() time.Time
	last time.Time
}

const (
	redraw    = 100 * time.Millisecond
	clearLine = "\r\x1b[K" // ECMA-48: back to the left, erase to the right
)

func (l *line) show(format string, args ...any) {
	if l.w == nil {
		return
	}
	if now := l.now(); now.Sub(l.last) >= redraw {
		l.last = now
		fmt.Fprintf(l.w, clearLine+format, args...)
	}
}

func (l *line) clear() {
	if l.w != nil && !l.last.IsZero() {
		fmt.Fprint(l.w, clearLine)
	}
}
