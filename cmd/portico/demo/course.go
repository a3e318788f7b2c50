package demo

// course is how far a booking has come, and what that means for each of its resources.
type course struct {
	status          string // Appointment.status
	when            when
	slotStatus      string // of the slot that it names; "" when it names none. It holds the slot unless that is free
	taskStatus      string
	requestStatus   string // of the ServiceRequest
	encounterStatus string // "" when there was none
	share           int    // of a round of bookings
}

// when says where on the time line a booking lies.
type when uint8

const (
	past    when = iota // before today
	morning             // today, before now
	future              // from this afternoon on
	never               // it has no time, at most a wish
)

// courses are all statuses of an Appointment, in the order in which they first occur. Only one that is live holds its slot
// (fhir/booking); that of one that is over is free again.
var courses = []course{
	{"fulfilled", past, "free", "completed", "completed", "finished", 27},
	{"booked", future, "busy", "accepted", "active", "", 27},
	{"arrived", morning, "busy", "in-progress", "active", "arrived", 1},
	{"pending", future, "busy-tentative", "requested", "active", "", 4},
	{"proposed", never, "", "requested", "active", "", 4},
	{"cancelled", future, "", "cancelled", "revoked", "", 3},
	{"noshow", past, "free", "cancelled", "active", "", 4},
	{"checked-in", morning, "busy", "in-progress", "active", "arrived", 1},
	onWaitlist,
	{"entered-in-error", past, "", "entered-in-error", "entered-in-error", "", 2},
	{"cancelled", past, "", "cancelled", "revoked", "", 3},
	{"cancelled", never, "", "cancelled", "revoked", "", 2},
}

func (c course) isLive() bool { return c.slotStatus != "" && c.slotStatus != "free" }

// onWaitlist is also what becomes of a booking for which there is no time.
var onWaitlist = course{"waitlist", never, "", "requested", "active", "", 2}

// courseRound is a round of bookings: each course once, then again what is left of its share. It is as long as the fullest
// diary, so that no diary has more than two patients who wait this morning.
var courseRound = newCourseRound()

func newCourseRound() []course {
	var round []course
	for turn := 0; ; turn++ {
		before := len(round)
		for _, c := range courses {
			if turn < c.share {
				round = append(round, c)
			}
		}
		if len(round) == before {
			return round
		}
	}
}
