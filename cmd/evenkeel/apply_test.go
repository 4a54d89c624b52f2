package main

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestApplyFileIsStrict: each mistake is found, with its line.
func TestApplyFileIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"- a\n":                                                   "f:1: the file must be lines of KEY: VALUE",
		"queues: sales\n":                                         "f:1: queues must be a list",
		"queues: [sales]\n":                                       "f:1: each of queues must be KEY: VALUE pairs",
		"queues:\n  - {name: x}\n":                                "f:2: one of queues has no id",
		"queues: [{id: ''}]":                                      "f:1: the id of the queue is empty",
		"queues: [{id: a, id: b}]":                                `f:1: not YAML: mapping key "id" already defined`,
		"queues: []\nqueues: []\n":                                `f:2: not YAML: mapping key "queues" already defined`,
		"queues: [{id: a, pick: no}]":                             "f:1: pick must be true or false",
		"queues: [{id: a, weight: 1.5}]":                          "f:1: weight must be a whole number",
		"queues: [{id: a, name: }]":                               `f:1: name has no value; an empty one is ""`,
		"queues: [{id: a, name: [b]}]":                            "f:1: name must be a single value",
		"queues: [{id: a, strategy: fair}]":                       "f:1: strategy: ",
		"queues: [{id: a, skills: [b]}]":                          "f:1: skills must be KEY: VALUE pairs",
		"queues: [{id: a, service_level: {goal: 1}}]":             `f:1: service_level has no "goal"; it has threshold, target`,
		"queues:\n  - &q {id: a}\n  - *q\n":                       "f:2: each of queues must be KEY: VALUE pairs",
		"agents: [{id: a, queues: [sales]}]":                      "f:1: queues must be KEY: VALUE pairs",
		"agents: [{id: a, password: x}]":                          "f:1: the agent a: a password must not be empty, and is of no use without an email",
		"agents: [{id: a, email: a@b, password: ''}]":             "f:1: the agent a: a password must not be empty",
		"agents: [{id: a, password: true}]":                       "f:1: password must be a single value, in quotes if it looks like something else",
		"agents: [{id: a, role: king}]":                           "f:1: role: ",
		"api_keys: [{id: a, key: ''}]":                            "f:1: the API key a: an empty key opens nothing",
		"identity: {secret: x}":                                   `f:1: identity has no "secret"; it has hmac_secret, jwks_url, issuer, audience`,
		"canned: [{id: a, text: b, owner: ann}]":                  "f:1: the canned reply a: an agent keeps his own himself; leave owner out",
		"namespaces: [{name: quotes, durable: true}]":             "f:1: the namespace quotes: durable must be false and delta none",
		"queues: []\n---\nagents: []\n":                           "the file may hold one document only",
		"a: " + strings.Repeat("[", 40):                           "f:1: nested more than 32 deep",
		"a:\n" + strings.Repeat("- ", 40):                         "f:2: nested more than 32 deep",
		"#" + strings.Repeat(" ", maxYAMLBytes):                   "f: it has more than 1048576 bytes",
		"agents: [{id: a, email: a@b, password: {$env: SECRET}}]": "f:1: password must be a single value",
	} {
		_, err := parseWanted("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %s", text, err, want)
		}
	}
}

// TestApplyFileIsRead: what is left out has its default, what is there is meant
// as it is written.
func TestApplyFileIsRead(t *testing.T) {
	w, err := parseWanted("f", []byte(`
queues:
  - {id: sales, strategy: most_skilled, wrap_up: 0s, customer_idle: {warn: 1m}, skills: {b: 2, a: 1}, on_agent_lost: stay}
agents:
  - {id: 007, email: Ann@Example.com, password: 007, queues: [{id: sales}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	q, want := w.queues[0].Queue, evenkeel.NewQueue("sales")
	want.Strategy, want.WrapUp, want.CustomerIdle.Warn, want.OnAgentLost = evenkeel.MostSkilled, 0, evenkeel.Minute, evenkeel.LostStay
	want.Skills = evenkeel.Skills{{Name: "a", Level: 1}, {Name: "b", Level: 2}}
	if d := differences(want, q); len(d) != 0 {
		t.Errorf("the queue differs: %+v", d)
	}
	a := w.agents[0]
	if a.ID != "007" || *a.Password != "007" || a.Email != "ann@example.com" || a.Queues[0].Level != 1 || a.Capacity != evenkeel.DefaultCapacity {
		t.Errorf("the agent is %+v with the password %q", a.Agent, *a.Password)
	}
	if w, err := parseWanted("f", []byte("# nothing\n")); err != nil || len(w.has) != 0 {
		t.Errorf("an empty file: %+v, %v", w, err)
	}
}

// FuzzApplyFile: whatever stands in a file, it is read or refused.
func FuzzApplyFile(f *testing.F) {
	f.Add([]byte("queues:\n  - {id: sales, max_wait: 10m, skills: {german: 2}}\nagents:\n- id: a\n  password: |\n    x\n"))
	f.Add([]byte("a: &b [*b]\n? x\n: y\n<<: *b\n!!str k: v\n---\n..."))
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := parseWanted("f", text)
		if err == nil && w == nil {
			t.Error("neither read nor refused")
		}
	})
}
