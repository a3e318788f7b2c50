package validate

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// The narrative is XHTML of a few elements and attributes (https://hl7.org/fhir/R4/narrative.html): those that the constraint txt-1 of
// Narrative.div lists, and address, bdo and kbd, which belong to the chapters of HTML 4.0 that it names (7 to 11 without 9.4, and 15).
// It is general XML: of the named entities there are the five of XML.

const xhtmlSpace = "http://www.w3.org/1999/xhtml"

var narrativeElements = wordSet(`
	a abbr acronym address b bdo big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img
	kbd li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var`)

var narrativeAttributes = wordSet(`
	abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class
	colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope
	shape span src start style summary tabindex title type valign value vspace width`)

// narrativeSchemes are the schemes of links; a link may be relative, too. R4 names none and forbids scripts: what a viewer might run is
// not among them.
var narrativeSchemes = wordSet("http https mailto tel ftp urn")

// pictureTypes are the media types of images that may stand in a data URL. R4 allows images and does not say whence; SVG is left out, since it
// can hold scripts.
var pictureTypes = wordSet("image/png image/jpeg image/jpg image/gif image/webp image/bmp")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// narrative checks the text of Narrative.div.
func (w *walk) narrative(text string) {
	d := xml.NewDecoder(strings.NewReader(text))
	depth, roots, filled, space := 0, 0, false, xhtmlSpace
	for !w.report.full() {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.fault(fhir.CodeInvariant, "The narrative is not well-formed XML: "+xmlReason(err)+" (txt-1).")
			return
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
				w.narrativeRoot(t, roots)
				space = t.Name.Space // a wrong one is told once
			}
			depth++
			w.narrativeElement(t, space)
			filled = filled || t.Name.Local == "img" && attribute(t, "src") != ""
		case xml.EndElement:
			depth--
		case xml.CharData:
			text := strings.TrimSpace(string(t)) != ""
			if text && depth == 0 {
				w.fault(fhir.CodeInvariant, "There is text outside of the div (txt-1).")
			}
			filled = filled || text && depth > 0
		case xml.ProcInst, xml.Directive:
			w.fault(fhir.CodeInvariant, "A narrative is a div and has no processing instruction or declaration (txt-1).")
		}
	}
	if !filled {
		w.fault(fhir.CodeInvariant, "The narrative says nothing: its div needs some text or an image (txt-2).")
	}
}

func (w *walk) narrativeRoot(t xml.StartElement, number int) {
	switch {
	case number > 1:
		w.fault(fhir.CodeInvariant, "The narrative must be one div, but another element follows it (txt-1).")
	case t.Name.Local != "div" || t.Name.Space != xhtmlSpace:
		w.fault(fhir.CodeInvariant, `The narrative must be an XHTML div: <div xmlns="`+xhtmlSpace+`">…</div> (txt-1).`)
	}
}

func (w *walk) narrativeElement(t xml.StartElement, space string) {
	name := t.Name.Local
	switch {
	case t.Name.Space != space:
		w.fault(fhir.CodeInvariant, "The element "+clip(name)+" is not of XHTML, whose namespace is "+xhtmlSpace+" (txt-1).")
	case !narrativeElements[name]:
		w.fault(fhir.CodeInvariant, "A narrative may not have the element "+clip(name)+" (txt-1).")
	}
	seen := map[xml.Name]bool{}
	for _, a := range t.Attr {
		if w.report.full() {
			return
		}
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		if seen[a.Name] {
			w.fault(fhir.CodeInvariant, "The attribute "+clip(a.Name.Local)+" comes twice in one "+clip(name)+" (txt-1).")
		}
		seen[a.Name] = true
		if wrong := wrongAttribute(name, a); wrong != "" {
			w.fault(fhir.CodeInvariant, wrong+" (txt-1).")
		}
	}
}

func wrongAttribute(element string, a xml.Attr) string {
	name := a.Name.Local
	switch {
	case a.Name.Space == "xml" || a.Name.Space == "http://www.w3.org/XML/1998/namespace":
		if name == "lang" || name == "space" {
			return ""
		}
		return "A narrative may not have the attribute xml:" + clip(name)
	case a.Name.Space != "" || !narrativeAttributes[name]:
		return "A narrative may not have the attribute " + clip(name)
	case name == "style":
		return wrongStyle(a.Value)
	case name == "href" || name == "src" || name == "cite" || name == "longdesc":
		return wrongLink(element, name, a.Value)
	default:
		return ""
	}
}

// wrongLink reads the scheme as browsers do, who pass over whitespace and control characters.
func wrongLink(element, name, value string) string {
	value = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1
		}
		return r
	}, value)
	scheme, rest, absolute := strings.Cut(value, ":")
	if !absolute || strings.ContainsAny(scheme, "/?#") {
		return ""
	}
	scheme = strings.ToLower(scheme)
	if scheme == "data" && element == "img" && name == "src" {
		mediaType, _, _ := strings.Cut(rest, ",")
		mediaType, _, _ = strings.Cut(mediaType, ";")
		if pictureTypes[strings.ToLower(mediaType)] {
			return ""
		}
		return "A data URL in a narrative must be a picture: PNG, JPEG, GIF, WebP or BMP"
	}
	if !narrativeSchemes[scheme] {
		return "A narrative may not link to a URL of the scheme " + clip(scheme)
	}
	return ""
}

// wrongStyle looks for what lets a style sheet run or import something, also behind a comment or an escape. A url() is a picture.
func wrongStyle(style string) string {
	style = strings.ToLower(style)
	for _, bad := range []string{"expression(", "@import", "behavior", "-moz-binding", "/*", `\`} {
		if strings.Contains(style, bad) {
			return "A style in a narrative may not have " + bad + " in it"
		}
	}
	for {
		_, url, found := strings.Cut(style, "url(")
		if !found {
			return ""
		}
		url, style, _ = strings.Cut(url, ")")
		if wrong := wrongLink("img", "src", strings.Trim(url, `'" `)); wrong != "" {
			return wrong
		}
	}
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// xmlReason is the decoder's own reason, which quotes the text only by single names.
func xmlReason(err error) string {
	var syntax *xml.SyntaxError
	if !errors.As(err, &syntax) {
		return "it cannot be read"
	}
	if entity, ok := strings.CutPrefix(syntax.Msg, "invalid character entity "); ok {
		return wrongEntity(entity)
	}
	return strings.TrimSpace(clip(syntax.Msg))
}

// wrongEntity says what to write for &name; of HTML, which XML does not have, and for an & that begins nothing.
func wrongEntity(entity string) string {
	name, ended := strings.CutSuffix(strings.TrimPrefix(entity, "&"), ";")
	if !ended {
		return "an & that begins no entity is written &amp;"
	}
	for _, character := range xml.HTMLEntity[name] {
		return "&" + name + "; is an entity of HTML, which XML does not have: write &#" + strconv.Itoa(int(character)) + ";"
	}
	return clip(entity) + " is no entity of XML: write the character itself, or its number as in &#160;"
}
