package conf

import "fmt"

// Severity of a diagnostic.
type Severity uint8

// Severities. Any Error means the configuration is not used.
const (
	Error Severity = iota + 1
	Warning
	Note
)

// String returns the lower-case word.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return "unknown"
}

// MarshalText makes severities readable in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(b []byte) error {
	for c := Error; c <= Note; c++ {
		if c.String() == string(b) {
			*s = c
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", b)
}

// CodeUnreadable is the code of a diagnostic about a file that could not be
// read at all, as opposed to one whose content is wrong.
const CodeUnreadable = "unreadable"

// Diagnostic is one remark about a configuration.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable, for example "unknown_key"
	File     string   `json:"file"`
	Line     int      `json:"line,omitempty"` // from 1; 0 = whole file
	Col      int      `json:"col,omitempty"`  // from 1, in characters
	// EndCol is the column after the last character that is meant, when it is
	// on the same line.
	EndCol  int    `json:"end_col,omitempty"`
	Summary string `json:"summary"`
	Hint    string `json:"hint,omitempty"`
	Snippet string `json:"snippet,omitempty"` // the source line
}

// Diagnostics are all remarks, in source order.
type Diagnostics []Diagnostic

// HasErrors reports whether any diagnostic is an error.
func (d Diagnostics) HasErrors() bool {
	for _, x := range d {
		if x.Severity == Error {
			return true
		}
	}
	return false
}
