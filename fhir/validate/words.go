package validate

import (
	"strconv"
	"strings"
)

// withArticle puts "a" or "an" before a name of R4 or JSON. Names that begin with U are spoken as "you": a UsageContext.
func withArticle(name string) string {
	if strings.IndexByte("AEIOaeio", name[0]) >= 0 {
		return "an " + name
	}
	return "a " + name
}

// alternatives lists words as a sentence does, and of many the first: "a, b or c", "a, b, c and 20 more".
func alternatives(words []string) string {
	const all, first = 15, 10
	switch n := len(words); {
	case n == 1:
		return words[0]
	case n > all:
		return strings.Join(words[:first], ", ") + " and " + strconv.Itoa(n-first) + " more"
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}
