package engine

import (
	"errors"
	"strings"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/booking"
	"github.com/portico-health/portico/fhir/search"
)

// rule is a business rule: what a resource must obey beside its shape. Its error is Unprocessable.
type rule func(e *Engine, r fhir.Resource) error

// rules are the business rules by resource type.
var rules = map[string][]rule{
	"Appointment":         {endsAfterStart, holdUntil, minutes},
	"AppointmentResponse": {endsAfterStart},
	"HealthcareService":   {bookingPolicy},
	"Schedule":            {workingHours},
	"Slot":                {endsAfterStart, slotHolder},
	"Subscription":        {subscriptionStatus, subscriptionCriteria},
}

// checkRules applies the business rules and tells every fault that they find.
func (e *Engine) checkRules(r fhir.Resource) error {
	broken := &fhir.Error{Kind: fhir.Unprocessable}
	for _, check := range rules[r.Type()] {
		broken.Issues = append(broken.Issues, issuesOf(check(e, r))...)
	}
	if len(broken.Issues) == 0 {
		return nil
	}
	return broken
}

// subscriptionStatus: "a client may only submit a resource with a status of requested or off"
// (https://hl7.org/fhir/R4/subscription-definitions.html#Subscription.status).
func subscriptionStatus(_ *Engine, r fhir.Resource) error {
	status := r.Root().Text("status")
	if status == "requested" || status == "off" {
		return nil
	}
	return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "A client may give a Subscription the status requested or off, not %s; the others are the server's.", fhir.Quote(status)).At("Subscription.status")
}

// subscriptionCriteria: the criteria are a search that this server understands whole and that selects something
// (https://hl7.org/fhir/R4/subscription-definitions.html#Subscription.criteria).
func subscriptionCriteria(e *Engine, r fhir.Resource) error {
	const place = "Subscription.criteria"
	criteria := r.Root().Text("criteria")
	resourceType, query, _ := strings.Cut(criteria, "?")
	if err := e.serves(resourceType); err != nil {
		return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "The criteria of a Subscription begin with a resource type that is served here, as in Appointment?status=booked, but these are %s.", fhir.Quote(criteria)).At(place)
	}
	pairs, err := search.SplitQuery(query)
	if err == nil {
		_, err = e.Rules.Criteria(resourceType, pairs, fhir.InstantOf(e.Now()))
	}
	var fault *fhir.Error
	if errors.As(err, &fault) {
		for i := range fault.Issues {
			fault.Issues[i].Path = place
		}
	}
	return err
}

// workingHours: what cannot be read when slots are to be made is told when it is written.
func workingHours(_ *Engine, r fhir.Resource) error {
	_, _, err := booking.HoursOf(r)
	return err
}

// bookingPolicy: a notice or a lead time that cannot be read would be kept by nobody.
func bookingPolicy(_ *Engine, r fhir.Resource) error {
	_, err := booking.PolicyOf(r)
	return err
}

// holdUntil: a hold of which nobody can tell when it ends would never end.
func holdUntil(_ *Engine, r fhir.Resource) error { return booking.CheckHoldUntil(r) }

// minutes: nobody is booked for longer than the slots are.
func minutes(_ *Engine, r fhir.Resource) error { return booking.CheckMinutes(r) }

// slotHolder: who finds a slot free does not find somebody in it.
func slotHolder(_ *Engine, r fhir.Resource) error { return booking.CheckHolder(r) }
