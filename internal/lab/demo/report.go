package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is one claim and what came of it.
type row struct {
	claim, measured, bound string
	held                   bool
}

// report collects the claims.
type report struct{ rows []row }

// claim adds a claim; bound is empty where there is nothing to compare.
func (r *report) claim(held bool, claim, measured, bound string) {
	r.rows = append(r.rows, row{claim, measured, bound, held})
}

// within claims that something took at most a time.
func (r *report) within(claim string, took, bound time.Duration) {
	r.claim(took >= 0 && took <= bound, claim, seconds(took), "≤ "+seconds(bound))
}

// atMost claims that a count has an upper bound.
func (r *report) atMost(claim string, n, of, bound int) {
	r.claim(n <= bound, claim, fmt.Sprintf("%d of %d", n, of), fmt.Sprintf("≤ %d", bound))
}

// fact adds what was only measured.
func (r *report) fact(what, measured string) { r.claim(true, what, measured, "measured") }

// held reports whether there were claims and all of them held.
func (r *report) held() bool {
	for _, row := range r.rows {
		if !row.held {
			return false
		}
	}
	return len(r.rows) > 0
}

func (r *report) print(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CLAIM\tMEASURED\tBOUND\tHELD")
	for _, row := range r.rows {
		held := "yes"
		if !row.held {
			held = "NO"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", row.claim, row.measured, row.bound, held)
	}
	t.Flush()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
