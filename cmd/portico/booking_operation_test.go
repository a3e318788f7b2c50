package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/portico-health/portico/fhir"
)

// The operations of IHE's Scheduling as clients of a race ask for them. A rejection is a Bundle too, of status 200; here it counts as 409.
const (
	operationFind = "$find"
	operationHold = "$hold"
	operationBook = "$book"
	tagSystem     = "https://example.org/tag" // of the reason by which $hold and $book of a proposal are known again
)

// parameters are those of an operation, from name and value in JSON.
func parameters(operation string, all ...string) request {
	return request{method: http.MethodPost, path: "Appointment/" + operation, body: `{"resourceType":"Parameters","parameter":[` + strings.Join(all, ",") + `]}`}
}

// operation is how $hold and $book are asked for: of a proposal by its reference, of all else by the resource. What is to be booked is sent as pending.
func (a attempt) operation(r *rota) request {
	if a.proposed {
		return parameters(a.method, fmt.Sprintf(`{"name":"appointment-reference","valueReference":{"reference":"Appointment/%s"}}`, a.id))
	}
	sent := a.asked
	if sent.status == "booked" {
		sent.status = "pending"
	}
	return parameters(a.method, `{"name":"appointment-resource","resource":`+r.text(a.id, sent)+`}`)
}

// outcome is the attempt with what the Bundle says that an operation answered.
func (a attempt) outcome(bundle fhir.Resource) (attempt, error) {
	for _, entry := range bundle.Root().Objects("entry") {
		body := entry.Object("resource")
		if body.Text("resourceType") == "OperationOutcome" {
			a.said = string(fhir.AppendJSON(nil, body))
			for _, issue := range body.Objects("issue") {
				if slices.Contains([]string{"fatal", "error"}, issue.Text("severity")) {
					a.status = http.StatusConflict
				}
			}
			continue
		}
		var err error
		a.id, a.number = body.Text("id"), versionOf(`W/"`+body.Object("meta").Text("versionId")+`"`)
		if a.told, err = visitOf(body); err != nil {
			return a, err
		}
	}
	switch {
	case a.status == http.StatusOK && a.said != "" && a.told.tag != a.tag: // it is so already: nothing was written
		a.method = http.MethodGet
	case a.status == http.StatusConflict: // an appointment that is over cannot be booked any more, whoever has its time
		a.told, a.number, a.keeps = visit{}, 0, a.keeps || a.method == operationBook && !a.proposed && a.id != ""
	case a.number == 0:
		return a, fmt.Errorf("%s: the answer shows no appointment: %s", a, fhir.AppendJSON(nil, bundle.Root()))
	}
	return a, nil
}

// find asks for free time of a doctor, and holds or books one of the times that it gets.
func (b *booker) find(ctx context.Context) {
	s, tag := b.rota.slot(b.some()[0]), b.tag()
	day := s.start.Truncate(24 * time.Hour)
	begun := time.Now()
	got, lost, ok := b.send(ctx, parameters(operationFind,
		fmt.Sprintf(`{"name":"start","valueDateTime":%q}`, day.Format(time.RFC3339)),
		fmt.Sprintf(`{"name":"end","valueDateTime":%q}`, day.AddDate(0, 0, 1).Format(time.RFC3339)),
		fmt.Sprintf(`{"name":"practitioner","valueReference":{"reference":"Practitioner/%s"}}`, s.doctor),
		`{"name":"patient-reference","valueReference":{"reference":"Patient/patient"}}`,
		fmt.Sprintf(`{"name":"reason","valueString":"%s|%s"}`, tagSystem, tag),
	))
	end := time.Now()
	if lost || !ok {
		return
	}
	found, err := proposals(got, tag)
	b.mu.Lock()
	if err != nil {
		b.faults = append(b.faults, err)
	}
	b.mu.Unlock()
	if len(found) == 0 {
		return
	}
	a := found[b.lots.IntN(len(found))]
	b.mu.Lock()
	b.looks = append(b.looks, look{id: a.asked.slots[0], seen: grip{status: "free"}, call: begun, end: end})
	b.mu.Unlock()
	if b.lots.IntN(3) == 0 {
		a.method, a.asked.status = operationBook, "booked"
	}
	b.change(ctx, a)
}

// proposals are the appointments that $find answers, to be held.
func proposals(got answer, tag string) (found []attempt, err error) {
	bundle, err := fhir.ParseResource(got.body)
	if err != nil || got.status != http.StatusOK {
		return nil, fmt.Errorf("%s: %s (%w)", operationFind, got, err)
	}
	for _, entry := range bundle.Root().Objects("entry") {
		body := entry.Object("resource")
		if v, err := visitOf(body); err == nil && v.status == "proposed" {
			found = append(found, attempt{tag: tag, method: operationHold, id: body.Text("id"), asked: visit{status: "pending", slots: v.slots, tag: tag}, proposed: true})
		}
	}
	return found, nil
}
