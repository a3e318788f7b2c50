package fhir

// OwnURL is what every canonical URL begins with that this project itself defines: SearchParameters, OperationDefinitions,
// code systems, extensions.
const OwnURL = "https://github.com/portico-health/portico/fhir/"
