package main

import (
	"encoding/json"
	"fmt"

	"github.com/alecthomas/kong"

	"github.com/evenkeel/evenkeel/internal/node"
)

// configVerb is `evenkeel config`.
type configVerb struct {
	Check    configCheckVerb    `cmd:"" help:"Say whether the configuration is right, and where each setting comes from."`
	Defaults configDefaultsVerb `cmd:"" help:"Print a configuration file with every setting at its default."`
}

// options are the flags of every verb that needs a configuration. kong fills
// Values with flags and defaults; which of them were flags it keeps in its path.
type options struct {
	File   string      `name:"config" placeholder:"FILE" help:"Configuration file, YAML. Every option can also be given as EVENKEEL_..., such as EVENKEEL_LOG_LEVEL."`
	Values node.Config `embed:""`
}

// load merges flags, environment, file and defaults.
func (o *options) load(ctx *kong.Context, env *environment) (*node.Loaded, error) {
	flags := map[string]string{}
	for _, s := range node.Settings() {
		for _, element := range ctx.Path {
			if element.Flag != nil && element.Flag.Name == s.Flag {
				flags[s.Flag] = s.Value(&o.Values)
			}
		}
	}
	return node.Load(node.Sources{Flags: flags, Env: env.env, File: o.File})
}

type configCheckVerb struct {
	options
	JSON bool `name:"json" help:"Print JSON, for programs."`
}

// checkedSetting is one setting in the JSON output.
type checkedSetting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

func (v *configCheckVerb) Run(ctx *kong.Context, env *environment) error {
	loaded, err := v.load(ctx, env)
	if err != nil {
		return err
	}
	if !v.JSON {
		_, err := env.stdout.Write(node.ConfigYAML(&loaded.Config, func(s node.Setting) string { return loaded.Sources[s.Flag] }))
		fmt.Fprintln(env.stderr, "The configuration is valid.")
		return err
	}
	var settings []checkedSetting
	for _, s := range node.Settings() {
		settings = append(settings, checkedSetting{Key: s.Key, Value: s.Value(&loaded.Config), Source: loaded.Sources[s.Flag]})
	}
	return json.NewEncoder(env.stdout).Encode(settings)
}

type configDefaultsVerb struct {
	JSON bool `name:"json" help:"Print JSON, for programs."`
}

func (v *configDefaultsVerb) Run(env *environment) error {
	c := node.DefaultConfig()
	if !v.JSON {
		_, err := env.stdout.Write(node.ConfigYAML(&c, nil))
		return err
	}
	var settings []checkedSetting
	for _, s := range node.Settings() {
		settings = append(settings, checkedSetting{Key: s.Key, Value: s.Value(&c), Source: "default"})
	}
	return json.NewEncoder(env.stdout).Encode(settings)
}
