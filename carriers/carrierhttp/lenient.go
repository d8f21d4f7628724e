package carrierhttp

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// DecodeLenient is [DecodeJSON] for carriers whose gateways are careless about
// shapes: a number or boolean where v has a string, a string where v has a number or
// boolean, one value where v has a list, a list where v has one value, null anywhere.
// What cannot be brought into v's shape is left at its zero value; what is not JSON
// is an error, as is a document that is not an object or a list. What v holds is
// replaced.
//
// The usual answer costs no more than with DecodeJSON: shapes are looked at only
// after that has failed.
func DecodeLenient(body []byte, v any) error {
	strict := DecodeJSON(body, v)
	if strict == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	var doc any
	if d.Decode(&doc) != nil {
		return strict
	}
	if _, err := d.Token(); err != io.EOF {
		return strict
	}
	target := reflect.ValueOf(v).Elem()
	if target.Kind() == reflect.Struct {
		if _, object := doc.(map[string]any); !object {
			return strict
		}
	}
	shaped, err := json.Marshal(reshape(doc, target.Type()))
	if err != nil {
		return strict
	}
	target.SetZero()
	return DecodeJSON(shaped, v)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// reshape brings v, a decoded document, into the shape that t decodes from. Fields
// that t does not have are dropped, so t bounds the depth.
func reshape(v any, t reflect.Type) any {
	if v == nil || t.Kind() == reflect.Interface || t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler) {
		return v
	}
	if t.Kind() == reflect.Slice {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		out := make([]any, 0, len(list))
		for _, each := range list {
			if r := reshape(each, t.Elem()); r != nil {
				out = append(out, r)
			}
		}
		return out
	}
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			return nil
		}
		return reshape(list[0], t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return reshape(v, t.Elem())
	case reflect.Struct:
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		out := make(map[string]any, t.NumField())
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if each, ok := object[name]; ok && name != "-" {
				out[name] = reshape(each, f.Type)
			} else if f.Anonymous && name == "" {
				if embedded, ok := reshape(v, f.Type).(map[string]any); ok {
					for k, each := range embedded {
						out[k] = each
					}
				}
			}
		}
		return out
	case reflect.String:
		switch v := v.(type) {
		case string:
			return v
		case json.Number:
			return v.String()
		case bool:
			return strconv.FormatBool(v)
		}
		return nil
	case reflect.Bool:
		if s, ok := v.(string); ok {
			b, err := strconv.ParseBool(s)
			return err == nil && b
		}
		b, _ := v.(bool)
		return b
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		s, ok := v.(string)
		if n, isNumber := v.(json.Number); isNumber {
			s, ok = n.String(), true
		}
		if !ok || json.Unmarshal([]byte(s), reflect.New(t).Interface()) != nil {
			return nil
		}
		return json.Number(s)
	}
	return v
}
