package mongo

import (
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/portico-health/portico/fhir/search"
)

// Strings of the index are UTF-8, and are compared byte by byte. So a beginning is a range: regular expressions, which
// have rules of their own for the ends of lines and for long texts, are for what is within a text or at its end.

// The fields of an element of indexText.
const (
	textFolded = "folded"
	textExact  = "exact"

	indexFolded = indexText + "." + textFolded
)

// isValue is the test that a text is a value, not a part of one.
var isValue = bson.E{Key: textExact, Value: bson.D{{Key: "$gt", Value: ""}}}

func beginning(t search.StartsWith) condition {
	return oneOf(indexText, bson.E{Key: textFolded, Value: textBounds(t.Param, t.Folded, t.Folded+search.Last)})
}

func whole(t search.Whole) condition {
	if !utf8.ValidString(t.Folded) {
		return unknown
	}
	return oneOf(indexText, bson.E{Key: textFolded, Value: prefixed(t.Param, t.Folded)}, isValue)
}

func written(t search.Exactly) condition {
	exact := bson.E{Key: textExact, Value: t.Exact}
	switch {
	case !utf8.ValidString(t.Exact):
		return unknown
	case t.Exact == "":
		exact.Value = bson.D{{Key: "$not", Value: isValue.Value}}
	}
	return oneOf(indexText, bson.E{Key: textFolded, Value: textBounds(t.Param, search.First, search.Last)}, exact)
}

// maxPattern is how many bytes of a text are looked for by a regular expression: servers take no endless ones, and the text may grow fourfold in it. Of
// longer texts a condition says a part.
const maxPattern = 300

func containing(t search.Contains) condition {
	if !utf8.ValidString(t.Folded) {
		return unknown
	}
	part := firstBytes(t.Folded, maxPattern)
	return condition{filter: bson.D{{Key: indexFolded, Value: pattern(t.Param, part, "")}}, exact: len(part) == len(t.Folded)}
}

// firstBytes is the beginning of a text, of at most n bytes.
func firstBytes(text string, n int) string {
	for len(text) > n {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

func ending(t search.EndsWith) condition {
	part := t.Folded
	for len(part) > maxPattern {
		_, size := utf8.DecodeRuneInString(part)
		part = part[size:]
	}
	if !utf8.ValidString(t.Folded) {
		return unknown
	}
	c := oneOf(indexText, bson.E{Key: textFolded, Value: pattern(t.Param, part, `\z`)}, isValue)
	c.exact = len(part) == len(t.Folded)
	return c
}

// pattern is the regular expression (https://www.pcre.org/current/doc/html/pcre2pattern.html) of values that have a part, with an assertion behind it.
func pattern(param, part, assertion string) bson.Regex {
	return bson.Regex{Pattern: "^" + quoted(prefixed(param, "")) + ".*" + quoted(part) + assertion, Options: "s"}
}

// quoted is a text in a regular expression. In BSON these end with their first zero.
func quoted(s string) string { return strings.ReplaceAll(regexp.QuoteMeta(s), "\x00", `\x00`) }

// prefixed is a value as the index has it: behind its parameter.
func prefixed(param, value string) string { return param + "=" + value }

// textBounds are the bounds of a value of a parameter, of which the upper one is not included. A bound may be any bytes, such as search.Last.
func textBounds(param, from, to string) bson.D {
	return bson.D{{Key: "$gte", Value: ceiling(prefixed(param, from))}, {Key: "$lt", Value: ceiling(prefixed(param, to))}}
}

// ceiling is the first text in UTF-8 that is not before some bytes. There is one for whatever begins with a parameter.
func ceiling(b string) string {
	valid := 0
	for valid < len(b) {
		r, size := utf8.DecodeRuneInString(b[valid:])
		if r == utf8.RuneError && size == 1 {
			return behind(b[:valid], b[valid:])
		}
		valid += size
	}
	return b
}

// behind is the first text behind all that begin with a prefix and then have what is no beginning of a character, or less.
func behind(prefix, bytes string) string {
	for {
		next := sort.Search(characters, func(i int) bool { return string(character(i)) > bytes })
		if next < characters || prefix == "" {
			return prefix + string(character(min(next, characters-1)))
		}
		_, size := utf8.DecodeLastRuneInString(prefix)
		prefix, bytes = prefix[:len(prefix)-size], prefix[len(prefix)-size:]+search.Last
	}
}

// characters is how many there are in Unicode: without the halves of UTF-16.
const characters = utf8.MaxRune + 1 - 0x800

// character is one by its place among them.
func character(i int) rune {
	if i >= 0xd800 {
		i += 0x800
	}
	return rune(i)
}
