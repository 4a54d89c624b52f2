package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/client"
)

// applyVerb is `evenkeel apply`: the cell becomes as a file says.
type applyVerb struct {
	cellOptions
	File   string `name:"file" short:"f" required:"" placeholder:"FILE" help:"The file, YAML; - is standard input."`
	Yes    bool   `name:"yes" short:"y" help:"Do not ask."`
	DryRun bool   `name:"dry-run" help:"Show what would be changed, and change nothing."`
	Prune  bool   `name:"prune" help:"Delete what is in the cell and not in the file, of the kinds that the file has."`
}

// passwordPatience is how long the comparing of a password waits for its turn.
const passwordPatience = 2 * time.Minute

func (v *applyVerb) Help() string {
	return "It shows the differences first, asks, and then makes the cell as the file says. What a queue, an agent or a key of the " +
		"file leaves out has its default; a kind that is not in the file stays as it is; a password or key that is not in the " +
		"file stays. Run again it has nothing to do. See docs/cli.md."
}

// applied is the JSON form of what was found and done.
type applied struct {
	Changes []*change         `json:"changes"`
	DryRun  bool              `json:"dry_run"`
	Done    int               `json:"done"`
	Keys    map[string]string `json:"keys,omitempty"` // that the cell made: shown this once
	Error   string            `json:"error,omitempty"`
}

func (v *applyVerb) Run(env *environment) error {
	file, wanted, err := readWanted(v.File, env.stdin)
	if err != nil {
		return err
	}
	return v.talk(func(ctx context.Context, c *client.Client) error {
		p, err := makePlan(ctx, file, c, wanted, v.Prune)
		if err != nil {
			return err
		}
		if !v.JSON {
			p.show(env)
		}
		if len(p.changes) > 0 && !v.DryRun {
			if err = v.confirm(env); err == nil {
				err = p.carryOut(ctx)
			}
		}
		if v.JSON {
			return errors.Join(err, p.report(env, v.DryRun, err))
		}
		for _, id := range sortedKeys(p.made) {
			fmt.Fprintf(env.stdout, "The key of %s, shown this once: %s\n", id, p.made[id])
		}
		if err == nil && len(p.changes) > 0 && !v.DryRun {
			fmt.Fprintf(env.stdout, "Done: %s.\n", count(len(p.changes)))
		}
		return err
	})
}

// errDeclined: whoever was asked said no.
var errDeclined = errors.New("nothing was changed")

// confirm asks, where there is somebody to ask.
func (v *applyVerb) confirm(env *environment) error {
	if v.Yes {
		return nil
	}
	in, ok := env.stdin.(*os.File)
	if v.File == "-" || !ok || !isTerminal(in) {
		return usageError("there is nobody to ask: say --yes to make these changes, or --dry-run to see them only")
	}
	fmt.Fprint(env.stderr, "Make these changes? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errDeclined
	}
	return nil
}

// show prints the differences.
func (p *plan) show(env *environment) {
	if len(p.changes) == 0 {
		fmt.Fprintln(env.stdout, "Nothing to do: the cell is as the file says.")
		return
	}
	signs := map[string]string{"create": "+", "update": "~", "delete": "-"}
	for _, c := range p.changes {
		fmt.Fprintf(env.stdout, "%s %s\n", signs[c.Op], c.name())
		for _, f := range c.Fields {
			switch {
			case f.Secret && c.Op == "create":
				fmt.Fprintf(env.stdout, "    %s: (secret)\n", f.Field)
			case f.Secret:
				fmt.Fprintf(env.stdout, "    %s: (secret, changed)\n", f.Field)
			case c.Op == "create":
				fmt.Fprintf(env.stdout, "    %s: %s\n", f.Field, shown(f.To))
			default:
				fmt.Fprintf(env.stdout, "    %s: %s -> %s\n", f.Field, shown(f.From), shown(f.To))
			}
		}
	}
	fmt.Fprintln(env.stdout)
}

// shown is a value in the list of differences.
func shown(text string) string {
	if text == "" {
		return "(none)"
	}
	return oneLine(text, 200)
}

// carryOut makes the changes in their order, and says how far it came if one
// fails.
func (p *plan) carryOut(ctx context.Context) error {
	for i, c := range p.changes {
		if err := c.do(ctx); err != nil {
			done := "nothing was changed"
			if i > 0 {
				names := make([]string, i)
				for j, before := range p.changes[:i] {
					names[j] = before.name()
				}
				done = fmt.Sprintf("%s of %d done before it (%s)", count(i), len(p.changes), strings.Join(names, ", "))
			}
			return fmt.Errorf("%s %s: %w; %s. Mend it and run this again: what is done is not done twice", c.Op, c.name(), err, done)
		}
		c.Done = true
	}
	return nil
}

func count(n int) string {
	if n == 1 {
		return "1 change"
	}
	return fmt.Sprintf("%d changes", n)
}

// report prints the JSON form.
func (p *plan) report(env *environment, dry bool, err error) error {
	r := applied{Changes: p.changes, DryRun: dry, Keys: p.made}
	if r.Changes == nil {
		r.Changes = []*change{}
	}
	for _, c := range p.changes {
		if c.Done {
			r.Done++
		}
	}
	if err != nil {
		r.Error = err.Error()
	}
	return printJSON(env, r)
}
