package search

import (
	"regexp"
	"strings"

	"github.com/portico-health/portico/fhir"
)

// Whoever looks for somebody who comes to them, or for a place nearby, says it by a postal code. R4's address-postalcode finds codes by their beginning, so that
// LS1 finds LS10 as well. A Location has entries of the server's own for the areas in which its postal code is: LS, LS1, LS1 4 and LS1 4AP.
const areaEntry = "_area"

// wholeArea is the index name of the postal code as it stands there: a Location whose code is LS is for all of it.
const wholeArea = areaEntry + ":whole"

// areaStamp is the stamp of both, which is raised by whoever changes them.
const areaStamp = "area 1"

// stampArea says by which rules the entries of Locations are made.
func (r *Rules) stampArea() {
	if stamps := r.stamps["Location"]; stamps != nil {
		stamps[areaEntry] = digest(6, areaStamp)
	}
}

// area adds the entries of a Location.
func (x *extraction) area(location *fhir.Object) {
	areas := areasOf(location.Object("address").Text("postalCode"))
	for _, area := range areas {
		x.term(areaEntry, area)
	}
	if len(areas) > 0 {
		x.term(wholeArea, areas[len(areas)-1])
	}
}

// The forms of postcodes in the United Kingdom (https://en.wikipedia.org/wiki/Postcodes_in_the_United_Kingdom#Formatting): area, district with or without a letter for a part of
// it, and where it is whole, sector and unit.
var (
	ukPostcode = regexp.MustCompile(`^([A-Z]{1,2})([0-9]{1,2})([A-Z]?) ?([0-9])([A-Z]{2})$`)
	ukDistrict = regexp.MustCompile(`^([A-Z]{1,2})([0-9]{1,2})([A-Z]?)$`)
	ukSector   = regexp.MustCompile(`^([A-Z]{1,2})([0-9]{1,2})([A-Z]?) ([0-9])$`)
)

// areasOf are the areas in which a postal code is, from the widest to itself, in one way of writing. Of those that have not the form of the United Kingdom's it is what
// they begin with, at each blank.
func areasOf(code string) (areas []string) {
	code = strings.ToUpper(strings.Join(strings.Fields(code), " "))
	parts := ukPostcode.FindStringSubmatch(code)
	for _, form := range []*regexp.Regexp{ukDistrict, ukSector} {
		if parts == nil {
			parts = form.FindStringSubmatch(code)
		}
	}
	if parts == nil {
		for i, c := range code {
			if c == ' ' {
				areas = append(areas, code[:i])
			}
		}
		if code != "" {
			areas = append(areas, code)
		}
		return areas
	}
	area, district := parts[1], parts[1]+parts[2]
	areas = append(areas, area, district)
	if parts[3] != "" {
		district += parts[3]
		areas = append(areas, district)
	}
	if len(parts) > 4 {
		areas = append(areas, district+" "+parts[4])
	}
	if len(parts) > 5 {
		areas = append(areas, district+" "+parts[4]+parts[5])
	}
	return areas
}

// InPostalArea holds for the Locations in a postal area, and for those whose postal code is that of a wider one around it. An area is written as a postal
// code or the beginning of one, with any case and blanks: LS, LS1, LS1 4. LS1 is not LS10. A whole postcode of the United Kingdom stands for its district
// (LS1 4AP for LS1): it says where somebody lives, and next to nobody else is there. It holds for none where the area is empty.
func InPostalArea(area string) Any {
	areas := areasOf(area)
	if len(areas) == 0 {
		return Any{}
	}
	if ukPostcode.MatchString(areas[len(areas)-1]) {
		areas = areas[:len(areas)-2]
	}
	asked := areas[len(areas)-1]
	found := Any{Equal{areaEntry, asked}}
	for _, wider := range areas[:len(areas)-1] {
		found = append(found, Equal{wholeArea, wider})
	}
	return found
}
