package healthcheck

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseStatusSet(t *testing.T) {
	tests := []struct {
		set     string
		in, out []int
	}{
		{"200", []int{200}, []int{199, 201}},
		{"200-299", []int{200, 250, 299}, []int{199, 300}},
		{"200-299,304", []int{204, 304}, []int{303, 305}},
		{" 200 - 204 , 401 ", []int{200, 204, 401}, []int{205, 400}},
		{"100-999", []int{100, 599, 999}, []int{99, 1000}},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			set, err := ParseStatusSet(tt.set)
			if err != nil {
				t.Fatal(err)
			}
			for _, code := range tt.in {
				if !set.Contains(code) {
					t.Errorf("%d is not in %q", code, tt.set)
				}
			}
			for _, code := range tt.out {
				if set.Contains(code) {
					t.Errorf("%d is in %q", code, tt.set)
				}
			}
		})
	}
}

func TestParseStatusSetErrors(t *testing.T) {
	tests := []struct{ set, want string }{
		{"", `"" is not a status code`},
		{"200,", `"" is not a status code`},
		{"2xx", `"2xx" is not a status code`},
		{"99", `"99" is not a status code`},
		{"099", `"099" is not a status code`},
		{"+20", `"+20" is not a status code`},
		{"1000", `"1000" is not a status code`},
		{"-200", `"" is not a status code`},
		{"200-", `"" is not a status code`},
		{"200-250-299", `"250-299" is not a status code`},
		{"299-200", `range "299-200" ends before it begins`},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			set, err := ParseStatusSet(tt.set)
			if err == nil {
				t.Fatalf("no error, set %v", set)
			}
			prefix := fmt.Sprintf("parse status set %q: ", tt.set)
			if !strings.HasPrefix(err.Error(), prefix+tt.want) {
				t.Errorf("error %q, want %q", err, prefix+tt.want)
			}
		})
	}
}

// TestStatusSetRoundTrip writes random ranges and reads them back.
func TestStatusSetRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := map[int]bool{}
		var parts []string
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			low := rapid.IntRange(100, 999).Draw(t, "low")
			high := rapid.IntRange(low, 999).Draw(t, "high")
			for code := low; code <= high; code++ {
				in[code] = true
			}
			parts = append(parts, fmt.Sprintf("%d-%d", low, high))
		}
		set, err := ParseStatusSet(strings.Join(parts, ","))
		if err != nil {
			t.Fatal(err)
		}
		for code := range 1100 {
			if set.Contains(code) != in[code] {
				t.Fatalf("%d in %v: %v", code, parts, set.Contains(code))
			}
		}
	})
}

// FuzzParseStatusSet: what is accepted holds the codes that it names and no
// other numbers than codes.
func FuzzParseStatusSet(f *testing.F) {
	for _, seed := range []string{"200", "200-299,304", " 100 - 999 ", "1-", "-1", "200,,300"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ParseStatusSet(text)
		if err != nil {
			return
		}
		some := false
		for code := range 2000 {
			some = some || set.Contains(code)
			if set.Contains(code) && (code < 100 || code > 999) {
				t.Errorf("%q holds %d", text, code)
			}
		}
		if !some {
			t.Errorf("%q holds nothing", text)
		}
	})
}
