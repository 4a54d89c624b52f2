package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// incidentsVerb is `evenkeel incidents`.
type incidentsVerb struct {
	List incidentsListVerb `cmd:"" default:"withargs" help:"List what the operator should know of, the newest first."`
	End  incidentsEndVerb  `cmd:"" help:"Close an incident that was seen to."`
}

type incidentsListVerb struct {
	cellOptions
	Open bool `name:"open" help:"Only those that are not over."`
}

func (v *incidentsListVerb) Run(env *environment) error {
	return v.talk(func(ctx context.Context, c *client.Client) error {
		query := url.Values{}
		if v.Open {
			query.Set("state", "open")
		}
		incidents := listed[*evenkeel.Incident]{Items: []*evenkeel.Incident{}}
		for i, err := range client.List[*evenkeel.Incident](ctx, c, "/v1/incidents", query) {
			if err != nil {
				return err
			}
			incidents.Items = append(incidents.Items, i)
		}
		if v.JSON {
			return printJSON(env, incidents)
		}
		if len(incidents.Items) == 0 {
			fmt.Fprintln(env.stderr, "There is no incident.")
		}
		for _, i := range incidents.Items {
			printIncident(env, i)
		}
		return nil
	})
}

func printIncident(env *environment, i *evenkeel.Incident) {
	state := "open"
	if i.Closed != 0 {
		state = "closed " + i.Closed.String()
	}
	fmt.Fprintf(env.stdout, "%s  %s  %s", i.ID, i.Severity, i.Kind)
	if i.Subject != "" {
		fmt.Fprintf(env.stdout, " (%s)", plain(i.Subject))
	}
	fmt.Fprintf(env.stdout, "  %s\n  %s\n", state, plain(i.Summary))
	if i.Advice != "" {
		fmt.Fprintf(env.stdout, "  Do: %s\n", plain(i.Advice))
	}
	fmt.Fprintf(env.stdout, "  Opened %s, seen %d times, last %s\n\n", i.Opened, i.Count, i.Last)
}

type incidentsEndVerb struct {
	cellOptions
	ID string `arg:"" help:"The incident's id."`
}

func (v *incidentsEndVerb) Run(env *environment) error {
	return v.talk(func(ctx context.Context, c *client.Client) error {
		if _, err := c.Do(ctx, client.Request{Method: "POST", Path: "/v1/incidents/" + url.PathEscape(v.ID) + "/end"}, nil); err != nil {
			return err
		}
		if v.JSON {
			return printJSON(env, map[string]string{"ended": v.ID})
		}
		fmt.Fprintf(env.stdout, "The incident %s is closed.\n", plain(v.ID))
		return nil
	})
}
