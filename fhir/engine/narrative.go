package engine

import (
	"encoding/xml"
	"strings"
)

// narrativeLink is the value of an attribute in a narrative, and where it stands in the text.
type narrativeLink struct {
	from, to int
	url      string
}

// narrativeLinks finds <a href> and <img src> in a narrative. Of one that is no XML it finds those before the fault, which validation tells.
func narrativeLinks(div string) []narrativeLink {
	if !strings.Contains(div, "href") && !strings.Contains(div, "src") {
		return nil
	}
	var links []narrativeLink
	d := xml.NewDecoder(strings.NewReader(div))
	for {
		start := d.InputOffset()
		token, err := d.RawToken()
		if err != nil {
			return links
		}
		tag, ok := token.(xml.StartElement)
		if !ok || tag.Name.Space != "" {
			continue
		}
		for i, a := range tag.Attr {
			if a.Name == (xml.Name{Local: linkAttribute[tag.Name.Local]}) {
				from, to := attributeValue(div[start:d.InputOffset()], i)
				links = append(links, narrativeLink{int(start) + from, int(start) + to, a.Value})
			}
		}
	}
}

// linkAttribute is the attribute by which an element links.
var linkAttribute = map[string]string{"a": "href", "img": "src"}

// attributeValue finds where the value of the nth attribute stands in the text of a tag, which is well-formed: after each name comes =, then
// the value between quotation marks.
func attributeValue(tag string, n int) (from, to int) {
	for ; ; n-- {
		from = to + strings.IndexByte(tag[to:], '=')
		from += strings.IndexAny(tag[from:], `"'`) + 1
		to = from + strings.IndexByte(tag[from:], tag[from-1])
		if n == 0 {
			return from, to
		}
		to++
	}
}
