package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// stage is what the demo's people play on, and what is done to it.
type stage struct {
	*fleet
	door   *door // nil: a single node, which has the demo's address itself
	url    string
	probes []*probe
	stop   func() // ends the probes
	town   *demoTown
	out    *curtain
	tasks  sync.WaitGroup
}

// raise starts the nodes, and what is before them at an address.
func raise(ctx context.Context, address string, cfg fleetConfig) (*stage, error) {
	s := &stage{stop: func() {}}
	cfg.http = "127.0.0.1:0"
	if cfg.nodes == 1 {
		cfg.http = address
		var err error
		if s.fleet, err = startFleet(ctx, cfg); err == nil {
			s.url = s.nodes[0].url
		}
		return s, err
	}
	l, err := listenDoor(ctx, address)
	if err != nil {
		return nil, err
	}
	if cfg.site == nil {
		_, err = freeAt(sourceOf(1).String()) // not all systems have these addresses
		cfg.cables = err == nil
	}
	if s.fleet, err = startFleet(ctx, cfg); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.door = openDoor(s.fleet, l)
	s.url = s.door.url()
	probes, stop, err := s.fleet.probes(ctx, s.url)
	if err != nil {
		return nil, errors.Join(err, s.lower())
	}
	s.probes, s.stop = probes, stop
	return s, nil
}

// lower ends it all.
func (s *stage) lower() error {
	s.stop()
	s.tasks.Wait()
	var err error
	if s.door != nil {
		err = s.door.close()
	}
	return errors.Join(err, s.fleet.stop())
}

// curtain is what is printed on: lines, and one that changes all the time.
type curtain struct {
	mu   sync.Mutex
	to   io.Writer
	live bool // the last line is replaced
	json bool
}

