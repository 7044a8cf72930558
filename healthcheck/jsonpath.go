package healthcheck

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// JSONPath is the way to a value in a JSON document.
type JSONPath []any // string = member of an object, int = element of an array

// ParseJSONPath reads "a.b[0].c"; a leading "$" or "$." is allowed, a member
// whose name has dots or brackets is written ["like.this"]. The empty text is
// the empty path, the whole document.
func ParseJSONPath(text string) (JSONPath, error) {
	rest := strings.TrimPrefix(text, "$")
	var path JSONPath
	for first := true; rest != ""; first = false {
		var step any
		var ok bool
		switch {
		case rest[0] == '[':
			step, rest, ok = bracket(rest[1:])
		case rest[0] == '.' && (!first || text[0] == '$'):
			step, rest, ok = member(rest[1:])
		case first && text[0] != '$':
			step, rest, ok = member(rest)
		}
		if !ok {
			return nil, fmt.Errorf("JSON path %q is not understood", text)
		}
		path = append(path, step)
	}
	return path, nil
}

// member reads a name up to the next dot or bracket.
func member(text string) (step any, rest string, ok bool) {
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:], end > 0 && !strings.Contains(text[:end], "]")
}

// bracket reads what follows an opening bracket: a number or a quoted name.
func bracket(text string) (step any, rest string, ok bool) {
	if strings.HasPrefix(text, `"`) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, "", false
		}
		name, err := strconv.Unquote(quoted)
		rest, closed := strings.CutPrefix(text[len(quoted):], "]")
		return name, rest, err == nil && closed
	}
	digits, rest, closed := strings.Cut(text, "]")
	n, err := strconv.Atoi(digits)
	return n, rest, closed && err == nil && n >= 0
}

// Find returns the value at the path as text: strings without quotes,
// everything else as JSON. It returns an error if the document is no JSON or
// has nothing there.
func (path JSONPath) Find(document []byte) (string, error) {
	raw := json.RawMessage(document)
	if !json.Valid(document) {
		return "", fmt.Errorf("body is not JSON")
	}
	for _, step := range path {
		var found bool
		switch step := step.(type) {
		case string:
			var object map[string]json.RawMessage
			if json.Unmarshal(raw, &object) == nil {
				raw, found = object[step]
			}
		case int:
			var array []json.RawMessage
			if json.Unmarshal(raw, &array) == nil && step < len(array) {
				raw, found = array[step], true
			}
		}
		if !found {
			return "", fmt.Errorf("JSON body has nothing at %v", step)
		}
	}
	var text string
	if json.Unmarshal(raw, &text) == nil && raw[0] == '"' {
		return text, nil
	}
	return strings.TrimSpace(string(raw)), nil
}
