//go:build !race

package storagetest

// scale divides how often chance is tried.
const scale = 1
