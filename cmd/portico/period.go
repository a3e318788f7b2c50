package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// period is a flag for a length of time that may be long: it may also be written in days, as 400d.
type period time.Duration

const day = 24 * time.Hour

// readPeriod reads whole days (400d), or what time.ParseDuration reads.
func readPeriod(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseInt(days, 10, 32)
	if length := time.Duration(n) * day; err == nil && length/day == time.Duration(n) {
		return length, nil
	}
	return 0, fmt.Errorf("%q is no number of days", text)
}

// Set is pflag.Value's.
func (p *period) Set(text string) error {
	length, err := readPeriod(text)
	if err == nil {
		*p = period(length)
	}
	return err
}

// String writes whole days as such.
func (p *period) String() string {
	if length := time.Duration(*p); length%day != 0 || length == 0 {
		return length.String()
	}
	return strconv.FormatInt(int64(time.Duration(*p)/day), 10) + "d"
}

// Type is pflag.Value's.
func (p *period) Type() string { return "period" }

// periodOf is the value of such a flag, be it forgiving.
func periodOf(flags *pflag.FlagSet, name string) time.Duration {
	length, _ := readPeriod(flags.Lookup(name).Value.String())
	return length
}
