package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"evenkeel": main})
}

// TestScripts runs the dialogues of testdata: commands, and what they say.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "freeport": freePort, "ready": ready, "api": api, "truncated": truncated, "voters": voters},
	})
}

// exits CODE PROGRAM [ARG...] runs a program and wants this very exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// freePort VAR sets a variable to a port that nobody listens on.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// ready ADDR waits until a server there is ready.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for callHTTP(ctx, args[0], "GET", "/readyz", "", nil, nil) != nil {
		if ctx.Err() != nil {
			ts.Fatalf("the server at %s is not ready after 20 s", args[0])
		}
		wait(ctx, 5*time.Millisecond)
	}
}

// api METHOD PATH BODY [VAR=FIELD...] calls the node whose data is in data, with
// EVENKEEL_API_KEY or else its own key, and keeps fields of the answer, such as
// chat.id, in variables.
func api(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	options := cellOptions{Data: ts.MkAbs("data"), APIKey: ts.Getenv("EVENKEEL_API_KEY")}
	c, err := options.connect()
	ts.Check(err)
	defer c.Close()
	var answer any
	_, err = c.Do(ctx, client.Request{Method: args[0], Path: args[1], Body: json.RawMessage(args[2])}, &answer)
	ts.Check(err)
	for _, keep := range args[3:] {
		name, path, _ := strings.Cut(keep, "=")
		value := answer
		for part := range strings.SplitSeq(path, ".") {
			object, ok := value.(map[string]any)
			if !ok {
				ts.Fatalf("the answer %v has no field %s", answer, path)
			}
			value = object[part]
		}
		ts.Setenv(name, fmt.Sprint(value))
	}
}

// voters N waits until the cell of the node whose data is in data has so many.
func voters(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	options := cellOptions{Data: ts.MkAbs("data")}
	c, err := options.connect()
	ts.Check(err)
	defer c.Close()
	ts.Check(waitUntil(ctx, 20*time.Millisecond, 20*time.Second, "not so many voters", func() (bool, error) {
		cell, err := c.Cell(ctx)
		return err == nil && strconv.Itoa(cell.Voters) == args[0] && cell.State == "healthy", err
	}))
}

// TestIncidentIsTold: what a person reads of an incident.
func TestIncidentIsTold(t *testing.T) {
	var out strings.Builder
	printIncident(&environment{stdout: &out}, &evenkeel.Incident{
		ID: "i3", Kind: evenkeel.IncidentDiskLow, Subject: "n1", Severity: evenkeel.SeverityWarning, Summary: "2 % of the disk are free.",
		Advice: "Make room.", Opened: 0, Last: 60000, Count: 2,
	})
	want := "i3  warning  disk_low (n1)  open\n  2 % of the disk are free.\n  Do: Make room.\n" +
		"  Opened 1970-01-01T00:00:00.000Z, seen 2 times, last 1970-01-01T00:01:00.000Z\n\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// truncated FILE COPY makes a copy of a file that lacks its end.
func truncated(ts *testscript.TestScript, _ bool, args []string) {
	content := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(content[:len(content)-10]), 0o600))
}
