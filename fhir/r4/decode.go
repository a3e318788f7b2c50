package r4

import (
	"strconv"
	"strings"
	"sync"
)

// typeHead is what the opening line of a type in elements.txt says: kind, "abstract" or nothing, base, pattern.
type typeHead struct {
	kind          Kind
	abstract      bool
	base, pattern string
}

func (s section) typeHead() typeHead {
	var f [4]string
	fields(s.head, f[:])
	h := typeHead{abstract: f[1] == "abstract", base: f[2], pattern: f[3]}
	for _, k := range []Kind{Primitive, Complex, Resource} {
		if f[0] == k.String() {
			h.kind = k
		}
	}
	return h
}

// openTypes are the types of an element that allows every data type, "*" in the table
// (http://hl7.org/fhir/R4/datatypes.html#open).
var openTypes = sync.OnceValue(func() []TypeRef {
	remark, _, _ := strings.Cut(elementTable, sectionMark)
	_, text, _ := strings.Cut(remark, "# * ")
	text, _, _ = strings.Cut(text, "\n")
	return typeRefs(text)
})

// decoder holds what the elements of one type share.
type decoder struct {
	byPath map[string]*Element
	types  map[string][]TypeRef
	keys   map[string][]string
	kids   map[*Element][]*Element
}

func decodeType(name string, s section) *Type {
	h := s.typeHead()
	d := decoder{
		byPath: make(map[string]*Element, strings.Count(s.body, "\n")),
		types:  make(map[string][]TypeRef),
		keys:   make(map[string][]string),
		kids:   make(map[*Element][]*Element),
	}
	return &Type{
		Name: name, Kind: h.kind, Abstract: h.abstract, Base: h.base, Pattern: h.pattern,
		Root: d.tree(s),
	}
}

// tree reads the elements of a type and joins them; the first line is the root.
func (d *decoder) tree(s section) *Element {
	var root *Element
	var inline []*Element // in table order, so that adopting is deterministic
	borrowed := map[*Element]string{}
	for line := range s.lines() {
		e, from := d.element(line)
		d.byPath[e.Path] = e
		if from != "" {
			borrowed[e] = from
		}
		if root == nil {
			root = e
			continue
		}
		parent := d.byPath[e.Path[:strings.LastIndexByte(e.Path, '.')]]
		if d.kids[parent] == nil {
			inline = append(inline, parent)
		}
		d.kids[parent] = append(d.kids[parent], e)
	}
	for e, from := range borrowed {
		e.Types = d.byPath[from].Types
	}
	for _, e := range inline {
		e.adopt(d.kids[e])
	}
	for e, from := range borrowed {
		e.Children, e.members = d.byPath[from].Children, d.byPath[from].members
	}
	return root
}

// element reads a line: path, cardinality, types (or "=" and the path that the content is taken from), flags, value
// set of the required binding, invariants, warnings.
func (d *decoder) element(line string) (e *Element, from string) {
	var f [7]string
	fields(line, f[:])
	e = &Element{
		Path: f[0], Required: f[4],
		Invariants: d.keyList(f[5]), Warnings: d.keyList(f[6]),
		Summary: strings.Contains(f[3], "S"), Modifier: strings.Contains(f[3], "M"),
	}
	e.Name, e.Choice = strings.CutSuffix(e.Path[strings.LastIndexByte(e.Path, '.')+1:], "[x]")
	e.Min, e.Max = cardinality(f[1])
	if from, borrowed := strings.CutPrefix(f[2], "="); borrowed {
		return e, from
	}
	e.Types = d.typeList(f[2])
	return e, ""
}

func (d *decoder) keyList(text string) []string {
	keys, known := d.keys[text]
	if !known {
		keys = list(text)
		d.keys[text] = keys
	}
	return keys
}

func (d *decoder) typeList(text string) []TypeRef {
	if text == "*" {
		return openTypes()
	}
	refs, known := d.types[text]
	if !known {
		refs = typeRefs(text)
		d.types[text] = refs
	}
	return refs
}

// typeRefs reads "boolean|dateTime" or "Reference(Patient,Group)|string".
func typeRefs(text string) []TypeRef {
	if text == "" {
		return nil
	}
	refs := make([]TypeRef, 0, strings.Count(text, "|")+1)
	for t := range strings.SplitSeq(text, "|") {
		code, targets, _ := strings.Cut(t, "(")
		refs = append(refs, TypeRef{Code: code, Targets: list(strings.TrimSuffix(targets, ")"))})
	}
	return refs
}

// cardinality reads "0..1" or "1..*".
func cardinality(text string) (least, most int) {
	low, high, _ := strings.Cut(text, "..")
	least, _ = strconv.Atoi(low)
	if high == "*" {
		return least, -1
	}
	most, _ = strconv.Atoi(high)
	return least, most
}
