package validate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-health/portico/fhir"
)

// withNarrative is a Patient with the given text of Narrative.div.
func withNarrative(div string) string {
	return string(fhir.AppendJSON(nil, fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "Patient"},
		fhir.Member{Name: "text", Value: fhir.NewObject(
			fhir.Member{Name: "status", Value: "generated"},
			fhir.Member{Name: "div", Value: div},
		)},
	)))
}

// inDiv is a good div around what is tested.
func inDiv(content string) string {
	return `<div xmlns="http://www.w3.org/1999/xhtml">` + content + `</div>`
}

func TestNarrativeAccepted(t *testing.T) {
	for _, div := range []string{
		inDiv("A"),
		"\n " + inDiv("A") + "\n",
		inDiv("<h1>A</h1><p>B<br/><b>c</b> &lt; &amp; &#160; &#xE9;</p><!-- a comment -->"),
		inDiv(`<table class="x" border="1"><thead><tr><th scope="col">A</th></tr></thead><tbody><tr><td colspan="2">B</td></tr></tbody></table>`),
		inDiv(`<p style="color: red; background: url(data:image/png;base64,AAAA)" lang="en" xml:lang="en" dir="ltr" title="x">A</p>`),
		inDiv(`<a href="http://example.org/a:b">A</a><a href="#x" name="y">B</a><a href="mailto:a@example.org">C</a><a href="Patient/1?a=b:c">D</a>`),
		inDiv(`<img src="picture.png" alt="A"/>`),
		inDiv(`<img src="data: image/png;base64,AAAA" alt="A"/>`),
		inDiv("<![CDATA[A < B]]>"),
		`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>A</h:p></h:div>`,
		inDiv(strings.Repeat("<div>", 5000) + "A" + strings.Repeat("</div>", 5000)),
	} {
		if issues, _ := check(t, withNarrative(div)); issues != nil {
			t.Errorf("%.200s: %q", div, issues)
		}
	}
}

