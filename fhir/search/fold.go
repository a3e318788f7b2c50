package search

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// fold makes the form in which strings are compared by default: without case and accents, with spaces and punctuation made
// single spaces, without apostrophes and quotation marks (https://hl7.org/fhir/R4/search.html#string: "insensitive to casing and
// included combining characters", and both should be ignored). What consists of nothing else is only put in lower case. The
// result is empty for white space alone, and folding it again changes nothing.
func fold(s string) string {
	if isFolded(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		i += size
		letters := foldRune(r)
		if letters == " " {
			space = b.Len() > 0
			continue
		}
		if space && letters != "" {
			b.WriteByte(' ')
			space = false
		}
		b.WriteString(letters)
	}
	if b.Len() == 0 {
		return strings.ToLower(strings.TrimSpace(s))
	}
	return b.String()
}

// isFolded finds most of what folding leaves as it is: lower case ASCII, digits and single spaces within.
func isFolded(s string) bool {
	last := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf || ascii[c] == "" || ascii[c][0] != c || (c == ' ' && last == ' ') {
			return false
		}
		last = c
	}
	return last != ' '
}

// ascii is what becomes of each ASCII character: itself or its lower case, a space, or nothing.
var ascii = func() (table [utf8.RuneSelf]string) {
	for c := range table {
		switch r := rune(c); {
		case strings.ContainsRune("'`\"", r):
		case unicode.IsSpace(r) || unicode.IsControl(r) || unicode.IsPunct(r):
			table[c] = " "
		default:
			table[c] = string(unicode.ToLower(r))
		}
	}
	return table
}()

// foldRune is what a character is compared as: letters, one space, or "" where it counts for nothing.
func foldRune(r rune) string {
	if r < utf8.RuneSelf {
		return ascii[r]
	}
	r = unicode.ToLower(r)
	if base, ok := baseLetters()[r]; ok {
		return base
	}
	switch {
	case unicode.Is(unicode.Mn, r) && unicode.Is(unicode.Inherited, r), unicode.Is(unicode.Cf, r):
		return "" // an accent that belongs to no one script (vowel signs of Indic scripts stay), or an invisible character
	case unicode.In(r, unicode.Pi, unicode.Pf) || strings.ContainsRune("ʹʼ´", r):
		return "" // quotation marks, and what is written in place of an apostrophe
	case unicode.IsSpace(r) || unicode.IsControl(r) || unicode.IsPunct(r):
		return " "
	}
	return string(r)
}

// accented are the lower case letters that Unicode composes of a base letter and accents (canonical decomposition), behind
// that letter; and the Latin letters that it does not take apart, behind what they are commonly written as.
const accented = `
a àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặẚ
b ḃḅḇƀ
c çćĉċčḉƈȼ
d ďḋḍḏḑḓđðƌȡ
e èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệǝɇ
f ḟƒ
g ĝğġģǧǵḡǥ
h ĥȟḣḥḧḩḫẖħ
i ìíîïĩīĭįǐȉȋḭḯỉịı
j ĵǰȷɉ
k ķǩḱḳḵĸƙ
l ĺļľḷḹḻḽłŀƚȴ
m ḿṁṃ
n ñńņňǹṅṇṉṋŉƞȵ
ng ŋ
o òóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợøǿ
p ṕṗƥ
q ɋ
r ŕŗřȑȓṙṛṝṟɍ
s śŝşšșṡṣṥṧṩſẛȿ
t ţťțṫṭṯṱẗŧƫƭȶ
u ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự
v ṽṿ
w ŵẁẃẅẇẉẘ
x ẋẍ
y ýÿŷȳẏẙỳỵỷỹƴɏ
z źżžẑẓẕƶɀ
ae æǣǽ
oe œ
ss ß
th þ
ij ĳ
dz ǆǳ
lj ǉ
nj ǌ
ʒ ǯ
α άἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ
ε έἐἑἒἓἔἕὲέ
η ήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ
ι ΐίϊἰἱἲἳἴἵἶἷὶίῐῑῒΐῖῗ
ο όὀὁὂὃὄὅὸό
ρ ῤῥ
σ ς
υ ΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ
ω ώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ
г ѓ
е ѐё
и йѝ
к ќ
у ў
і ї`

// baseLetters is the table of accented, by letter.
var baseLetters = sync.OnceValue(func() map[rune]string {
	table := make(map[rune]string, 512)
	for line := range strings.Lines(accented) {
		base, letters, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, r := range letters {
			table[r] = base
		}
	}
	return table
})
