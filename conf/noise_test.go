package conf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// noise makes inputs that are no configuration, of a given size.
var noise = map[string]func(size int) []byte{
	"random bytes": func(size int) []byte {
		b := make([]byte, size)
		r := rand.New(rand.NewSource(1))
		for i := range b {
			b[i] = byte(r.Intn(256))
		}
		return b
	},
	"printable": func(size int) []byte {
		b := make([]byte, size)
		r := rand.New(rand.NewSource(2))
		for i := range b {
			if b[i] = byte(' ' + r.Intn(95)); r.Intn(40) == 0 {
				b[i] = '\n'
			}
		}
		return b
	},
	"one letter":     repeat("", "a"),
	"zeros":          repeat("", "\x00"),
	"blanks":         repeat("", " "),
	"quotes":         repeat("", `"`),
	"parentheses":    repeat("a = ", "("),
	"brackets":       repeat("a = ", "["),
	"blocks":         repeat("", "a{\n"),
	"calls":          repeat("a = ", "f("),
	"not":            repeat("a = ", "!"),
	"not on lines":   repeat("a = (", "!\n"),
	"minus":          repeat("a = ", "-"),
	"conditionals":   repeat("a = 1", "?1"),
	"templates":      repeat("a = ", `"${`),
	"directives":     repeat(`a = "`, "%{if x}"),
	"heredocs":       repeat("", "a = <<E\n"),
	"for":            repeat("a = ", "[for x in "),
	"unknown keys":   repeat("", "a {\n}\n"),
	"exponents":      repeat("", "a = 1e999999999\n"),
	"unclosed lines": repeat("", "vrrp_instance\n"),
}

func repeat(first, s string) func(int) []byte {
	return func(size int) []byte {
		return append([]byte(first), bytes.Repeat([]byte(s), size/len(s))...)
	}
}

// TestNoise: no input ends the process or keeps it busy, and each is refused
// with something short to read. The bound is generous; typical is below 0.3 s.
func TestNoise(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for name, generate := range noise {
		for _, size := range []int{32 << 10, 10 << 20} {
			input := generate(size)
			start := processorTime(t)
			c, diags := Load([]string{"noise"}, Options{Read: func(string) ([]byte, error) { return input, nil }})
			if took := processorTime(t) - start; took > 20*time.Second {
				t.Errorf("%s, %d bytes: took %s", name, size, took)
			}
			if c != nil || !diags.HasErrors() {
				t.Errorf("%s, %d bytes: accepted", name, size)
			}
			if out := text(t, diags); len(out) > 60000 || strings.ContainsRune(out, 0) {
				t.Errorf("%s, %d bytes: output of %d bytes", name, size, len(out))
			}
			if len(diags) > maxCollected+1 {
				t.Errorf("%s, %d bytes: %d diagnostics", name, size, len(diags))
			}
		}
	}
}

// processorTime is what this thread has used, which other tests on the same
// machine do not change much.
func processorTime(t *testing.T) time.Duration {
	const thread = 1 // RUSAGE_THREAD, getrusage(2)
	var used syscall.Rusage
	if err := syscall.Getrusage(thread, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestManyServices: a configuration of 1,000 services loads.
func TestManyServices(t *testing.T) {
	var b strings.Builder
	b.WriteString("version = 1\ncheck \"tcp\" \"port\" {}\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "virtual_server \"s%d\" {\n address = \"10.0.%d.%d:80\"\n forward = \"direct\"\n checks = [\"port\"]\n", i, i/250, i%250)
		for j := range 4 {
			fmt.Fprintf(&b, " real_server \"10.1.0.%d\" {}\n", j)
		}
		b.WriteString("}\n")
	}
	c, diags := Load([]string{"many"}, Options{Read: func(string) ([]byte, error) { return []byte(b.String()), nil }})
	if len(diags) > 0 || len(c.Services) != 1000 {
		t.Error(text(t, diags))
	}
}

// TestWriteLimit: at most 100 diagnostics are printed, then a count.
func TestWriteLimit(t *testing.T) {
	d := make(Diagnostics, 130)
	for i := range d {
		d[i] = Diagnostic{Severity: Error, Code: "c", Summary: "s"}
	}
	want := strings.Repeat("error: s [c]\n", 100) + "… and 30 more\n"
	if got := text(t, d); got != want {
		t.Errorf("got %q", got)
	}
}

// TestJSON shows the form for programs.
func TestJSON(t *testing.T) {
	_, diags := Load([]string{"a.hcl"}, memory{"a.hcl": "version = 3"}.options())
	got, err := json.Marshal(diags)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"severity":"error","code":"out_of_range","file":"a.hcl","line":1,"col":11,"end_col":12,` +
		`"summary":"version 3 is out of range: only 1 is known","snippet":"version = 3"}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
