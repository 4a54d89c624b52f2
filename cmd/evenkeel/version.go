package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/evenkeel/evenkeel/internal/desk"
)

// release is the version that this source tree is, or leads to. The build's own
// record (a module version, a commit) says it more exactly where there is one.
const release = "0.1.0-dev"

type versionVerb struct {
	JSON bool `name:"json" help:"Print JSON, for programs."`
}

// versionInfo is what `version --json` prints.
type versionInfo struct {
	Version      string `json:"version"`
	Commit       string `json:"commit,omitempty"`
	Modified     bool   `json:"modified,omitempty"` // the commit does not say all: files were changed
	Go           string `json:"go"`
	Platform     string `json:"platform"`
	FeatureLevel uint64 `json:"feature_level"` // the highest this binary understands
}

func (v *versionVerb) Run(env *environment) error {
	info := version()
	if v.JSON {
		return json.NewEncoder(env.stdout).Encode(info)
	}
	commit := info.Commit
	if commit == "" {
		commit = "unknown"
	} else if info.Modified {
		commit += " with changes"
	}
	_, err := fmt.Fprintf(env.stdout, "evenkeel %s\n  commit         %s\n  built with     %s for %s\n  feature level  %d\n",
		info.Version, commit, info.Go, info.Platform, info.FeatureLevel)
	return err
}

func version() versionInfo {
	info := versionInfo{
		Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, FeatureLevel: desk.FeatureLevel,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	if v := build.Main.Version; strings.HasPrefix(v, "v") && !strings.HasPrefix(v, "v0.0.0-") {
		info.Version = strings.TrimPrefix(v, "v")
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	return info
}
