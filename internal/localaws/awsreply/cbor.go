package awsreply

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// epochTag marks a number as a time in seconds. https://www.rfc-editor.org/rfc/rfc8949.html#name-epoch-based-date-time
const epochTag = 1

// Time is a moment as the protocols write it: seconds since 1970, to the millisecond. The zero time is left out by omitzero.
type Time time.Time

// IsZero tells whether there is no time.
func (t Time) IsZero() bool { return time.Time(t).IsZero() }

func (t Time) seconds() float64 { return float64(time.Time(t).UnixMilli()) / 1000 }

// MarshalJSON implements [encoding/json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, t.seconds(), 'f', -1, 64), nil
}

// toCBOR encodes what encoding/json would: with the fields' tags, but times as such.
func toCBOR(value any) cbor.Value { return reflected(reflect.ValueOf(value)) }

func reflected(v reflect.Value) cbor.Value {
	if !v.IsValid() {
		return &cbor.Nil{}
	}
	if t, ok := v.Interface().(Time); ok {
		return &cbor.Tag{ID: epochTag, Value: cbor.Float64(t.seconds())}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return reflected(v.Elem())
	case reflect.String:
		return cbor.String(v.String())
	case reflect.Bool:
		return cbor.Bool(v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		if v.Int() < 0 {
			return cbor.NegInt(-v.Int())
		}
		return cbor.Uint(v.Int())
	case reflect.Float64:
		return cbor.Float64(v.Float())
	case reflect.Slice:
		list := cbor.List{}
		for i := range v.Len() {
			list = append(list, reflected(v.Index(i)))
		}
		return list
	case reflect.Map:
		object := cbor.Map{}
		for entry := v.MapRange(); entry.Next(); {
			object[entry.Key().String()] = reflected(entry.Value())
		}
		return object
	case reflect.Struct:
		return structure(v)
	}
	panic(fmt.Sprintf("no output has a %s", v.Type()))
}

func structure(v reflect.Value) cbor.Map {
	object := cbor.Map{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		if options != "" && (v.Field(i).IsZero() || options == "omitempty" && isEmpty(v.Field(i))) {
			continue
		}
		object[name] = reflected(v.Field(i))
	}
	return object
}

// isEmpty tells whether a list or a map has nothing in it.
func isEmpty(v reflect.Value) bool {
	return (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0
}

// fromCBOR returns a decoded value as encoding/json would have it.
func fromCBOR(value cbor.Value) (any, error) {
	switch value := value.(type) {
	case cbor.String:
		return string(value), nil
	case cbor.Bool:
		return bool(value), nil
	case cbor.Uint:
		return uint64(value), nil
	case cbor.NegInt:
		return -float64(value), nil
	case cbor.Float32:
		return float64(value), nil
	case cbor.Float64:
		return float64(value), nil
	case *cbor.Nil, *cbor.Undefined:
		return nil, nil
	case *cbor.Tag:
		return fromCBOR(value.Value)
	case cbor.List:
		list := make([]any, 0, len(value))
		for _, item := range value {
			plain, err := fromCBOR(item)
			if err != nil {
				return nil, err
			}
			list = append(list, plain)
		}
		return list, nil
	case cbor.Map:
		object := make(map[string]any, len(value))
		for name, item := range value {
			plain, err := fromCBOR(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			object[name] = plain
		}
		return object, nil
	}
	return nil, fmt.Errorf("a CBOR value of type %T is not supported here", value)
}