// line prints a line that stays.
func (c *curtain) line(text string) {
	if c.json {
		_ = c.object(map[string]string{"text": strings.TrimSpace(text)}) // whoever reads has gone: the summary fails as well
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live {
		text = "\r\033[K" + text
	}
	fmt.Fprintln(c.to, text)
}

// now replaces the last line.
func (c *curtain) now(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprint(c.to, "\r\033[K"+text)
}

// object prints a line of JSON.
func (c *curtain) object(v any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.NewEncoder(c.to).Encode(v)
}

// demoEvent is what was done to a node, and what was felt.
type demoEvent struct {
	Did    string   `json:"did"`
	Node   string   `json:"node,omitempty"`
	Led    bool     `json:"led,omitempty"`
	Paused *float64 `json:"writes_paused_ms,omitempty"` // at the other nodes
	Lost   *int     `json:"clients_lost,omitempty"`     // connections that ended
	Back   *float64 `json:"last_client_back_ms,omitempty"`
	Error  string   `json:"error,omitempty"`
}

func (e *demoEvent) String() string {
	text := "  " + e.Did
	if e.Node != "" {
		text += " " + e.Node
	}
	if e.Led {
		text += ", which led"
	}
	switch {
	case e.Error != "":
		text += ": " + e.Error
	case e.Paused != nil:
		text += fmt.Sprintf(": the other nodes took no writes for %.0f ms", *e.Paused)
	}
	switch {
	case e.Lost != nil && *e.Lost == 0:
		text += ": no client lost its connection"
	case e.Lost != nil && e.Back != nil:
		text += fmt.Sprintf(": %d clients lost their connection; the last was back after %.1f s", *e.Lost, *e.Back/1000)
	case e.Lost != nil:
		text += fmt.Sprintf(": %d clients lost their connection, and some are not back", *e.Lost)
	}
	return text
}

func (c *curtain) event(e *demoEvent) {
	if c.json {
		_ = c.object(e) // whoever reads has gone: the summary fails as well
		return
	}
	c.line(e.String())
}

const stageHelp = "  kill N, freeze N, cut N, drain N; start N brings it back. N is 1, 2, ... or leader. why tells what the cell has seen and done; quit ends the demo."

// obey reads what is to be done until there is no more.
func (s *stage) obey(ctx context.Context, from io.Reader, quit func()) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0:
		case words[0] == "quit" || words[0] == "exit":
			quit()
			return
		case words[0] == "why":
			s.why(ctx)
		case len(words) == 2 && strings.Contains(" kill freeze cut drain start ", " "+words[0]+" "):
			s.do(ctx, words[0], words[1])
		default:
			s.out.line(stageHelp)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// named finds a node by what people call it.
func (s *stage) named(ctx context.Context, name string) (*fleetNode, error) {
	if name == "leader" {
		if n := s.leader(ctx); n != nil {
			return n, nil
		}
		return nil, errors.New("there is no leader at the moment")
	}
	number, err := strconv.Atoi(strings.TrimPrefix(name, "n"))
	if err != nil || number < 1 || number > len(s.nodes) {
		return nil, fmt.Errorf("there is no node %s: there are 1 to %d", name, len(s.nodes))
	}
	return s.nodes[number-1], nil
}

var didWords = map[string]string{"kill": "killed", "freeze": "froze", "cut": "cut off", "drain": "drained", "start": "started"}

// do does something to a node and tells what was felt.
func (s *stage) do(ctx context.Context, what, name string) {
	e := &demoEvent{Did: what, Node: name}
	n, err := s.named(ctx, name)
	if err == nil {
		leader := s.leader(ctx)
		e.Did, e.Node, e.Led = didWords[what], n.id(), leader == n && what != "start"
		began := time.Now()
		s.town.roll.mark()
		switch what {
		case "start":
			err = s.bringBack(ctx, n)
		case "drain":
			err = s.drain(ctx, n, true)
		default:
			err = n.suffer(what)
		}
		if err == nil {
			s.tasks.Go(func() { s.report(ctx, e, n, what, began) })
			return
		}
	}
	e.Error = err.Error()
	s.out.event(e)
}

// bringBack ends all that was done to a node.
func (s *stage) bringBack(ctx context.Context, n *fleetNode) error {
	if !n.running() {
		return n.start(ctx)
	}
	err := n.setFrozen(false)
	if n.cable != nil {
		err = errors.Join(err, n.setCut(false))
	}
	return errors.Join(err, s.drain(ctx, n, false))
}

// drain takes a node out of service, or back.
func (s *stage) drain(ctx context.Context, n *fleetNode, yes bool) error {
	what := "/undrain"
	if yes {
		what = "/drain"
	}
	admin, err := client.New(client.Config{URL: s.url, Token: s.admin.Token()})
	if err != nil {
		return err
	}
	defer admin.Close()
	_, err = admin.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/cell/nodes/" + n.id() + what}, nil)
	return err
}

// How long it may take clients to find out that their node is gone, without a word
// or with a broken connection, and to be back.
const (
	clientsNotice = 20 * time.Second
	killNotice    = 3 * time.Second
)

// report tells when writes went on, and later when the last client was back.
func (s *stage) report(ctx context.Context, e *demoEvent, n *fleetNode, what string, began time.Time) {
	if len(s.probes) == 0 || what == "start" {
		s.out.event(e)
		return
	}
	var back []<-chan time.Time
	for _, p := range s.probes {
		if p.node != n && p.node.serves() {
			back = append(back, p.after(began))
		}
	}
	late, longest := time.After(mostOutage), time.Duration(0)
	for _, came := range back {
		select {
		case at := <-came:
			longest = max(longest, at.Sub(began))
		case <-late:
			e.Error = "nothing can be written since " + mostOutage.String()
		case <-ctx.Done():
			return
		}
	}
	if e.Error == "" && len(back) > 0 {
		paused := ms(longest)
		e.Paused = &paused
	}
	s.out.event(e)
	notice := clientsNotice
	if what == "kill" {
		notice = killNotice
	}
	if !nap(ctx, notice) {
		return
	}
	lost, away, last := s.town.roll.since()
	clients := &demoEvent{Did: lostBy[what], Node: e.Node, Lost: &lost}
	if away == 0 && lost > 0 {
		took := ms(last.Sub(began))
		clients.Back = &took
	}
	s.out.event(clients)
}

const incidentsShown = 8

// why prints how the nodes stand, and what the cell's incident log says.
func (s *stage) why(ctx context.Context) {
	admin, err := client.New(client.Config{URL: s.url, Token: s.admin.Token()})
	if err == nil {
		defer admin.Close()
		var cell *client.Cell
		if cell, err = admin.Cell(ctx); err == nil {
			for _, n := range cell.Nodes {
				text := fmt.Sprintf("  %s %s, %s, %d clients", n.ID, n.State, n.Suffrage, n.Sessions)
				if n.ID == cell.Leader {
					text += ", leads"
				}
				s.out.line(text)
			}
			s.out.line(fmt.Sprintf("  The cell is %s: %s", cell.State, tolerance(cell)))
		}
	}
	if err == nil {
		n := 0
		for i, failed := range client.List[*evenkeel.Incident](ctx, admin, "/v1/incidents", nil) {
			if err = failed; err != nil || n == incidentsShown {
				break
			}
			n++
			state := "open"
			if i.Closed != 0 {
				state = "over"
			}
			s.out.line(fmt.Sprintf("  %s, %s, %s: %s", i.Last, i.Severity, state, plain(i.Summary)))
		}
		if err == nil && n == 0 {
			s.out.line("  It knows of no incident.")
		}
	}
	if err != nil {
		s.out.line("  the cell cannot be asked: " + err.Error())
	}
}

// roll knows which of the people are connected.
type roll struct {
	mu   sync.Mutex
	away int       // lost their connection and are not back
	lost int       // since mark
	back time.Time // when the last came back

	longest time.Duration // that one was away
}

// caller returns what is to be told of one client's states.
func (r *roll) caller() func(client.State, error) {
	was, away := false, false
	var left time.Time
	return func(s client.State, _ error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case s == client.Connecting && was && !away:
			away, left = true, time.Now()
			r.away++
			r.lost++
		case s != client.Connecting && away:
			away = false
			r.away--
			r.back = time.Now()
			r.longest = max(r.longest, r.back.Sub(left))
		}
		was = was || s == client.Connected
	}
}

func (r *roll) mark() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = 0
}

func (r *roll) since() (lost, away int, back time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost, r.away, r.back
}

// ended is an error if a node has ended by itself.
func (s *stage) ended() error {
	for _, n := range s.nodes {
		if !n.running() && !n.killed.Load() {
			n.killed.Store(true) // told once
			return fmt.Errorf("node %d has ended: %s", n.number, n.log.String())
		}
	}
	return nil
}
