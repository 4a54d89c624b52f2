package main

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// differences lists the fields that differ, in their order.
func differences[T any](from, to T) []fieldChange {
	var all []fieldChange
	compare("", reflect.ValueOf(&from).Elem(), reflect.ValueOf(&to).Elem(), &all)
	return all
}

func compare(prefix string, from, to reflect.Value, all *[]fieldChange) {
	fresh := fieldsOf(to)
	for i, old := range fieldsOf(from) {
		name := prefix + old.name
		if _, isText := old.value.Interface().(encoding.TextMarshaler); !isText && old.value.Kind() == reflect.Struct {
			compare(name+".", old.value, fresh[i].value, all)
			continue
		}
		if old.value.Kind() == reflect.Pointer && old.value.Type().Elem().Kind() == reflect.Struct {
			compare(name+".", pointedTo(old.value), pointedTo(fresh[i].value), all)
			continue
		}
		was, is := valueText(old.value), valueText(fresh[i].value)
		if was != is && name != "id" {
			*all = append(*all, fieldChange{Field: name, From: was, To: is})
		}
	}
}

// pointedTo is what is there, or what stands for nothing.
func pointedTo(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return reflect.Zero(v.Type().Elem())
	}
	return v.Elem()
}

// valueText is a value as the file writes it.
func valueText(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case evenkeel.Duration:
		return shortDuration(value)
	case encoding.TextMarshaler:
		if text, err := value.MarshalText(); err == nil {
			return string(text)
		}
	}
	if v.Kind() == reflect.Slice && v.Len() == 0 || v.Kind() == reflect.Pointer {
		return "" // empty; pointers are secrets, which are compared elsewhere
	}
	if v.Kind() == reflect.String {
		return v.String()
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// shortDuration writes 10m and not 10m0s.
func shortDuration(d evenkeel.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
