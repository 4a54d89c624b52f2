package evenkeel_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

func TestRenderTemplate(t *testing.T) {
	values := map[string]string{"customer.name": "Vic", "chat.subject": "{{agent.name}}", "customer.attributes.a.b": "7"}
	for _, c := range []struct {
		text string
		most int64
		want string
	}{
		{"", 10, ""},
		{"no variable", 99, "no variable"},
		{"Hello {{customer.name}}!", 99, "Hello Vic!"},
		{"Hello {{ customer.name | there }}!", 99, "Hello Vic!"},
		{"Hello {{agent.name| there }}!", 99, "Hello there!"},
		{"Hello {{agent.name}}!", 99, "Hello !"},
		{"{{customer.attributes.a.b}}{{customer.name}}", 99, "7Vic"},
		{"{{agent.name|a|b}}", 99, "a|b"},
		{"{{chat.subject}}", 99, "{{agent.name}}"}, // a value is no template
		{"a {{ b", 99, "a {{ b"},
		{"a }} b", 99, "a }} b"},
		{"{{customer.name}}öäü", 4, "Vicö"},
		{"{{customer.name}}öäü", 6, "Vicöäü"},
		{"öäü", 0, ""},
	} {
		if got := evenkeel.RenderTemplate(c.text, c.most, func(name string) string { return values[name] }); got != c.want {
			t.Errorf("%q in %d characters: %q instead of %q", c.text, c.most, got, c.want)
		}
	}
}

func TestCheckTemplate(t *testing.T) {
	known := evenkeel.GreetingVariables()
	for _, text := range []string{
		"", "plain }}", "{{customer.name}}", "{{ customer.name | dear customer }}", "{{customer.attributes.order.id}}",
		strings.Repeat("{{queue.name}}", 20), "{{chat.attributes.a.b.c.d.e.f.g}}", "{{customer.name|a.b.c.d.e.f.g.h.i.j.k}}",
	} {
		if err := evenkeel.CheckTemplate("greeting", text, known); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"{{custmer.name}}":                   "customer.name, customer.attributes.<path>, chat.subject",
		"{{agent.name}}":                     `no variable "agent.name"`, // nobody has accepted yet
		"{{}}":                               `no variable ""`,
		"{{|x}}":                             `no variable ""`,
		"{{Customer.name}}":                  "no variable",
		"{{customer.attributes}}":            "no variable",
		"{{customer.attributes.}}":           "no variable",
		"{{customer.attributes.a..b}}":       "no variable",
		"{{customer.attributes.a.}}":         "no variable",
		"{{customer.name":                    "no end",
		"{{queue.name}} {{":                  "no end",
		"{{customer.name {{queue.name}}":     "inside of another",
		"{{customer.name|{{queue.name}}}}":   "inside of another",
		strings.Repeat("{{queue.name}}", 21): "20 variables",
		"{{chat.attributes." + strings.Repeat("a", 100) + "}}": "100 bytes",
		"{{chat.attributes.a.b.c.d.e.f.g.h}}":                  "8 dots",
	} {
		err := evenkeel.CheckTemplate("greeting", text, known)
		if err == nil || err.Code != evenkeel.CodeBadRequest || err.Field != "greeting" || !strings.Contains(err.Detail, want) {
			t.Errorf("%q: %v, wanted %q", text, err, want)
		}
	}
	if err := evenkeel.CheckTemplate("text", "{{agent.name}}", evenkeel.ReplyVariables()); err != nil {
		t.Error(err)
	}
}

// FuzzTemplate: whatever passes the check is rendered within its bounds, and
// leaves no variable behind.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"Hello {{customer.name|there}}", "{{", "}}{{a}}", "{{queue.name|é}}", "{{chat.attributes.a.b}}"} {
		f.Add(seed, int64(7))
	}
	f.Fuzz(func(t *testing.T, text string, most int64) {
		if most < 0 || most > 1000 {
			return
		}
		got := evenkeel.RenderTemplate(text, most, func(string) string { return "é" })
		if n := int64(len([]rune(got))); n > most {
			t.Fatalf("%q became %d characters instead of %d", text, n, most)
		}
		if evenkeel.CheckTemplate("text", text, evenkeel.ReplyVariables()) == nil && strings.Contains(got, "{{") {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
