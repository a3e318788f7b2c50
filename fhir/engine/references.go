package engine

import (
	"cmp"
	"errors"
	"html"
	"net/url"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/r4"
)

// link is an element whose text names other resources, by the FullURL of a change of the same transaction or by what a search finds. What
// it names may have another key each time that the transaction is decided.
type link struct {
	place  linkPlace
	pieces []piece
	now    string // the text that stands in the element
}

// piece is a part of a link's text: as the client wrote it, or the place of a resource's key.
type piece struct {
	text    string // where the others are nil
	change  *draft // whose resource is meant
	version bool   // this version of it
	query   *conditionalReference
}

const historySegment = "/_history/"

// checkFullURL says what is wrong with a change's own name: bdl-7 and bdl-8 (https://hl7.org/fhir/R4/bundle.html#invs), and it is absolute
// (https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.fullUrl). The place of its issues is fullUrl.
func (t *transaction) checkFullURL(d *draft) error {
	const place = "fullUrl"
	if d.FullURL == "" {
		return nil
	}
	if u, err := url.Parse(d.FullURL); err != nil || !u.IsAbs() {
		return fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s is no absolute URL: write urn:uuid: and a UUID, or the address of the resource.", fhir.Quote(d.FullURL)).At(place)
	}
	if strings.Contains(d.FullURL, historySegment) {
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvariant, "A fullUrl names no version, but %s does (bdl-8).", fhir.Quote(d.FullURL)).At(place)
	}
	if t.named[d.FullURL] != d {
		return fhir.Errorf(fhir.Invalid, fhir.CodeInvariant, "Another entry has the fullUrl %s already; each is the name of one resource (bdl-7).", fhir.Quote(d.FullURL)).At(place)
	}
	return d.agrees()
}

// agrees holds a fullUrl that is the address of a resource against what the change is about: it "SHALL NOT disagree with the id in the
// resource" (https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.fullUrl). Links to that address would otherwise go to another
// resource. A create gets an id of its own.
func (d *draft) agrees() error {
	base := restBase(d.FullURL)
	if base == "" {
		return nil
	}
	about := d.Key
	if d.named {
		about = d.own
	}
	resourceType, id, _ := strings.Cut(d.FullURL[len(base):], "/")
	if resourceType == about.Type && (id == about.ID || about.ID == "") {
		return nil
	}
	return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The fullUrl %s is not the address of what the entry is about, %s. Give the address that ends so, or a urn:uuid.", fhir.Quote(d.FullURL), strings.TrimSuffix(about.String(), "/")).At("fullUrl")
}

// connect finds the links of a draft's resource. A patch is looked at for what it brings: links of what is stored stay as they are. Its errors are Invalid.
func (t *transaction) connect(d *draft) error {
	d.links = d.links[:0]
	known := map[string]bool{}
	if d.Action == ActPatch {
		eachLink(d.before, func(p linkPlace) { known[p.text] = true })
	}
	base := restBase(d.FullURL)
	faults := &fhir.Error{Kind: fhir.Invalid}
	var failure error
	eachLink(d.resource, func(p linkPlace) {
		if known[p.text] {
			return
		}
		pieces, err := t.pieces(base, p)
		if isFailure(err) || errors.Is(err, fhir.Unavailable) || errors.Is(err, fhir.Forbidden) {
			failure = err
		} else {
			faults.Issues = append(faults.Issues, issuesOf(err)...)
		}
		if pieces != nil {
			p.path = append([]linkStep(nil), p.path...)
			d.links = append(d.links, &link{place: p, pieces: pieces, now: p.text})
		}
	})
	if len(faults.Issues) == 0 {
		return failure
	}
	return cmp.Or[error](failure, faults)
}

