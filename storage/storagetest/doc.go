// Package storagetest is the law that every storage.Store obeys: a driver's test calls Run, and passes when the driver does
// what the contract in package storage says. What a search finds is held against search.Match and search.Compare.
//
// It owns no rule of its own: where the law and the comments of package storage differ, one of them is wrong.
package storagetest
