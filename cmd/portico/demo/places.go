package demo

import (
	"fmt"
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// region is the patch of one NHS trust.
type region struct {
	trust  string // first words of its name; there is no such trust
	county string
	towns  []town
}

// town is a real town: the centre and the postcode districts are right, streets and houses are not.
type town struct {
	name      string
	area      string // of the postcodes
	districts int    // of the area, from 1
	lat, lon  float64
}

var regions = []region{
	{"Aire Valley", "West Yorkshire", []town{
		{"Leeds", "LS", 28, 53.7997, -1.5492}, {"Bradford", "BD", 15, 53.7960, -1.7594},
		{"Wakefield", "WF", 4, 53.6830, -1.4977}, {"Huddersfield", "HD", 9, 53.6458, -1.7850}}},
	{"Irwell and Tame", "Greater Manchester", []town{
		{"Manchester", "M", 22, 53.4808, -2.2426}, {"Bolton", "BL", 6, 53.5769, -2.4282},
		{"Stockport", "SK", 8, 53.4106, -2.1575}}},
	{"Black Country and Arden", "West Midlands", []town{
		{"Birmingham", "B", 38, 52.4862, -1.8904}, {"Coventry", "CV", 6, 52.4068, -1.5197},
		{"Wolverhampton", "WV", 11, 52.5862, -2.1288}}},
	{"Lea and Roding", "Greater London", []town{
		{"London", "E", 17, 51.5430, -0.0200}, {"Ilford", "IG", 6, 51.5590, 0.0741}, {"Romford", "RM", 12, 51.5768, 0.1801}}},
	{"Taff and Usk", "South Wales", []town{
		{"Cardiff", "CF", 24, 51.4816, -3.1791}, {"Newport", "NP", 20, 51.5842, -2.9977},
		{"Swansea", "SA", 9, 51.6214, -3.9436}}},
	{"Tamar and Exe", "Devon", []town{
		{"Plymouth", "PL", 9, 50.3755, -4.1427}, {"Exeter", "EX", 6, 50.7184, -3.5339},
		{"Torquay", "TQ", 2, 50.4619, -3.5253}}},
}

var (
	streetNames = []string{
		"Alder", "Almond", "Bluebell", "Bramble", "Brickfield", "Canal", "Chapel", "Cherry Tree", "Clarence", "Cobbler's", "Dovecote", "Elm",
		"Fern", "Foundry", "Garden", "Goose", "Hawthorn", "Heron", "Ivy", "Kingfisher", "Lark", "Lime Tree", "Mafeking", "Mill", "Nelson",
		"Orchard", "Paradise", "Pear Tree", "Quarry", "Rookery", "Saddler's", "Sunny Bank", "Tannery", "Victoria", "Weaver's", "Willow",
	}
	streetKinds   = []string{"Street", "Road", "Lane", "Avenue", "Close", "Terrace", "Grove", "Crescent", "Drive", "Way"}
	practiceNames = []string{
		"Beckside", "Harehill Lane", "The Limes", "Whitethorn", "St Oswald's", "Market Place", "Millrace", "Park View", "Old Tannery", "Station Road",
		"Bridge House", "Lavender", "Highfold", "Rowan Tree", "Kestrel", "Longmeadow", "Cloister", "Ferry Lane", "The Grange", "Northgate",
	}
	practiceKinds = []string{"Medical Practice", "Surgery", "Health Centre", "Medical Centre"}
	trustKinds    = []string{"Community", "Partnership", "Care", "Integrated Care", "United"}
)

// place is where somebody lives or works.
type place struct {
	lines    []string
	town     town
	county   string
	postcode string
	lat, lon float64
}

// newPlace finds a house in a town, within some three miles of its centre.
func newPlace(d *dice, r region, t town) place {
	const letters = "ABDEFGHJLNPQRSTUWXYZ" // of the second half of a postcode: without C, I, K, M, O and V
	p := place{town: t, county: r.county}
	if d.oneIn(6) {
		p.lines = append(p.lines, "Flat "+strconv.Itoa(d.between(1, 24)))
	}
	p.lines = append(p.lines, fmt.Sprintf("%d %s %s", d.between(1, 140), pick(d, streetNames), pick(d, streetKinds)))
	p.postcode = fmt.Sprintf("%s%d %d%c%c", t.area, d.between(1, t.districts), d.below(10), letters[d.below(len(letters))], letters[d.below(len(letters))])
	p.lat = t.lat + float64(d.between(-400, 400))/10_000
	p.lon = t.lon + float64(d.between(-600, 600))/10_000
	return p
}

func (p place) address(use string) *fhir.Object {
	var lines fhir.Array
	for _, l := range p.lines {
		lines = append(lines, l)
	}
	return object(
		f("use", use),
		f("line", lines),
		f("city", p.town.name),
		f("district", p.county),
		f("postalCode", p.postcode),
		f("country", "GB"),
	)
}

// position is in WGS 84 degrees: https://hl7.org/fhir/R4/location-definitions.html#Location.position.
func (p place) position() *fhir.Object {
	return object(f("longitude", degrees(p.lon)), f("latitude", degrees(p.lat)))
}

func degrees(v float64) fhir.Number { return fhir.Number(strconv.FormatFloat(v, 'f', 4, 64)) }