// pieces takes the text of an element apart; nil where it names no resource of the transaction, and is left as it is.
func (t *transaction) pieces(base string, p linkPlace) ([]piece, error) {
	if p.kind == linkNarrative {
		return t.narrativePieces(base, p.text), nil
	}
	if pieces := t.urlPieces(base, p.text); pieces != nil || p.kind == linkURL {
		return pieces, nil
	}
	name, query, conditional := strings.Cut(t.Rules.Relative(p.text), "?")
	switch {
	case conditional && r4.IsResource(name):
		ref, err := t.conditionalReference(name, query, p)
		return []piece{{query: ref}}, err
	case strings.HasPrefix(p.text, "urn:uuid:"), strings.HasPrefix(p.text, "urn:oid:"):
		return nil, fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The reference %s names an entry by its fullUrl, but no entry that creates or changes a resource has it.", fhir.Quote(p.text)).At(p.expression())
	default:
		return nil, nil
	}
}

// urlPieces takes a URL apart that names the resource of a change, perhaps with a version or a fragment behind
// (https://hl7.org/fhir/R4/bundle.html#references). "Version-specific references should remain as version-specific": the version that they
// name is forgotten, and the one that the transaction makes is meant. A relative one is resolved against the base of the FullURL of
// its own entry.
func (t *transaction) urlPieces(base, text string) []piece {
	plain, fragment, hasFragment := strings.Cut(text, "#")
	plain, _, version := strings.Cut(plain, historySegment)
	if isRelative(plain) { // without a base it names nothing: each FullURL is absolute
		plain = base + plain
	}
	change := t.named[plain]
	if plain == "" || change == nil || change.Action == ActDelete {
		return nil
	}
	if version {
		change.pinned = true
	}
	pieces := []piece{{change: change, version: version}}
	if hasFragment {
		pieces = append(pieces, piece{text: "#" + fragment})
	}
	return pieces
}

// narrativePieces takes a narrative apart.
func (t *transaction) narrativePieces(base, div string) []piece {
	var pieces []piece
	done := 0
	for _, l := range narrativeLinks(div) {
		named := t.urlPieces(base, l.url)
		if named == nil {
			continue
		}
		pieces = append(pieces, piece{text: div[done:l.from]}, named[0])
		for _, fragment := range named[1:] {
			pieces = append(pieces, piece{text: html.EscapeString(fragment.text)})
		}
		done = l.to
	}
	if pieces == nil {
		return nil
	}
	return append(pieces, piece{text: div[done:]})
}

// relink writes the keys that were decided into the links of a resource.
func (d *draft) relink() {
	for _, l := range d.links {
		var b strings.Builder
		for _, p := range l.pieces {
			b.WriteString(p.now())
		}
		if text := b.String(); text != l.now {
			l.place.set(text)
			l.now, d.relinked = text, true
		}
	}
}

// now is what a piece says after what was decided last.
func (p piece) now() string {
	switch {
	case p.query != nil:
		return p.query.key().String()
	case p.change == nil:
		return p.text
	case p.version && p.change.next > 0:
		return p.change.key().String() + historySegment + strconv.FormatInt(p.change.next, 10)
	default:
		return p.change.key().String()
	}
}

// key is that of the resource that a change is about; before it was decided, the one that it would create.
func (d *draft) key() fhir.Key {
	switch {
	case d.target.ID != "":
		return d.target
	case d.own.ID != "":
		return d.own
	default:
		return undecided(d.Key.Type)
	}
}

// undecided stands for a resource that is not known yet. A resource with it in a link is checked as with any other key.
func undecided(resourceType string) fhir.Key { return fhir.Key{Type: resourceType, ID: "undecided"} }

// restBase is the base of a FHIR server in the address of a resource there, with a slash at its end; "" where it is no such address.
func restBase(address string) string {
	if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
		return ""
	}
	end := strings.LastIndexByte(address, '/')
	begin := strings.LastIndexByte(address[:end], '/') + 1
	if !isRelative(address[begin:]) {
		return ""
	}
	return address[:begin]
}

// isRelative says whether a text has the form Type/id.
func isRelative(text string) bool {
	name, id, found := strings.Cut(text, "/")
	return found && r4.IsResource(name) && fhir.ValidID(id)
}
