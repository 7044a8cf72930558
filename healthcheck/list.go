package healthcheck

import (
	"encoding/json"
	"fmt"
)

// List is an unchangeable list that, unlike a slice, can be compared: it is
// the JSON text of its elements, "" when it is empty. Use ListOf to make one.
type List[T any] string

// ListOf returns the list of items. T must be a type that encoding/json can
// write and read back.
func ListOf[T any](items ...T) List[T] {
	if len(items) == 0 {
		return ""
	}
	text, err := json.Marshal(items)
	if err != nil {
		panic(fmt.Sprintf("healthcheck: list of %T: %v", items, err))
	}
	return List[T](text)
}

// All returns the elements; nil when there are none.
func (l List[T]) All() []T {
	var items []T
	if l != "" {
		// The text was written by ListOf or checked by UnmarshalJSON.
		_ = json.Unmarshal([]byte(l), &items)
	}
	return items
}

// MarshalJSON writes a JSON array.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == "" {
		return []byte("[]"), nil
	}
	return []byte(l), nil
}

// UnmarshalJSON reads a JSON array of T.
func (l *List[T]) UnmarshalJSON(text []byte) error {
	var items []T
	if err := json.Unmarshal(text, &items); err != nil {
		return err
	}
	*l = ListOf(items...)
	return nil
}
