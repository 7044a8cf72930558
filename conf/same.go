package conf

import (
	"reflect"

	"github.com/vipd/vipd/healthcheck"
)

// Same reports whether two configurations mean the same, wherever that is
// written. Empty lists are like none.
func Same(a, b *Config) bool { return comparison{}.configs(a, b) }

// SameInEffect is Same whatever checks are called.
func SameInEffect(a, b *Config) bool { return comparison{anyName: true}.configs(a, b) }

// comparison says what counts.
type comparison struct {
	anyName bool // the names of checks do not
}

func (c comparison) configs(a, b *Config) bool {
	x, y := *a, *b
	x.Files, y.Files, x.Origins, y.Origins = nil, nil, nil, nil
	return c.same(reflect.ValueOf(x), reflect.ValueOf(y))
}

func (c comparison) same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !c.same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, k := range a.MapKeys() {
			if v := b.MapIndex(k); !v.IsValid() || !c.same(a.MapIndex(k), v) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return c.same(a.Elem(), b.Elem())
	case reflect.Struct:
		if a.Comparable() && b.Comparable() && a.Equal(b) {
			return true
		}
		for i := range a.NumField() {
			if c.anyName && a.Type() == checkType && a.Type().Field(i).Name == "Name" {
				continue
			}
			if !a.Type().Field(i).IsExported() || !c.same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return a.NumField() > 0
	}
	return a.Equal(b)
}

var checkType = reflect.TypeFor[healthcheck.Check]()
