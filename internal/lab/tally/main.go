// Tally reads what `go test -json` prints from standard input, prints what
// people need of it and ends with "N passed, N failed, N skipped". It exits 1
// when anything failed or no test ran, and with -strict also when a test was
// skipped that -allow does not match. With -again N, up to N failed tests are
// run a second time, alone; one that passes then is named as unsteady and
// does not fail the run. Attributes "count" of tests are printed before the totals.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
)

func main() {
	strict := flag.Bool("strict", false, "a skipped test is a failure")
	allow := flag.String("allow", "", "regular expression of the tests, \"package name\", that -strict lets be skipped")
	again := flag.Int("again", 0, "run up to this many failed tests a second time, alone; with more failures none")
	flag.Parse()
	os.Exit(run(os.Stdin, os.Stdout, *strict, *allow, secondRun{most: *again, test: goTest}))
}

func run(in io.Reader, out io.Writer, strict bool, allow string, second secondRun) int {
	t := &tally{out: out, output: map[key][]string{}, began: map[string]int{}, broken: map[string]bool{}}
	if allow != "" {
		re, err := regexp.Compile(allow)
		if err != nil {
			fmt.Fprintf(out, "read -allow: %v\n", err)
			return 2
		}
		t.allowed = re
	}
	t.read(in)
	t.repeat(second)
	t.summary(strict)
	if t.failed > 0 || t.passed == 0 || strict && t.unexpected > 0 {
		return 1
	}
	return 0
}
