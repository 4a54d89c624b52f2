package evenkeel

import (
	"strings"
)

// A template is a text with variables: "Hello {{customer.name|there}}". What
// stands behind the bar is said where there is no value. Values are put in as
// they are: a variable inside of one is not looked for.

// The bounds of a template, by which rendering it stays cheap.
const (
	maxVariables    = 20  // of a text
	maxVariable     = 100 // bytes of a name
	maxVariableDots = 8   // of a name
)

// anyPath ends the name of a variable in a list of known ones that goes on with
// a path of attributes.
const anyPath = "<path>"

// GreetingVariables are those of a queue's greeting.
func GreetingVariables() []string {
	return []string{"customer.name", "customer.attributes." + anyPath, "chat.subject", "chat.attributes." + anyPath, "queue.name"}
}

// ReplyVariables are those of what is said in a chat that has an agent.
func ReplyVariables() []string { return append(GreetingVariables(), "agent.name") }

// OfflineVariables are those of what is shown to whoever comes, without a chat.
func OfflineVariables() []string { return []string{"queue.name"} }

// CheckTemplate refuses a text with a variable that is none of the known ones: a
// typing error is found where it is made, not by a customer.
func CheckTemplate(field, text string, known []string) *Error {
	rest := text
	for n := 0; ; n++ {
		_, variable, after, found := cutVariable(rest)
		if !found {
			break
		}
		if n == maxVariables {
			return FieldErrorf(field, "a text may hold %d variables at most", maxVariables)
		}
		name, _ := splitVariable(variable)
		switch {
		case strings.Contains(variable, "{{"):
			return FieldErrorf(field, "a variable begins inside of another: a }} is missing")
		case len(name) > maxVariable || strings.Count(name, ".") > maxVariableDots:
			return FieldErrorf(field, "the name of a variable may have %d bytes and %d dots at most", maxVariable, maxVariableDots)
		case !isKnown(name, known):
			return FieldErrorf(field, "there is no variable %q here; there are %s", name, strings.Join(known, ", "))
		}
		rest = after
	}
	if strings.Contains(rest, "{{") {
		return FieldErrorf(field, "a variable has no end: a }} is missing")
	}
	return nil
}

// RenderTemplate puts values in for the variables of a text, and cuts what comes of
// it at a number of characters.
func RenderTemplate(text string, characters int64, value func(name string) string) string {
	var b strings.Builder
	for {
		before, variable, after, found := cutVariable(text)
		b.WriteString(before)
		if !found {
			return cutCharacters(b.String(), characters)
		}
		name, fallback := splitVariable(variable)
		if v := value(name); v != "" {
			b.WriteString(v)
		} else {
			b.WriteString(fallback)
		}
		text = after
	}
}

// cutVariable splits a text at its first variable. Without one all of it is
// before.
func cutVariable(text string) (before, variable, after string, found bool) {
	before, rest, begins := strings.Cut(text, "{{")
	variable, after, ends := strings.Cut(rest, "}}")
	if !begins || !ends {
		return text, "", "", false
	}
	return before, variable, after, true
}

// splitVariable takes a variable's name and what stands in for no value.
func splitVariable(variable string) (name, fallback string) {
	const blanks = " \t\r\n"
	name, fallback, _ = strings.Cut(variable, "|")
	return strings.Trim(name, blanks), strings.Trim(fallback, blanks)
}

func isKnown(name string, known []string) bool {
	for _, k := range known {
		stem, open := strings.CutSuffix(k, anyPath)
		if !open {
			if name == k {
				return true
			}
			continue
		}
		if path, ok := strings.CutPrefix(name, stem); ok && path != "" && !strings.Contains("."+path+".", "..") {
			return true
		}
	}
	return false
}

func cutCharacters(s string, most int64) string {
	for i := range s {
		if most == 0 {
			return s[:i]
		}
		most--
	}
	return s
}
