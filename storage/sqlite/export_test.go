package sqlite

// Contrary returns a configuration in which nearly all terms collide and searches rather follow an order than sort.
func Contrary(c Config) Config {
	c.hash = func(value string) int64 { return int64(len(value) % 2) }
	c.enough = 2
	return c
}
