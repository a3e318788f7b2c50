package fhir

import (
	"slices"
	"strconv"
)

// AppendJSON appends a tree as compact JSON text. Text is escaped only where JSON demands it
// (quotation mark, backslash, control characters), so that narratives stay readable. A Go value that
// is none of the tree, such as an int, is a defect of the caller and panics.
func AppendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return AppendString(dst, v)
	case Number:
		return append(dst, v...)
	case Array:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, item)
		}
		return append(dst, ']')
	case *Object:
		dst = append(dst, '{')
		dst = appendMembers(dst, v.members)
		return append(dst, '}')
	default:
		panic("fhir: a value of the tree is of a type that JSON does not have")
	}
}

func appendMembers(dst []byte, members []Member) []byte {
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, m.Name)
		dst = append(dst, ':')
		dst = AppendJSON(dst, m.Value)
	}
	return dst
}

// AppendString appends text of UTF-8 as a JSON string, escaped as AppendJSON does.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
		}
		start = i + 1
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// Draft is a resource as JSON text, made before its version is known: everything but
// meta.versionId and meta.lastUpdated, which are the server's and are put in by Stamp.
type Draft struct {
	text  []byte
	place int  // in text, where the stamp goes: at the beginning of meta
	alone bool // whether nothing follows the stamp in meta
}

// NewDraft encodes a resource. A versionId or lastUpdated that it brings is left out. Where there is no
// meta it is made, behind id or resourceType; a meta that is no object gives way to one.
func NewDraft(r Resource) Draft {
	root := Object{members: slices.Clone(r.root.members)}
	root.SetAfter("meta", nil, "id", "resourceType")
	d := Draft{text: append(make([]byte, 0, 4096), '{')}
	for i, m := range root.members {
		if i > 0 {
			d.text = append(d.text, ',')
		}
		d.text = AppendString(d.text, m.Name)
		d.text = append(d.text, ':')
		if m.Name == "meta" {
			d.meta(r.root.Object("meta"))
		} else {
			d.text = AppendJSON(d.text, m.Value)
		}
	}
	d.text = append(d.text, '}')
	return d
}

func (d *Draft) meta(meta *Object) {
	var rest []Member
	for name, value := range meta.All() {
		if name != "versionId" && name != "lastUpdated" {
			rest = append(rest, Member{name, value})
		}
	}
	d.text = append(d.text, '{')
	d.place, d.alone = len(d.text), len(rest) == 0
	d.text = appendMembers(d.text, rest)
	d.text = append(d.text, '}')
}

// Size is the length of the draft in bytes; a stamp adds less than a hundred.
func (d Draft) Size() int { return len(d.text) }

// Stamp returns the JSON text of the resource as the given version.
func (d Draft) Stamp(number int64, at Instant) []byte {
	out := make([]byte, 0, len(d.text)+96)
	out = append(out, d.text[:d.place]...)
	out = append(out, `"versionId":"`...)
	out = strconv.AppendInt(out, number, 10)
	out = append(out, `","lastUpdated":"`...)
	out = at.append(out)
	out = append(out, '"')
	if !d.alone {
		out = append(out, ',')
	}
	return append(out, d.text[d.place:]...)
}
