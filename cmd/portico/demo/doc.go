// Package demo invents UK data to try the server with: two organisations' worth of people, places, diaries and
// bookings that hang together, or as many as are asked for.
//
// The same [Options] give the same bytes, on every machine. Resources come in reference order: none refers to one that comes
// later, but for slots that are taken: they name the appointment that has them, as the server does it, so that both can be loaded one after the
// other. They have fixed, readable ids ("pat-000001", "HealthcareService/blood-test-home"), so that an example in a guide stays true.
//
// Nobody in the data exists. NHS numbers are from the range 999 000 0000 to 999 999 9999, which is
// never issued; telephone numbers are from the ranges that Ofcom keeps for drama; mail goes to example.org;
// organisations, streets and registration numbers are made up. Towns and their coordinates are real.
//
// It owns the shape of that data and how it is written down. How it gets into a server is for
// cmd/portico/load and for `serve --dev`.
package demo
