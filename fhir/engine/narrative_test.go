package engine

import (
	"encoding/xml"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNarrativeLinks(t *testing.T) {
	for _, c := range []struct {
		name, div string
		want      []string // url, and in the text as it is escaped
	}{
		{"none", `<div><p>href src</p></div>`, nil},
		{"a link", `<div><a href="x">y</a></div>`, []string{"x", "x"}},
		{"an image", `<div><img src='x'/></div>`, []string{"x", "x"}},
		{"among other attributes", "<div><a title=\"a > b = 'c'\"\n\thref = 'x'>y</a><img alt=\"'\" src=\"z\" /></div>", []string{"x", "x", "z", "z"}},
		{"escaped", `<div><a href="x?a=1&amp;b=&#50;">y</a></div>`, []string{"x?a=1&b=2", "x?a=1&amp;b=&#50;"}},
		{"empty", `<div><a href="">y</a></div>`, []string{"", ""}},
		{"in a comment", `<div><!-- <a href="x">y</a> --></div>`, nil},
		{"of another element", `<div><q cite="x" src="y" href="z">y</q><a src="x">y</a></div>`, nil},
		{"behind letters of several bytes", `<div>ä€𝄞<a title="ä" href="x">y</a></div>`, []string{"x", "x"}},
		{"before a fault", `<div><a href="x">y</a><a href=z></div>`, []string{"x", "x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, l := range narrativeLinks(c.div) {
				got = append(got, l.url, c.div[l.from:l.to])
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzNarrativeLinks: what is found is what stands there, and another text can be put in its place.
func FuzzNarrativeLinks(f *testing.F) {
	f.Add(`<div><a title="a > b = 'c'" href = 'x'>y</a><img src="z&amp;" /></div>`)
	f.Add("<a\r\nhref='1'b=\"2\">")
	f.Fuzz(func(t *testing.T, div string) {
		end := 0
		for _, l := range narrativeLinks(div) {
			if l.from < end || l.to < l.from || l.to >= len(div) || div[l.to] != div[l.from-1] {
				t.Fatalf("%d to %d", l.from, l.to)
			}
			end = l.to
			var value string
			if err := xml.Unmarshal([]byte("<v>"+div[l.from:l.to]+"</v>"), &value); err == nil && value != l.url {
				t.Fatalf("%q is not %q", value, l.url)
			}
			urls := func(div string) (all []string) {
				for _, l := range narrativeLinks(div) {
					all = append(all, l.url)
				}
				return all
			}
			changed := urls(div[:l.from] + "Patient/1" + div[l.to:])
			if n := len(urls(div)); len(changed) != n || !slices.Contains(changed, "Patient/1") {
				t.Fatalf("%q", changed)
			}
		}
	})
}
