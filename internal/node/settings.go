package node

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Setting is one field of Config as people see it.
type Setting struct {
	Flag    string // --http is "http"
	Key     string // in the file
	Env     string
	Default string
	Help    string
	Doc     string
	Enum    []string
	Min     string // of a size; "" for none
	Max     string
	List    bool // in the file it may be a list; else there are commas between

	field int // in Config
}

// Settings lists the fields of Config in their order.
func Settings() []Setting {
	t := reflect.TypeFor[Config]()
	settings := make([]Setting, 0, t.NumField())
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		s := Setting{
			Flag: tag.Get("name"), Default: tag.Get("default"), Doc: tag.Get("doc"),
			Min: tag.Get("min"), Max: tag.Get("max"), List: tag.Get("list") != "", field: i,
		}
		if enum := tag.Get("enum"); enum != "" {
			s.Enum = strings.Split(enum, ",")
		}
		s.Help = strings.ReplaceAll(tag.Get("help"), "${enum}", strings.Join(s.Enum, ", "))
		s.Key = strings.ReplaceAll(s.Flag, "-", "_")
		s.Env = "EVENKEEL_" + strings.ToUpper(s.Key)
		settings = append(settings, s)
	}
	return settings
}

// Value returns the setting's value in c as text.
func (s Setting) Value(c *Config) string {
	return fmt.Sprint(reflect.ValueOf(c).Elem().Field(s.field).Interface())
}

// set parses text into the setting's field.
func (s Setting) set(c *Config, text string) error {
	if s.Enum != nil && !slices.Contains(s.Enum, text) {
		return fmt.Errorf("%q must be one of %s", text, strings.Join(s.Enum, ", "))
	}
	switch field := reflect.ValueOf(c).Elem().Field(s.field).Addr().Interface().(type) {
	case *string:
		*field = text
	case *Bytes:
		if err := field.UnmarshalText([]byte(text)); err != nil {
			return err
		}
		return s.inRange(*field)
	case encoding.TextUnmarshaler:
		return field.UnmarshalText([]byte(text))
	default:
		return fmt.Errorf("a setting of type %T cannot be read", field)
	}
	return nil
}

func (s Setting) inRange(b Bytes) error {
	var low, high Bytes
	if err := errors.Join(low.UnmarshalText([]byte(s.Min)), high.UnmarshalText([]byte(s.Max))); err != nil {
		return err
	}
	if b < low || b > high {
		return fmt.Errorf("%s must be from %s to %s", b, low, high)
	}
	return nil
}

// ConfigError is a configuration that cannot be used. Starting again will not
// help.
type ConfigError struct {
	Where string // file:line, the flag or the variable; "" if it is the whole
	Text  string
}

func (e *ConfigError) Error() string {
	if e.Where == "" {
		return e.Text
	}
	return e.Where + ": " + e.Text
}

func settingError(flag, format string, args ...any) error {
	return &ConfigError{Where: flag, Text: fmt.Sprintf(format, args...)}
}

// Sources are where settings come from, the strongest first: a flag, the
// environment, the file, the default.
type Sources struct {
	Flags map[string]string           // by flag, only those given
	Env   func(string) (string, bool) // nil: none
	File  string                      // path of the configuration file; "" for none
}

// Loaded is a configuration with the source of each setting: "default", the
// variable, the flag, or the file and line.
type Loaded struct {
	Config  Config
	Sources map[string]string // by flag
}

// EnvConfigFile names the configuration file when no flag does.
const EnvConfigFile = "EVENKEEL_CONFIG"

