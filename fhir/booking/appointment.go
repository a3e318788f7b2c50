package booking

import (
	"slices"
	"strconv"
	"time"

	"github.com/portico-health/portico/fhir"
)

// Appointment is what booking looks at in an Appointment.
type Appointment struct {
	Key       fhir.Key
	Status    string
	Span                   // zero where it has no time
	Slots     []fhir.Key   // those of this server, in the order in which it names them, and as often
	Services  []fhir.Key   // HealthcareServices of this server that take part, each once
	HoldUntil fhir.Instant // 0: none

	places []int // indexes of Slots in Appointment.slot, where others stand among them
}

// AppointmentOf reads an Appointment; the zero one of the zero Resource. References may be absolute, below the base URL, and name a version.
// Slots and services that are contained, or logical, or of another server are not seen: their time is not ours to book.
func AppointmentOf(base string, r fhir.Resource) Appointment {
	if r.IsZero() {
		return Appointment{}
	}
	root := r.Root()
	a := Appointment{Key: r.Key(), Status: root.Text("status"), Span: spanOf(root)}
	for i, reference := range root.Objects("slot") {
		if key, ours := keyOf(base, reference, "Slot"); ours {
			a.Slots, a.places = append(a.Slots, key), append(a.places, i)
		}
	}
	for _, participant := range root.Objects("participant") {
		if key, ours := keyOf(base, participant.Object("actor"), "HealthcareService"); ours && !slices.Contains(a.Services, key) {
			a.Services = append(a.Services, key)
		}
	}
	for _, x := range extensions(root, HoldUntilURL) {
		if until, ok := readInstant(x.Text("valueInstant")); ok {
			a.HoldUntil = until
			break
		}
	}
	return a
}

// IsLive says whether the appointment takes its slots: it is pending, booked, arrived or checked-in.
func (a Appointment) IsLive() bool {
	switch a.Status {
	case "pending", "booked", "arrived", "checked-in":
		return true
	default:
		return false
	}
}

// IsLapsed says whether the appointment is pending, and its hold has ended.
func (a Appointment) IsLapsed(now fhir.Instant) bool { return a.isHold() && a.HoldUntil <= now }

// isHold says whether the appointment only holds its slots until somebody books it.
func (a Appointment) isHold() bool { return a.Status == "pending" && a.HoldUntil != 0 }

// slotPath is where the appointment names its i-th slot of this server; below 0, it is where it names all of them.
func (a Appointment) slotPath(i int) string {
	switch {
	case i < 0:
		return "Appointment.slot"
	case i < len(a.places):
		i = a.places[i]
	}
	return "Appointment.slot[" + strconv.Itoa(i) + "]"
}

// CheckHoldUntil says what is wrong with the extension HoldUntilURL of an Appointment: it stands there once at most, with an instant. Its error is Unprocessable.
func CheckHoldUntil(appointment fhir.Resource) error {
	var f faults
	seen := false
	for i, x := range extensions(appointment.Root(), HoldUntilURL) {
		path := extensionPath("Appointment", i)
		if _, ok := readInstant(x.Text("valueInstant")); !ok {
			f.add(path, "Until when the slots are held is told by a valueInstant, such as 2026-01-31T09:30:00Z, and this has none.")
		}
		if seen {
			f.add(path, "Until when the slots are held is told twice: one such extension is enough.")
		}
		seen = true
	}
	return f.err()
}

// CheckMinutes says what is wrong with the minutesDuration of an Appointment that names slots: it "can be less than the duration between the start and end times"
// (https://hl7.org/fhir/R4/appointment-definitions.html#Appointment.minutesDuration), not more, for nothing more is taken. Its error is Unprocessable.
func CheckMinutes(appointment fhir.Resource) error {
	root := appointment.Root()
	span := spanOf(root)
	value, _ := root.Get("minutesDuration")
	number, _ := value.(fhir.Number)
	minutes, err := strconv.ParseFloat(number.String(), 64)
	taken := span.End - span.Start
	if err != nil || span == (Span{}) || len(root.Array("slot")) == 0 || minutes*float64(time.Minute.Microseconds()) <= float64(taken) {
		return nil
	}
	var f faults
	f.add("Appointment.minutesDuration", "The appointment would take %s minutes, but from %s to %s are %g: it takes no more than its slots, and may take less.",
		number, told(span.Start), told(span.End), time.Duration(taken*1000).Minutes())
	return f.err()
}

func extensionPath(resourceType string, i int) string {
	return resourceType + ".extension[" + strconv.Itoa(i) + "]"
}
