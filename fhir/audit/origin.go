package audit

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/portico-health/portico/fhir"
)

// An origin is four texts, with a space between: the interaction, the id of the credential, the id of the request, the IP address. What is none of the
// characters that a path may have (RFC 3986, section 3.3) is percent-encoded:
//
//	update live_2cV9xQ4mT7bK1nR8sW3yZ6 7f3c9b1e-ward-4 203.0.113.17
const originTexts = 4

// The bounds of these texts, in bytes before they are encoded, which makes three of one at most: so an origin is never longer than storage.MaxOrigin. What is
// longer is cut.
const (
	mostInteraction = 32
	mostClient      = 128
	mostRequest     = 96
	mostAddress     = 64
)

// OriginOf is the storage.Op.Origin of a change: who makes it, by which interaction and request. What they may do is not in it, nor is the partition, which is
// that of the change.
func OriginOf(who fhir.Principal, i Interaction) string {
	return writeOrigin(cut(string(i), mostInteraction), cut(who.Client, mostClient), cut(who.Request, mostRequest), cut(who.Address, mostAddress))
}

func writeOrigin(texts ...string) string {
	encoded := make([]string, len(texts))
	for i, text := range texts {
		encoded[i] = url.PathEscape(text)
	}
	return strings.Join(encoded, " ")
}

// cut is as much of a text as so many bytes have room for, without a part of a character at its end.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// parseOrigin reads an OriginOf; of a text that is none it returns zero values.
func parseOrigin(origin string) (who fhir.Principal, i Interaction) {
	texts := strings.Split(origin, " ")
	if len(texts) != originTexts {
		return who, ""
	}
	for n, text := range texts {
		plain, err := url.PathUnescape(text)
		if err != nil {
			return who, ""
		}
		texts[n] = plain
	}
	i, who.Client, who.Request, who.Address = Interaction(texts[0]), texts[1], texts[2], texts[3]
	if writeOrigin(texts...) != origin {
		return fhir.Principal{}, ""
	}
	return who, i
}
