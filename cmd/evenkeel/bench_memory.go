package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// memoryOptions are those of what measures the memory of a server of its own.
type memoryOptions struct {
	Dir     string `name:"dir" default:"" placeholder:"DIR" help:"Where the server writes; empty: the system's place for temporary files."`
	Profile string `name:"memprofile" placeholder:"FILE" help:"Write a profile of what is in the server's memory at the end."`
	JSON    bool   `name:"json" help:"Print JSON, for programs."`
}

// measureMemory starts a server, measures, ends it, and prints the result if JSON is
// wanted.
func measureMemory[R any](o *memoryOptions, env *environment, measure func(context.Context, *environment, *child) (*R, error)) (*R, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := startChild(ctx, childConfig{parent: o.Dir, http: "127.0.0.1:0", profile: o.Profile != ""})
	if err != nil {
		return nil, err
	}
	result, err := measure(ctx, env, server)
	if err = errors.Join(err, server.stop()); err != nil {
		return nil, err
	}
	if o.JSON {
		err = json.NewEncoder(env.stdout).Encode(result)
	}
	return result, err
}

// profile writes what is in the server's memory, if that is wanted.
func (o *memoryOptions) profile(server *child) error {
	if o.Profile == "" {
		return nil
	}
	answer, err := http.Get("http://" + server.debug + "/debug/pprof/heap")
	if err != nil {
		return fmt.Errorf("ask for a profile: %w", err)
	}
	defer answer.Body.Close()
	f, err := os.Create(o.Profile)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, answer.Body)
	return errors.Join(err, f.Close())
}
