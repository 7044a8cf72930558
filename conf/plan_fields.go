package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// diffFields lists the exported fields that differ between two values of the
// same struct type, nested structs flattened, under the names of the
// configuration language. Fields named in skip are left out.
func diffFields(have, want any, skip ...string) []Field {
	left := make(map[string]bool, len(skip))
	for _, name := range skip {
		left[name] = true
	}
	return appendFields(nil, "", reflect.ValueOf(have), reflect.ValueOf(want), left)
}

func appendFields(out []Field, prefix string, a, b reflect.Value, skip map[string]bool) []Field {
	for i := range a.NumField() {
		sf := a.Type().Field(i)
		if !sf.IsExported() || skip[sf.Name] {
			continue
		}
		fa, fb := a.Field(i), b.Field(i)
		if reflect.DeepEqual(fa.Interface(), fb.Interface()) {
			continue
		}
		name := prefix + fieldName(sf.Name)
		if plainStruct(sf.Type) {
			out = appendFields(out, name+".", fa, fb, nil)
			continue
		}
		out = append(out, Field{Name: name, From: fieldText(fa), To: fieldText(fb)})
	}
	return out
}

// plainStruct reports whether a type is shown field by field: a struct that
// does not print itself.
func plainStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.Implements(reflect.TypeFor[fmt.Stringer]()) && !t.Implements(reflect.TypeFor[fmt.Formatter]())
}

// fieldText is a value for people; unset is empty.
func fieldText(v reflect.Value) string {
	if f, formats := v.Interface().(fmt.Formatter); formats && !v.IsZero() {
		return fmt.Sprint(f) // a key, for example, which must not be shown
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return fieldText(v.Elem())
	case reflect.Map:
		return mapText(v)
	case reflect.Slice:
		words := make([]string, v.Len())
		for i := range words {
			words[i] = fieldText(v.Index(i))
		}
		return strings.Join(words, " ")
	case reflect.Struct:
		if plainStruct(v.Type()) {
			return structText(v)
		}
	}
	return fmt.Sprint(v.Interface())
}

// mapText shows every entry with its key, in order.
func mapText(v reflect.Value) string {
	var words []string
	for _, k := range v.MapKeys() {
		words = append(words, fmt.Sprintf("%s (%s)", fieldText(k), fieldText(v.MapIndex(k))))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// structText shows the fields of a struct that are set.
func structText(v reflect.Value) string {
	var words []string
	for i := range v.NumField() {
		if sf := v.Type().Field(i); sf.IsExported() && !v.Field(i).IsZero() {
			words = append(words, fieldName(sf.Name)+" "+fieldText(v.Field(i)))
		}
	}
	return strings.Join(words, " ")
}

// configNames are the fields whose configuration name is not their Go name in
// snake case.
var configNames = map[string]string{
	"Addresses":        "virtual_address",
	"Announce":         "garp",
	"Persistent":       "persistence.timeout",
	"AutoReload":       "autoreload",
	"RealTimePriority": "realtime_priority",
	"LinkDown":         "link_down_delay",
	"LinkUp":           "link_up_delay",
	"KeepTable":        "keep_table_on_stop",
	"KeepAll":          "keep_on_stop",
	"AllowOtherDaemon": "other_vrrp_daemon.allow",
	"LogLevel":         "log.level",
	"LogFormat":        "log.format",
	"Peers":            "directors",
	"Namespace":        "network_namespace",
	"Schedule":         "reload_at",
}

// fieldName turns AdvertInterval into advert_interval.
func fieldName(name string) string {
	if known := configNames[name]; known != "" {
		return known
	}
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		lower := i > 0 && unicode.IsLower(runes[i-1])
		next := i > 0 && i+1 < len(runes) && unicode.IsUpper(r) && unicode.IsLower(runes[i+1])
		if unicode.IsUpper(r) && (lower || next) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
