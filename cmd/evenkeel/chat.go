package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// chatVerb is `evenkeel chat`.
type chatVerb struct {
	List chatListVerb `cmd:"" help:"List the live chats, the longest here first."`
	Show chatShowVerb `cmd:"" help:"Print one chat with all that was said; archived ones too."`
	Why  chatWhyVerb  `cmd:"" help:"Say who was considered for a chat, and why it is where it is."`
}

type chatListVerb struct {
	cellOptions
	State    string `name:"state" enum:",queued,offered,active,wrapping,closed" default:"" placeholder:"STATE" help:"Only chats in this state: queued, offered, active, wrapping or closed."`
	Queue    string `name:"queue" placeholder:"ID" help:"Only chats of this queue."`
	Agent    string `name:"agent" placeholder:"ID" help:"Only chats of this agent."`
	Customer string `name:"customer" placeholder:"ID" help:"Only chats of this customer."`
	Limit    int    `name:"limit" default:"0" placeholder:"N" help:"How many at most; 0: all."`
}

// listed is the JSON form of a list.
type listed[T any] struct {
	Items []T `json:"items"`
}

func (v *chatListVerb) Run(env *environment) error {
	if v.Limit < 0 {
		return usageError("--limit must not be below 0")
	}
	filter := evenkeel.ChatFilter{Queue: v.Queue, Agent: v.Agent, Customer: v.Customer}
	if v.State != "" {
		if err := filter.State.UnmarshalText([]byte(v.State)); err != nil {
			return usageError("--state: " + err.Error())
		}
	}
	return v.talk(func(ctx context.Context, c *client.Client) error {
		chats := listed[*evenkeel.Chat]{Items: []*evenkeel.Chat{}}
		for chat, err := range c.Chats(ctx, filter) {
			if err != nil {
				return err
			}
			chats.Items = append(chats.Items, chat)
			if v.Limit > 0 && len(chats.Items) == v.Limit {
				break
			}
		}
		if v.JSON {
			return printJSON(env, chats)
		}
		return printChats(env, chats.Items)
	})
}

func printChats(env *environment, chats []*evenkeel.Chat) error {
	if len(chats) == 0 {
		fmt.Fprintln(env.stderr, "There is no such chat.")
		return nil
	}
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHAT\tSTATE\tQUEUE\tAGENT\tCUSTOMER\tQUEUED\tMESSAGES\tSUBJECT")
	for _, c := range chats {
		agent := "-"
		if c.Agent != nil {
			agent = c.Agent.ID
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", c.ID, c.State, plain(c.Queue), plain(agent), oneLine(c.Customer, 40), c.QueuedAt,
			c.Messages, oneLine(c.Subject, 60))
	}
	return w.Flush()
}

type chatShowVerb struct {
	cellOptions
	Chat string `arg:"" help:"The chat's id."`
}

func (v *chatShowVerb) Run(env *environment) error {
	return v.talk(func(ctx context.Context, c *client.Client) error {
		format := "text"
		if v.JSON {
			format = "json"
		}
		var whole []byte
		r := client.Request{Method: "GET", Path: "/v1/chats/" + url.PathEscape(v.Chat) + "/export", Query: url.Values{"format": {format}}}
		if _, err := c.Do(ctx, r, &whole); err != nil {
			return err
		}
		if v.JSON {
			return printJSON(env, json.RawMessage(whole))
		}
		_, err := fmt.Fprint(env.stdout, plain(string(whole)))
		return err
	})
}

type chatWhyVerb struct {
	cellOptions
	Chat string `arg:"" help:"The chat's id."`
}

func (v *chatWhyVerb) Run(env *environment) error {
	return v.talk(func(ctx context.Context, c *client.Client) error {
		why, err := c.Why(ctx, v.Chat)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(env, why)
		}
		return printWhy(env, why)
	})
}

func printWhy(env *environment, why *evenkeel.Why) error {
	if why.Decided == 0 {
		fmt.Fprintf(env.stdout, "Chat %s waits.\n", why.Chat)
	} else {
		fmt.Fprintf(env.stdout, "Chat %s went to %s at %s.\n", why.Chat, plain(cmp.Or(why.Chosen, "nobody")), why.Decided)
	}
	if len(why.Considered) == 0 {
		fmt.Fprintln(env.stdout, "Nobody was considered.")
		return nil
	}
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AGENT\tRANK\tPASSED OVER")
	for _, a := range why.Considered {
		rank := "-"
		if a.Rank > 0 {
			rank = fmt.Sprint(a.Rank)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", plain(a.Agent), rank, cmp.Or(plain(a.PassedOver), "-"))
	}
	return w.Flush()
}
