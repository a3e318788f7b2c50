package patch

import (
	"slices"
	"strings"
)

// pointer is a JSON Pointer (RFC 6901): the names and indexes on the way from the root, unescaped. The empty pointer
// is the whole document.
type pointer []string

// parsePointer reads a pointer in its JSON string representation, and says whether it is one.
func parsePointer(text string) (pointer, bool) {
	if text == "" {
		return pointer{}, true
	}
	if text[0] != '/' {
		return nil, false
	}
	p := pointer(strings.Split(text[1:], "/"))
	for i, token := range p {
		if !strings.Contains(token, "~") {
			continue
		}
		if rest := strings.NewReplacer("~0", "", "~1", "").Replace(token); strings.Contains(rest, "~") {
			return nil, false
		}
		p[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return p, true
}

// String writes the pointer with its escapes.
func (p pointer) String() string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, token := range p {
		b.WriteByte('/')
		_, _ = escape.WriteString(&b, token)
	}
	return b.String()
}

// parent is the place of the object or array that holds the place, which is not the root.
func (p pointer) parent() pointer { return p[:len(p)-1] }

// last is the name or index of the place in its parent.
func (p pointer) last() string { return p[len(p)-1] }

// contains says whether another place is below this one.
func (p pointer) contains(other pointer) bool {
	return len(p) < len(other) && slices.Equal(p, other[:len(p)])
}
