package main

import (
	"strings"
	"testing"
)

// lines makes events of package p; each is "action", "action test" or
// "output test text".
func lines(events ...string) string {
	var b strings.Builder
	for _, e := range events {
		f := strings.SplitN(e, " ", 3)
		for len(f) < 3 {
			f = append(f, "")
		}
		b.WriteString(`{"Action":"` + f[0] + `","Package":"p","Test":"` + f[1] + `","Output":"` + f[2] + `\n"}` + "\n")
	}
	return b.String()
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in     string
		strict bool
		allow  string
		status int
		want   []string // in the output, in this order; the last is its end
	}{
		"pass": {
			in:   lines("run A", "output A quiet", "pass A", "run A/b", "pass A/b", "pass"),
			want: []string{"ok    p", "2 tests", "2 passed, 0 failed, 0 skipped\n"},
		},
		"fail": {
			in: lines("run A", "output A loud", "fail A", "run B", "pass B", "fail"), status: 1,
			want: []string{"loud", "FAIL  p", "failed:  p A\n", "1 passed, 1 failed, 0 skipped\n"},
		},
		"panic": {
			in: lines("run A", "output A goroutine", "output", "fail"), status: 1,
			want: []string{"goroutine", "failed:  p (the package as a whole)", "0 passed, 1 failed, 0 skipped\n"},
		},
		"build": {
			in: `{"Action":"build-output","ImportPath":"p","Output":"x.go:1: oops\n"}` + "\n" + lines("fail"), status: 1,
			want: []string{"oops", "0 passed, 1 failed, 0 skipped\n"},
		},
		"nothing": {in: "", status: 1, want: []string{"no test passed", "0 passed, 0 failed, 0 skipped\n"}},
		"aborted": {
			in: lines("run A", "pass A", "aborted"), status: 1,
			want: []string{"failed:  p: go test ended with an error", "1 passed, 1 failed, 0 skipped\n"},
		},
		"aborted by a failure": {
			in: lines("run A", "fail A", "fail", "aborted"), status: 1,
			want: []string{"0 passed, 1 failed, 0 skipped\n"},
		},
		"noise": {in: "not JSON\n" + lines("run A", "pass A"), want: []string{"not JSON", "1 passed, 0 failed, 0 skipped\n"}},
		"skip": {
			in:   lines("run A", "pass A", "run B", "output B     x.go:1: LAB-SKIP: needs root", "output B --- SKIP: B", "skip B"),
			want: []string{"skipped: p B: x.go:1: LAB-SKIP: needs root", "1 passed, 0 failed, 1 skipped\n"},
		},
		"strict skip": {
			in: lines("run A", "pass A", "run B", "skip B"), strict: true, status: 1,
			want: []string{"no reason given", "1 skips are not on the list", "1 passed, 0 failed, 1 skipped\n"},
		},
		"allowed skip": {
			in: lines("run A", "pass A", "run B", "skip B"), strict: true, allow: "^p B$",
			want: []string{"1 passed, 0 failed, 1 skipped\n"},
		},
		"count": {
			in:   lines("run A") + `{"Action":"attr","Package":"p","Test":"A","Key":"count","Value":"3 alike"}` + "\n" + lines("pass A"),
			want: []string{"counted: A: 3 alike\n", "1 passed, 0 failed, 0 skipped\n"},
		},
		"bad pattern": {in: "", allow: "(", status: 2, want: []string{"read -allow", "\n"}},
	} {
		var out strings.Builder
		status := run(strings.NewReader(tc.in), &out, tc.strict, tc.allow, secondRun{})
		if status != tc.status {
			t.Errorf("%s: status %d, want %d", name, status, tc.status)
		}
		rest := out.String()
		for _, w := range tc.want {
			_, after, found := strings.Cut(rest, w)
			if !found {
				t.Errorf("%s: %q is missing in order in\n%s", name, w, out.String())
			}
			rest = after
		}
		if rest != "" && tc.status != 2 {
			t.Errorf("%s: output goes on after the totals: %q", name, rest)
		}
	}
}

func TestSecondRun(t *testing.T) {
	t.Parallel()
	failing := lines("run A", "run A/b", "fail A/b", "fail A", "run B", "pass B", "fail", "aborted")
	for name, tc := range map[string]struct {
		in     string
		most   int
		passes bool // the second time
		status int
		ran    string
		want   []string
	}{
		"passes": {failing, 1, true, 0, "p A",
			[]string{"unsteady: p A: failed at first", "unsteady: p A/b", "3 passed, 0 failed, 0 skipped"}},
		"fails again": {failing, 1, false, 1, "p A", []string{"failed:  p A\n", "1 passed, 2 failed, 0 skipped"}},
		"not asked":   {failing, 0, true, 1, "", []string{"1 passed, 2 failed, 0 skipped"}},
		"too many": {failing + lines("run C", "fail C"), 1, true, 1, "",
			[]string{"1 passed, 3 failed, 0 skipped"}},
		"panic": {lines("run A", "output A panic:", "fail A", "fail"), 1, true, 1, "",
			[]string{"0 passed, 1 failed, 0 skipped"}},
		"race": {lines("run A", "output A DATA RACE", "fail A", "fail"), 1, true, 1, "",
			[]string{"0 passed, 1 failed, 0 skipped"}},
		"package": {lines("fail"), 1, true, 1, "", []string{"0 passed, 1 failed, 0 skipped"}},
	} {
		var out strings.Builder
		var ran []string
		status := run(strings.NewReader(tc.in), &out, false, "", secondRun{most: tc.most, test: func(pkg, test string) bool {
			ran = append(ran, pkg+" "+test)
			return tc.passes
		}})
		if status != tc.status {
			t.Errorf("%s: status %d, want %d", name, status, tc.status)
		}
		if got := strings.Join(ran, ","); got != tc.ran {
			t.Errorf("%s: ran %q again, want %q", name, got, tc.ran)
		}
		for _, w := range tc.want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: %q is missing in\n%s", name, w, out.String())
			}
		}
	}
}