func TestNarrativeRefused(t *testing.T) {
	const scheme = "A narrative may not link to a URL of the scheme "
	for div, sentence := range map[string]string{
		inDiv("A<script>alert(1)</script>"):                 "A narrative may not have the element script (txt-1).",
		inDiv(`A<iframe src="x"/>`):                         "A narrative may not have the element iframe (txt-1).",
		inDiv(`A<form/>`):                                   "A narrative may not have the element form (txt-1).",
		inDiv(`A<object/>`):                                 "A narrative may not have the element object (txt-1).",
		inDiv(`A<ins>b</ins>`):                              "A narrative may not have the element ins (txt-1).",
		inDiv(`A<P>b</P>`):                                  "A narrative may not have the element P (txt-1).",
		inDiv(`A<svg xmlns="http://www.w3.org/2000/svg"/>`): "The element svg is not of XHTML, whose namespace is http://www.w3.org/1999/xhtml (txt-1).",
		inDiv(`<p onclick="x()">A</p>`):                     "A narrative may not have the attribute onclick (txt-1).",
		inDiv(`<p data-x="1">A</p>`):                        "A narrative may not have the attribute data-x (txt-1).",
		inDiv(`<p xml:base="x">A</p>`):                      "A narrative may not have the attribute xml:base (txt-1).",
		inDiv(`<p x:title="x" xmlns:x="urn:x">A</p>`):       "A narrative may not have the attribute title (txt-1).",
		inDiv(`<p title="a" title="b">A</p>`):               "The attribute title comes twice in one p (txt-1).",
		inDiv(`<a href="javascript:alert(1)">A</a>`):        scheme + "javascript (txt-1).",
		inDiv(`<a href=" JAVA&#10;script:x()">A</a>`):       scheme + "javascript (txt-1).",
		inDiv(`<a href="&#1;javascript:x()">A</a>`):         "The narrative is not well-formed XML: illegal character code U+0001 (txt-1).",
		inDiv(`<a href="vbscript:x">A</a>`):                 scheme + "vbscript (txt-1).",
		inDiv(`<a href="data:text/html,x">A</a>`):           scheme + "data (txt-1).",
		inDiv(`<q cite="javascript:x">A</q>`):               scheme + "javascript (txt-1).",
		inDiv(`<img alt="A" src="data:image/svg+xml,x"/>`):  "A data URL in a narrative must be a picture: PNG, JPEG, GIF, WebP or BMP (txt-1).",
		inDiv(`<p style="x: expression(1)">A</p>`):          "A style in a narrative may not have expression( in it (txt-1).",
		inDiv(`<p style="x: exp/**/ression(1)">A</p>`):      "A style in a narrative may not have /* in it (txt-1).",
		inDiv(`<p style="x: \65xpression(1)">A</p>`):        `A style in a narrative may not have \ in it (txt-1).`,
		inDiv(`<p style="x: url('javascript:y')">A</p>`):    scheme + "javascript (txt-1).",
		inDiv("A&nbsp;B"):                                   "The narrative is not well-formed XML: &nbsp; is an entity of HTML, which XML does not have: write &#160; (txt-1).",
		inDiv("<p title='&euro;'>A</p>"):                    "The narrative is not well-formed XML: &euro; is an entity of HTML, which XML does not have: write &#8364; (txt-1).",
		inDiv("A&check;B"):                                  "The narrative is not well-formed XML: &check; is no entity of XML: write the character itself, or its number as in &#160; (txt-1).",
		inDiv("A & B"):                                      "The narrative is not well-formed XML: an & that begins no entity is written &amp; (txt-1).",
		inDiv(`<a href="x?a=1&b=2">A</a>`):                  "The narrative is not well-formed XML: an & that begins no entity is written &amp; (txt-1).",
		inDiv("<p>A"):                                       "The narrative is not well-formed XML: element <p> closed by </div> (txt-1).",
		"<div>A</div>":                                      `The narrative must be an XHTML div: <div xmlns="http://www.w3.org/1999/xhtml">…</div> (txt-1).`,
		`<p xmlns="http://www.w3.org/1999/xhtml">A</p>`:     `The narrative must be an XHTML div: <div xmlns="http://www.w3.org/1999/xhtml">…</div> (txt-1).`,
		inDiv("A") + inDiv("B"):                             "The narrative must be one div, but another element follows it (txt-1).",
		inDiv("A") + "B":                                    "There is text outside of the div (txt-1).",
		`<!DOCTYPE div [<!ENTITY a "b">]>` + inDiv("A"):     "A narrative is a div and has no processing instruction or declaration (txt-1).",
		inDiv("A<?php x ?>"):                                "A narrative is a div and has no processing instruction or declaration (txt-1).",
		inDiv(" \n<p> </p>"):                                "The narrative says nothing: its div needs some text or an image (txt-2).",
		"A":                                                 "There is text outside of the div (txt-1).",
	} {
		issues, kind := check(t, withNarrative(div))
		if !errors.Is(kind, fhir.Unprocessable) {
			t.Errorf("%s: kind %v", div, kind)
			continue
		}
		if diff := cmp.Diff("invariant Patient.text.`div`: "+sentence, issues[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", div, diff)
		}
	}
}

// TestNarrativeOfManyAttributes: each is looked up among those before it, and no more are looked at than faults are told.
func TestNarrativeOfManyAttributes(t *testing.T) {
	const many = 40_000
	var named, bound strings.Builder
	for i := range many {
		fmt.Fprintf(&named, " a%d=''", i)
		fmt.Fprintf(&bound, " xml:a%d=''", i)
	}
	for what, attributes := range map[string]string{
		"unknown": named.String(), "of XML": bound.String(), "the same": strings.Repeat(" title=''", many),
	} {
		r := parse(t, withNarrative(inDiv("<p"+attributes+">A</p>")))
		start := time.Now()
		err := shared.Check(r)
		if took := time.Since(start); took > 2*time.Second { // many times what it takes
			t.Errorf("%s: it took %v", what, took)
		}
		if n := len(fhir.AsError(err).Issues); !errors.Is(err, fhir.Unprocessable) || n != 101 {
			t.Errorf("%s: %d issues", what, n)
		}
	}
	issues, _ := check(t, withNarrative(inDiv("<p title='' lang='' title='' title=''>A</p>")))
	if len(issues) != 2 {
		t.Errorf("the second and the third title are too many: %q", issues)
	}
}
