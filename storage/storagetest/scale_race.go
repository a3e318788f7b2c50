//go:build race

package storagetest

// scale divides how often chance is tried: a store that is Go all through is thirty times slower under the race
// detector, which looks for races and not for what chance may find.
const scale = 15
