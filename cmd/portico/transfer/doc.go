// Package transfer copies everything that a store holds, versions, histories and records, into another store, whichever drivers they are of, and compares
// the two. Left out are records that each store is to have for itself (Options.Own). It stands on the contract of storage alone.
//
// The versions come in the order in which they were committed, and keep their numbers, instants and origins. How far it is stands in a record of the target
// and only ever goes forward: what was interrupted goes on where it was. Index entries are made anew by the rules of whoever copies.
package transfer
