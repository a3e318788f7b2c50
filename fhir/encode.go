package fhir

import "strconv"

// AppendJSON appends a tree as compact JSON text. Text is escaped only where JSON demands it
// (quotation mark, backslash, control characters), so that narratives stay readable.
func AppendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendString(dst, v)
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
		dst = appendString(dst, m.Name)
		dst = append(dst, ':')
		dst = AppendJSON(dst, m.Value)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
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
	place int    // where the stamp goes
	head  string // what stands before the stamp's members
	tail  string // and behind them
}

// NewDraft encodes a resource. A versionId or lastUpdated that it brings is left out; meta is made,
// behind id, where there is none.
func NewDraft(r Resource) Draft {
	d := Draft{text: make([]byte, 0, 2048)}
	behind := r.placeForMeta()
	d.text = append(d.text, '{')
	for i, m := range r.root.members {
		if i > 0 {
			d.text = append(d.text, ',')
		}
		d.text = appendString(d.text, m.Name)
		d.text = append(d.text, ':')
		if meta, ok := m.Value.(*Object); ok && m.Name == "meta" {
			d.meta(meta)
			continue
		}
		d.text = AppendJSON(d.text, m.Value)
		if m.Name == behind {
			d.place, d.head, d.tail = len(d.text), `,"meta":{`, "}"
		}
	}
	d.text = append(d.text, '}')
	return d
}

// placeForMeta names the member behind which meta is made: id, or resourceType where there is no
// id; "" when the resource has a meta.
func (r Resource) placeForMeta() string {
	switch {
	case r.root.Object("meta") != nil:
		return ""
	case r.ID() != "":
		return "id"
	default:
		return "resourceType"
	}
}

func (d *Draft) meta(meta *Object) {
	rest := make([]Member, 0, len(meta.members))
	for _, m := range meta.members {
		if m.Name != "versionId" && m.Name != "lastUpdated" {
			rest = append(rest, m)
		}
	}
	d.text = append(d.text, '{')
	d.place = len(d.text)
	if len(rest) > 0 {
		d.tail = ","
		d.text = appendMembers(d.text, rest)
	}
	d.text = append(d.text, '}')
}

// Stamp returns the JSON text of the resource as the given version.
func (d Draft) Stamp(number int64, at Instant) []byte {
	out := make([]byte, 0, len(d.text)+96)
	out = append(out, d.text[:d.place]...)
	out = append(out, d.head...)
	out = append(out, `"versionId":"`...)
	out = strconv.AppendInt(out, number, 10)
	out = append(out, `","lastUpdated":"`...)
	out = at.append(out)
	out = append(out, '"')
	out = append(out, d.tail...)
	return append(out, d.text[d.place:]...)
}
