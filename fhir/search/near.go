package search

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// near is the one special parameter of R4 with an expression: [latitude]|[longitude]|[distance]|[units] around the position of a Location
// (https://hl7.org/fhir/R4/location.html#search), in degrees of WGS 84. Without units a distance is in kilometres; without a distance, which R4 leaves
// to the server, it is defaultDistance.
type near struct {
	name string
}

// defaultDistance is how many metres away a place may be where a search by near gives no distance.
const defaultDistance = 50_000

// metres are the units of distance (UCUM, https://ucum.org/ucum), in metres.
var metres = map[string]float64{
	"m": 1, "km": 1000,
	"[ft_i]": 0.3048, "[yd_i]": 0.9144, "[mi_i]": 1609.344, "[nmi_i]": 1852,
	"[ft_us]": 1200.0 / 3937, "[yd_us]": 3600.0 / 3937, "[mi_us]": 5280 * 1200.0 / 3937,
}

func (n *near) stamp() string { return "near 1" }

func (n *near) index(at place) sink {
	if at.elem == nil || at.elem.Path != "Location.position" {
		return nil
	}
	return func(x *extraction, v any) {
		o, _ := v.(*fhir.Object)
		latitude, hasLatitude := coordinateIn(o, "latitude", 90)
		longitude, hasLongitude := coordinateIn(o, "longitude", 180)
		if !hasLatitude || !hasLongitude {
			x.nameless(n.name)
			return
		}
		x.out.Places = append(x.out.Places, Place{n.name, Point{latitude, longitude}})
	}
}

// coordinateIn reads degrees of a resource, which are at most limit on both sides.
func coordinateIn(o *fhir.Object, name string, limit float64) (float64, bool) {
	v, _ := o.Get(name)
	text, _ := v.(fhir.Number)
	return coordinate(string(text), limit)
}

func coordinate(text string, limit float64) (float64, bool) {
	degrees, ok := measure(text)
	return degrees, ok && math.Abs(degrees) <= limit
}

// measure reads a decimal number as the nearest one that is reckoned with. There is one zero.
func measure(text string) (float64, bool) {
	if _, err := parseDecimal(text); err != nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f + 0, err == nil
}

func (n *near) always() bool { return false }

func (n *near) modifiers() []string { return nil }

func (n *near) lower(c criterion) (Any, *fhir.Error) {
	return c.each(func(v string) ([]Test, *fhir.Error) {
		parts := splitAt(v, '|')
		refuse := func(fault string) ([]Test, *fhir.Error) {
			return nil, fhir.Errorf(fhir.Invalid, fhir.CodeValue, "%s %s Write latitude|longitude|distance|units, as in 51.5|-0.12|10|km.", fhir.Quote(v), fault)
		}
		if len(parts) < 2 || len(parts) > 4 {
			return refuse("is no place.")
		}
		if slices.ContainsFunc(parts, tooLong) {
			return refuse("has a number that is too long.")
		}
		latitude, ok := coordinate(parts[0], 90)
		if !ok {
			return refuse("begins with no latitude: degrees from -90 to 90.")
		}
		longitude, ok := coordinate(parts[1], 180)
		if !ok {
			return refuse("has no longitude in the second place: degrees from -180 to 180.")
		}
		distance, unit := "", ""
		if len(parts) > 2 {
			distance = parts[2]
		}
		if len(parts) > 3 {
			unit = parts[3]
		}
		radius, fault := radius(distance, unit)
		if fault != "" {
			return refuse(fault)
		}
		return []Test{Near{Param: n.name, Point: Point{latitude, longitude}, Metres: radius}}, nil
	})
}

// radius is a distance in metres, or what is wrong with it.
func radius(distance, unit string) (inMetres float64, fault string) {
	if unit == "" {
		unit = "km"
	}
	factor, known := metres[unit]
	if !known {
		return 0, "has the units " + fhir.Quote(unit) + ", which are not known: there are " + list(slices.Sorted(maps.Keys(metres))) + "."
	}
	if distance == "" {
		return defaultDistance, ""
	}
	n, ok := measure(distance)
	if !ok || n < 0 {
		return 0, "has no distance in the third place: a number that is not negative, or nothing."
	}
	const around = 20_100_000 // no place is farther
	return min(n*factor, around), ""
}
