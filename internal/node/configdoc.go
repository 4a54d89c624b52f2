package node

import (
	"bytes"
	"fmt"
	"strings"
)

// ConfigYAML writes a configuration file with every setting and what it means.
// note, if given, is called for a remark behind each value.
func ConfigYAML(c *Config, note func(Setting) string) []byte {
	var b bytes.Buffer
	for i, s := range Settings() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "# %s\n%s: %s", s.Help, s.Key, yamlScalar(s.Value(c)))
		if note != nil {
			fmt.Fprintf(&b, " # %s", note(s))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// yamlScalar quotes what YAML could take for something else.
func yamlScalar(s string) string {
	plain := s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("./_-", r))
	})
	if plain {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// ConfigDoc writes docs/configuration.md.
func ConfigDoc() []byte {
	var b bytes.Buffer
	b.WriteString(`# Configuration

<!-- Made from the fields of node.Config: go test ./internal/node -run ConfigDoc -update -->

A node is told little: where its data lies, where to listen, how much of its
machine one client may take. Queues, agents, limits and everything else that
the cell decides by is replicated state, changed by commands and the same on
every node.

Each setting can be given in four ways. The first that is given wins:

1. a flag of ` + "`evenkeel serve`" + `: ` + "`--log-level debug`" + `
2. a variable of the environment: ` + "`EVENKEEL_LOG_LEVEL=debug`" + `
3. the configuration file (` + "`--config FILE` or `EVENKEEL_CONFIG=FILE`" + `), YAML: ` + "`log_level: debug`" + `
4. the default

The file is read strictly: a key that does not exist, or a value out of its
bounds, is refused with its line, and the exit code is 2. Sizes are whole
numbers with ` + "`KiB`, `MiB` or `GiB`" + `.

    evenkeel config defaults > evenkeel.yaml    a file to start from
    evenkeel config check --config FILE         is it right, and what comes from where?

| file | flag | variable | default | |
|---|---|---|---|---|
`)
	for _, s := range Settings() {
		text := s.Help
		if s.Doc != "" {
			text += " " + s.Doc
		}
		if s.Min != "" {
			text += fmt.Sprintf(" From %s to %s.", s.Min, s.Max)
		}
		value := "empty"
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `--%s` | `%s` | %s | %s |\n", s.Key, s.Flag, s.Env, value, text)
	}
	b.WriteString(`
## Only from the environment

| variable | |
|---|---|
| ` + "`EVENKEEL_CONFIG`" + ` | The configuration file, if no ` + "`--config`" + ` is given. |
| ` + "`EVENKEEL_ADMIN_PASSWORD`" + ` | Read once, on the first start of a fresh cell: the password of ` + "`admin@localhost`" + `, in place of the one-time password that would be printed. For automation. At least 8 characters. |
`)
	return b.Bytes()
}
