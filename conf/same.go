package conf

import "reflect"

// Same reports whether two configurations mean the same, wherever that is
// written. Empty lists are like none.
func Same(a, b *Config) bool {
	x, y := *a, *b
	x.Files, y.Files, x.Origins, y.Origins = nil, nil, nil, nil
	return same(reflect.ValueOf(x), reflect.ValueOf(y))
}

func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, k := range a.MapKeys() {
			if v := b.MapIndex(k); !v.IsValid() || !same(a.MapIndex(k), v) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	case reflect.Struct:
		if a.Comparable() && b.Comparable() && a.Equal(b) {
			return true
		}
		for i := range a.NumField() {
			if !a.Type().Field(i).IsExported() || !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return a.NumField() > 0
	}
	return a.Equal(b)
}
