package engine

import "github.com/portico-health/portico/fhir"

// checkRules applies the business rules that stand above the shape of a resource. Its error is
// Unprocessable.
func checkRules(r fhir.Resource) error {
	if r.Type() == "Subscription" {
		return checkSubscription(r)
	}
	return nil
}

// checkSubscription: "a client may only submit a resource with a status of requested or off"
// (https://hl7.org/fhir/R4/subscription-definitions.html#Subscription.status).
func checkSubscription(r fhir.Resource) error {
	status := r.Root().Text("status")
	if status == "requested" || status == "off" {
		return nil
	}
	return fhir.Errorf(fhir.Unprocessable, fhir.CodeBusinessRule, "A client may give a Subscription the status requested or off, not %s; the others are the server's.", fhir.Quote(status)).At("Subscription.status")
}
