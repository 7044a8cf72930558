package daemon

import (
	"encoding/json"
	"fmt"
)

// form is one version of the state that a role leaves to its successor. A
// binary reads and writes its own version and the one before, so that an upgrade
// and the way back are both possible.
type form struct {
	version int
	encode  func(any) (json.RawMessage, error)
	decode  func(json.RawMessage, any) error
}

// forms are those of this binary, newest first. Fields may be added to a
// version; what no longer means the same makes a new one.
var forms = []form{{
	version: 1,
	encode:  func(v any) (json.RawMessage, error) { return json.Marshal(v) },
	decode:  func(b json.RawMessage, v any) error { return json.Unmarshal(b, v) },
}}

// versions lists what this binary reads and writes.
func versions() []int {
	all := make([]int, len(forms))
	for i, f := range forms {
		all[i] = f.version
	}
	return all
}

// encodeState writes a role's state in a version.
func encodeState(version int, v any) (json.RawMessage, error) {
	for _, f := range forms {
		if f.version == version {
			return f.encode(v)
		}
	}
	return nil, fmt.Errorf("encode state: version %d is not known", version)
}

// decodeState reads it.
func decodeState(version int, b json.RawMessage, v any) error {
	for _, f := range forms {
		if f.version == version {
			return f.decode(b, v)
		}
	}
	return fmt.Errorf("decode state: version %d is not known, only %v", version, versions())
}
