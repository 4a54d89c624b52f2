package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/evenkeel/evenkeel/internal/node"
)

// recoverVerb is `evenkeel recover`.
type recoverVerb struct {
	Force bool   `name:"force-new-cell" help:"Make a new cell of this node alone."`
	Data  string `name:"data" required:"" placeholder:"DIR" env:"EVENKEEL_DATA" help:"The data directory of the node that is left; no node may run in it."`
	Yes   bool   `name:"yes" short:"y" help:"Do not ask."`
	JSON  bool   `name:"json" help:"Print JSON, for programs."`
}

func (v *recoverVerb) Help() string {
	return "For a cell that has lost more than half of its voters for good. While they may come back, wait for them: nothing is lost then. " +
		"Without --force-new-cell it only says what would be done."
}

// recovered is the JSON form of what a recovery has made, or would make.
type recovered struct {
	Data       string        `json:"data"`
	Cell       string        `json:"cell"`
	Node       string        `json:"node"`
	Entry      uint64        `json:"entry"`
	Chats      int64         `json:"chats_in_desk"`
	Torn       bool          `json:"last_write_torn"`
	Old        string        `json:"old_generation"`
	Wipe       []recoverWipe `json:"wipe"`
	Generation string        `json:"new_generation,omitempty"`
	Aside      string        `json:"old_journal,omitempty"`
}

// recoverWipe is a node that the new cell goes on without.
type recoverWipe struct {
	Node    string `json:"node"`
	Name    string `json:"name"`
	Address string `json:"address"`
}

func (v *recoverVerb) Run(env *environment) (err error) {
	s, err := node.OpenSurvivor(v.Data)
	if err != nil {
		return err
	}
	told := recovered{
		Data: v.Data, Cell: s.Cell, Node: s.Node, Entry: s.Index, Chats: s.Chats, Torn: s.Torn, Old: s.Generation, Wipe: []recoverWipe{},
	}
	for _, n := range s.Others {
		told.Wipe = append(told.Wipe, recoverWipe{n.ID, n.Name, n.Address})
	}
	if len(told.Wipe) == 0 {
		return errors.Join(usageError(fmt.Sprintf("%s is the only node of its cell: there is nothing to recover from; start it with `evenkeel serve --data %s`", s.Node, v.Data)), s.Close())
	}
	if !v.JSON {
		told.warn(env.stdout)
	}
	if !v.Force {
		if v.JSON {
			return errors.Join(json.NewEncoder(env.stdout).Encode(told), s.Close())
		}
		fmt.Fprintln(env.stdout, "\nNothing was changed. To do it: evenkeel recover --force-new-cell --data "+v.Data)
		return s.Close()
	}
	if err := v.confirm(env, s.Node); err != nil {
		return errors.Join(err, s.Close())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	made, err := s.Recover(ctx, rand.Reader)
	if err != nil {
		return err
	}
	told.Generation, told.Aside = made.Generation, made.Aside
	if v.JSON {
		return json.NewEncoder(env.stdout).Encode(told)
	}
	fmt.Fprintf(env.stdout, "\nDone: %s is a cell of its own, generation %s. The old journal is kept in %s.\n", s.Node, made.Generation, made.Aside)
	fmt.Fprintf(env.stdout, "Start it with: evenkeel serve --data %s\nThen let others join as new ones: evenkeel node invite\n", v.Data)
	return nil
}

// warn says in plain words what is at stake.
func (r *recovered) warn(w io.Writer) {
	fmt.Fprintf(w, "The node %s of the cell %s has everything up to entry %d, with %d chats.\n\n", r.Node, r.Cell, r.Entry, r.Chats)
	fmt.Fprintln(w, "Made a cell of its own, it goes on from there, and the others cannot come back to it:")
	fmt.Fprintln(w, "  - What a majority without this node had acknowledged after that is lost: messages, closed")
	fmt.Fprintln(w, "    chats, settings. Nobody can tell how much that is; if this node kept up, little or nothing.")
	fmt.Fprintln(w, "  - What this node had, and nobody had acknowledged yet, counts: a sender who was told of a")
	fmt.Fprintln(w, "    failure may find it done.")
	if r.Torn {
		fmt.Fprintln(w, "  - The last write on this disk was torn and cannot be read: it may have been acknowledged.")
	}
	fmt.Fprintln(w, "  - Clients are told that the history of their channels is gone, and fetch their state.")
	fmt.Fprintln(w, "\nThese nodes must not start again with their data: enough of them would be the old cell, beside")
	fmt.Fprintln(w, "the new one. Set their data directories aside before, then let them join as new nodes:")
	for _, n := range r.Wipe {
		fmt.Fprintf(w, "  %s  %s  %s\n", n.Node, plain(n.Name), plain(n.Address))
	}
}

// confirm asks, where there is somebody to ask.
func (v *recoverVerb) confirm(env *environment, id string) error {
	if v.Yes {
		return nil
	}
	in, ok := env.stdin.(*os.File)
	if v.JSON || !ok || !isTerminal(in) {
		return usageError("there is nobody to ask: say --yes if the other nodes are gone for good")
	}
	fmt.Fprint(env.stderr, "\nAre the other nodes gone for good? Then type "+id+" to go on: ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != id {
		return errDeclined
	}
	return nil
}