// Load merges the sources and validates the result. Errors are *ConfigError.
func Load(src Sources) (*Loaded, error) {
	env := src.Env
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	path := src.File
	if path == "" {
		path, _ = env(EnvConfigFile)
	}
	file, err := readFile(path)
	if err != nil {
		return nil, err
	}
	loaded := &Loaded{Sources: map[string]string{}}
	for _, s := range Settings() {
		text, from := s.Default, "default"
		if v, ok := file[s.Key]; ok {
			text, from = v.text, v.where
		}
		if v, ok := env(s.Env); ok {
			text, from = v, s.Env
		}
		if v, ok := src.Flags[s.Flag]; ok {
			text, from = v, "--"+s.Flag
		}
		if err := s.set(&loaded.Config, text); err != nil {
			return nil, &ConfigError{Where: where(s, from), Text: err.Error()}
		}
		loaded.Sources[s.Flag] = from
	}
	if err := loaded.Config.validate(); err != nil {
		var bad *ConfigError
		if errors.As(err, &bad) {
			for _, s := range Settings() {
				if s.Flag == bad.Where {
					bad.Where = where(s, loaded.Sources[s.Flag])
				}
			}
		}
		return nil, err
	}
	return loaded, nil
}

// where says which setting of which source is meant.
func where(s Setting, from string) string {
	if from == s.Env || from == "--"+s.Flag {
		return from
	}
	return from + ": " + s.Key
}

type fileValue struct{ text, where string }

func readFile(path string) (map[string]fileValue, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, &ConfigError{Text: fmt.Sprintf("the configuration file cannot be read: %v", err)}
	}
	return parseFile(path, b)
}

// parseFile reads a YAML mapping of scalars. It is strict: what it does not know
// is refused with its line.
func parseFile(path string, b []byte) (map[string]fileValue, error) {
	parsed, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, syntaxError(path, err)
	}
	values := map[string]fileValue{}
	for _, doc := range parsed.Docs {
		if err := readDocument(path, doc.Body, values); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func syntaxError(path string, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return &ConfigError{Where: path, Text: fmt.Sprintf("not YAML: %v", err)}
	}
	line := at.GetToken().Position.Line
	return &ConfigError{Where: fmt.Sprintf("%s:%d", path, line), Text: "not YAML: " + at.GetMessage()}
}

func readDocument(path string, body ast.Node, values map[string]fileValue) error {
	at := func(n ast.Node) string { return fmt.Sprintf("%s:%d", path, n.GetToken().Position.Line) }
	switch body := body.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil // an empty file
	case *ast.MappingNode:
		for _, pair := range body.Values {
			key := pair.Key.String()
			i := slices.IndexFunc(Settings(), func(s Setting) bool { return s.Key == key })
			if i < 0 {
				return &ConfigError{Where: at(pair.Key), Text: unknownKey(key)}
			}
			if earlier, twice := values[key]; twice { // in another document of the file
				return &ConfigError{Where: at(pair.Key), Text: key + " was given before, at " + earlier.where}
			}
			text, ok := valueText(pair.Value, Settings()[i].List)
			if !ok {
				return &ConfigError{Where: at(pair.Key), Text: key + " must be a single value"}
			}
			values[key] = fileValue{text, at(pair.Key)}
		}
		return nil
	default:
		return &ConfigError{Where: at(body), Text: "the file must be lines of KEY: VALUE, such as http: \":8080\""}
	}
}

// valueText returns a value as a flag would have it: a list with commas between.
func valueText(n ast.Node, list bool) (text string, ok bool) {
	if scalar, ok := n.(ast.ScalarNode); ok {
		return scalarText(scalar), true
	}
	sequence, ok := n.(*ast.SequenceNode)
	if !ok || !list {
		return "", false
	}
	var parts []string
	for _, value := range sequence.Values {
		scalar, ok := value.(ast.ScalarNode)
		if !ok {
			return "", false
		}
		parts = append(parts, scalarText(scalar))
	}
	return strings.Join(parts, ","), true
}

func scalarText(n ast.ScalarNode) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	if _, ok := n.(*ast.NullNode); ok {
		return ""
	}
	return n.GetToken().Value
}

func unknownKey(key string) string {
	keys := make([]string, 0, len(Settings()))
	for _, s := range Settings() {
		keys = append(keys, s.Key)
	}
	return fmt.Sprintf("there is no setting %q; the settings are %s", key, strings.Join(keys, ", "))
}
