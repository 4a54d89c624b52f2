package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/evenkeel/evenkeel/client"
)

// nodeVerb is `evenkeel node`: the machines of a cell.
type nodeVerb struct {
	Invite  nodeInviteVerb `cmd:"" help:"Print a token by which one more machine may join."`
	List    nodeListVerb   `cmd:"" help:"List the nodes of the cell."`
	Drain   nodeDrainVerb  `cmd:"" help:"Take a node out of service: it leads no more and takes no new clients."`
	Undrain nodeBackVerb   `cmd:"" help:"Take a drained node back into service."`
	Remove  nodeRemoveVerb `cmd:"" help:"End a node's membership for good."`
}

type nodeInviteVerb struct {
	cellOptions
	Life time.Duration `name:"life" default:"1h" help:"How long the token is good; at most 7 days."`
}

func (v *nodeInviteVerb) Run(env *environment) error {
	return v.talk(func(ctx context.Context, c *client.Client) error {
		invitation, err := c.InviteNode(ctx, v.Life)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(env, invitation)
		}
		fmt.Fprintf(env.stdout, "Run this on the new machine; it works once, until %s:\n\n  %s\n", invitation.Expires, invitation.Command)
		return nil
	})
}

type nodeListVerb struct{ cellOptions }

func (v *nodeListVerb) Run(env *environment) error {
	return v.talk(func(ctx context.Context, c *client.Client) error {
		cell, err := c.Cell(ctx)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(env, cell)
		}
		w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NODE\tNAME\tSTATE\tVOTES\tLAG\tSESSIONS\tVERSION\tURL")
		for _, n := range cell.Nodes {
			votes := n.Suffrage
			if n.ID == cell.Leader {
				votes += ", leads"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", n.ID, plain(n.Name), n.State, votes, n.Lag, n.Sessions, plain(n.Version), plain(n.URL))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(env.stdout, "\nThe cell is %s: %s\n", cell.State, tolerance(cell))
		return nil
	})
}

// tolerance says what the cell survives, and what would make it better.
func tolerance(cell *client.Cell) string {
	switch {
	case cell.Voters == 1:
		return "one machine, which stops when it stops; two more make a cell that survives the loss of any."
	case cell.Voters == 2:
		return "two machines stop when either stops; add a third."
	case cell.Tolerates == 1:
		return fmt.Sprintf("%d voters; one of them may be lost.", cell.Voters)
	}
	return fmt.Sprintf("%d voters; %d of them may be lost at a time.", cell.Voters, cell.Tolerates)
}

type nodeDrainVerb struct {
	cellOptions
	Node    string        `arg:"" help:"The node's id, such as n2."`
	Timeout time.Duration `name:"timeout" default:"2m" placeholder:"TIME" help:"How long its clients may take to leave; 0: do not wait."`
}

func (v *nodeDrainVerb) Run(env *environment) error {
	if v.Timeout < 0 {
		return usageError("--timeout must not be below 0")
	}
	return v.talk(func(ctx context.Context, c *client.Client) error {
		path := "/v1/cell/nodes/" + url.PathEscape(v.Node) + "/drain"
		if _, err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: path}, nil); err != nil {
			return err
		}
		left, leads, err := v.wait(ctx, env, c)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(env, map[string]any{"node": v.Node, "done": "drain", "clients": left, "leads": leads})
		}
		text := fmt.Sprintf("The node %s is out of service: it leads no more and has %d clients.", plain(v.Node), left)
		switch {
		case leads:
			text = fmt.Sprintf("The node %s takes no new clients and has %d; it still leads, for no other node can.", plain(v.Node), left)
		case left == 0:
			text = fmt.Sprintf("The node %s is out of service: it leads no more and has no clients. It may be stopped.", plain(v.Node))
		}
		fmt.Fprintln(env.stdout, text)
		return nil
	})
}

// wait shows how the node empties, until it is empty or time is over.
func (v *nodeDrainVerb) wait(ctx context.Context, env *environment, c *client.Client) (left int64, leads bool, err error) {
	err = waitUntil(ctx, 200*time.Millisecond, v.Timeout, "", func() (bool, error) {
		cell, err := c.Cell(ctx)
		if err != nil {
			return false, err
		}
		for _, n := range cell.Nodes {
			if n.ID == v.Node {
				left, leads = n.Sessions, cell.Leader == n.ID
			}
		}
		progress(env, v.JSON, fmt.Sprintf("%d clients left ...", left))
		return left == 0 && !leads, nil
	})
	progress(env, v.JSON, "")
	return left, leads, err
}

type nodeBackVerb struct {
	cellOptions
	Node string `arg:"" help:"The node's id, such as n2."`
}

func (v *nodeBackVerb) Run(env *environment) error {
	return v.act(env, v.Node, "undrain", "is in service again")
}

type nodeRemoveVerb struct {
	cellOptions
	Node string `arg:"" help:"The node's id, such as n2."`
}

func (v *nodeRemoveVerb) Run(env *environment) error {
	return v.act(env, v.Node, "remove", "is no member of the cell any more")
}

// act asks for something to be done with a node.
func (o *cellOptions) act(env *environment, node, what, done string) error {
	return o.talk(func(ctx context.Context, c *client.Client) error {
		path := "/v1/cell/nodes/" + url.PathEscape(node) + "/" + what
		if _, err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: path}, nil); err != nil {
			return err
		}
		if o.JSON {
			return printJSON(env, map[string]string{"node": node, "done": what})
		}
		fmt.Fprintf(env.stdout, "The node %s %s.\n", plain(node), done)
		return nil
	})
}
