package conformance

import (
	"strconv"

	"github.com/portico-health/portico/fhir"
)

// definition is what the OperationDefinition of an operation of this server's own tells (https://hl7.org/fhir/R4/operationdefinition.html).
type definition struct {
	code, name, title, description string
	changes                        bool     // it changes what is stored
	system                         bool     // it is offered at the base
	instancesOf                    []string // it is offered for resources of these types
	in, out                        []operand
}

// operand is a parameter that an operation takes or answers with.
type operand struct {
	name, typ string
	min       int
	max       string
	means     string
	parts     []operand
}

// operationDefinition writes an OperationDefinition.
func operationDefinition(d definition) fhir.Resource {
	var parameters, types fhir.Array
	for _, o := range d.in {
		parameters = append(parameters, parameterOf(o, "in"))
	}
	for _, o := range d.out {
		parameters = append(parameters, parameterOf(o, "out"))
	}
	for _, name := range d.instancesOf {
		types = append(types, name)
	}
	o := fhir.NewObject(
		fhir.Member{Name: "resourceType", Value: "OperationDefinition"},
		fhir.Member{Name: "id", Value: d.code},
		fhir.Member{Name: "url", Value: ownOperations + d.code},
		fhir.Member{Name: "name", Value: d.name},
		fhir.Member{Name: "title", Value: d.title},
		fhir.Member{Name: "status", Value: "active"},
		fhir.Member{Name: "kind", Value: "operation"},
		fhir.Member{Name: "description", Value: d.description},
		fhir.Member{Name: "affectsState", Value: d.changes},
		fhir.Member{Name: "code", Value: d.code},
	)
	if types != nil {
		o.Set("resource", types)
	}
	o.Set("system", d.system)
	o.Set("type", false)
	o.Set("instance", types != nil)
	o.Set("parameter", parameters)
	return fhir.NewResource(o)
}

// parameterOf writes an OperationDefinition.parameter.
func parameterOf(o operand, use string) *fhir.Object {
	p := fhir.NewObject(
		fhir.Member{Name: "name", Value: o.name},
		fhir.Member{Name: "use", Value: use},
		fhir.Member{Name: "min", Value: fhir.Number(strconv.Itoa(o.min))},
		fhir.Member{Name: "max", Value: o.max},
		fhir.Member{Name: "documentation", Value: o.means},
	)
	if o.typ != "" {
		p.Set("type", o.typ)
	}
	var parts fhir.Array
	for _, part := range o.parts {
		parts = append(parts, parameterOf(part, use))
	}
	if parts != nil {
		p.Set("part", parts)
	}
	return p
}
