// Command evenkeel is the whole product in one binary. Each verb is one file of
// this package; what a verb does is done by internal/node and its parts.
//
// Exit codes: 0 success; 1 failure (trying again may help); 2 usage (the command
// line or the configuration is wrong: trying again will not help).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/evenkeel/evenkeel/internal/node"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// verbs is the grammar of the command line.
type verbs struct {
	Serve     serveVerb     `cmd:"" help:"Run a node: alone, it is a cell of one."`
	Config    configVerb    `cmd:"" help:"Check the configuration, or print its defaults."`
	Apply     applyVerb     `cmd:"" help:"Make a cell as a file says: queues, agents, keys; the differences first."`
	Chat      chatVerb      `cmd:"" help:"Look at chats: list them, read one, see why it is where it is."`
	Incidents incidentsVerb `cmd:"" help:"List what went wrong, with what to do; close what was seen to."`
	Node      nodeVerb      `cmd:"" help:"Invite, list, drain and remove the machines of a cell."`
	Backup    backupVerb    `cmd:"" help:"Write the whole cell into one file while it runs."`
	Restore   restoreVerb   `cmd:"" help:"Make a data directory of a backup."`
	Recover   recoverVerb   `cmd:"" help:"Make a new cell of the last node that is left of one."`
	Demo      demoVerb      `cmd:"" help:"See it alive: a node with made-up customers and agents, and you."`
	Bench     benchVerb     `cmd:"" help:"Measure this machine, or a cell."`
	Version   versionVerb   `cmd:"" help:"Print which version this is."`
}

// environment is what a verb has of the world outside.
type environment struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(string) (string, bool)
}

func main() {
	os.Exit(run(os.Args[1:], &environment{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.LookupEnv}))
}

func run(args []string, env *environment) int {
	var grammar verbs
	parser, err := kong.New(&grammar,
		kong.Name("evenkeel"),
		kong.Description("Customer chat that stays up: one binary, one machine or nine."),
		kong.Writers(env.stdout, env.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ValueFormatter(helpText),
		kong.Bind(env),
	)
	if err != nil {
		fmt.Fprintf(env.stderr, "evenkeel: the grammar of the command line is broken: %v\n", err)
		return exitFailure
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(env.stderr, "evenkeel: %v\n", err)
		fmt.Fprintln(env.stderr, "evenkeel --help lists the verbs, evenkeel VERB --help the options of one.")
		return exitUsage
	}
	return exitCode(env, ctx.Run())
}

// exitCode tells the error and turns it into a code.
func exitCode(env *environment, err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(env.stderr, "evenkeel: %v\n", err)
	var config *node.ConfigError
	var usage usageError
	if errors.As(err, &config) || errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// usageError is a mistake on the command line that the grammar cannot find.
type usageError string

func (e usageError) Error() string { return string(e) }

// helpText says an option's default behind its help.
func helpText(v *kong.Value) string {
	if v.HasDefault && v.Default != "" {
		return v.Help + " Default: " + v.Default + "."
	}
	return v.Help
}
