package demo

import (
	"fmt"
	"time"

	"github.com/portico-health/portico/fhir"
)

// person is what patients, their relatives and practitioners have in common.
type person struct {
	community community
	gender    string // a code of http://hl7.org/fhir/ValueSet/administrative-gender
	prefix    string
	given     []string
	family    string
}

func newPerson(d *dice) person {
	p := person{community: newCommunity(d), gender: "female"}
	if d.below(100) < 49 {
		p.gender = "male"
	}
	p.given = []string{p.givenName(d)}
	if d.oneIn(3) {
		if middle := p.givenName(d); middle != p.given[0] {
			p.given = append(p.given, middle)
		}
	}
	families := p.community.families
	if d.oneIn(12) {
		families = newCommunity(d).families // married, or of two origins
	}
	p.family = pick(d, families)
	return p
}

func (p person) givenName(d *dice) string {
	if p.gender == "male" {
		return pick(d, p.community.men)
	}
	return pick(d, p.community.women)
}

// title gives an adult a form of address, unless the person has one.
func (p *person) title(d *dice) {
	switch {
	case p.prefix != "":
	case p.gender == "male":
		p.prefix = "Mr"
	case p.gender == "female":
		p.prefix = pick(d, []string{"Mrs", "Mrs", "Ms", "Miss"})
	default:
		p.prefix = "Mx"
	}
}

// display is the name in one line: "Ms Siân Jones".
func (p person) display() string {
	name := p.given[0] + " " + p.family
	if p.prefix != "" {
		name = p.prefix + " " + name
	}
	return name
}

func (p person) name() *fhir.Object {
	var given fhir.Array
	for _, g := range p.given {
		given = append(given, g)
	}
	return object(
		f("use", "official"),
		f("text", p.display()),
		f("family", p.family),
		f("given", given),
		f("prefix", list(p.prefix)),
	)
}

// mail is an address at example.org, which RFC 2606 keeps from everybody.
func (p person) mail(number int) *fhir.Object {
	return contact("email", fmt.Sprintf("%s.%s%d@example.org", mailName(p.given[0]), mailName(p.family), number+1), "")
}

// Telephone numbers for drama: https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama

func mobile(d *dice) *fhir.Object {
	return contact("phone", fmt.Sprintf("+447700900%03d", d.below(1000)), "mobile")
}

func landline(d *dice, use string) *fhir.Object {
	number := fmt.Sprintf("+441632960%03d", d.below(1000))
	if d.oneIn(4) {
		number = fmt.Sprintf("+442079460%03d", d.below(1000))
	}
	return contact("phone", number, use)
}

// ages are bands of age, with how many of a hundred patients are in each: more old ones than in the population, for it is
// they who need care at home.
var ages = []struct{ share, from, to int }{
	{5, 0, 4}, {11, 5, 17}, {22, 18, 39}, {25, 40, 59}, {19, 60, 74}, {15, 75, 89}, {3, 90, 101},
}

func newAge(d *dice) int {
	throw := d.below(100)
	for _, band := range ages {
		if throw -= band.share; throw < 0 {
			return d.between(band.from, band.to)
		}
	}
	return ages[0].from
}

// birthday is a day on which somebody who has the age today was born.
func birthday(d *dice, today time.Time, age int) time.Time {
	return today.AddDate(-age, 0, -d.below(365))
}
