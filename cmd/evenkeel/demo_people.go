package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// demoTown is where the demo's people live.
type demoTown struct {
	url     string
	seed    uint64
	pace    float64
	agents  []client.Credentials
	figures *figures
	roll    roll

	remember time.Duration // how long customers are, after their chats; 0: as by default
}

// demoPerson is what customers and agents have in common.
type demoPerson struct {
	*demoTown
	rng *rand.Rand
}

func (t *demoTown) person(n uint64) demoPerson {
	return demoPerson{demoTown: t, rng: rand.New(rand.NewPCG(t.seed, n))}
}

// some is a time that is random as the gaps of a Poisson process are: mean
// seconds on average, at the demo's pace.
func (p *demoPerson) some(mean float64) time.Duration {
	return time.Duration(p.rng.ExpFloat64() * mean / p.pace * float64(time.Second))
}

func (p *demoPerson) one(of []string) string { return of[p.rng.IntN(len(of))] }

// nap waits; false: it is time to go.
func nap(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ending bounds what people still do after it is time: customers hear their
// chats out, then agents go.
const ending = 10 * time.Second

// people starts everybody. leave, called when it is time, sends the agents home
// once the customers have gone.
func (t *demoTown) people(ctx context.Context, all *sync.WaitGroup, customers int) (leave func()) {
	shop, closing := context.WithCancel(context.Background())
	for i, who := range t.agents {
		p := t.person(uint64(1 + i))
		all.Go(func() { t.figures.failed(p.agent(shop, who)) })
	}
	free := make(chan int, customers)
	for i := range customers {
		free <- i
	}
	var visits sync.WaitGroup
	all.Go(func() { t.arrivals(ctx, shop, &visits, free) })
	return func() {
		done := make(chan struct{})
		go func() { visits.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(2 * ending):
		}
		closing()
	}
}

// arrivals is a Poisson process: the gap to the next customer is exponential
// and depends on nothing. Nobody comes while all of them are there already.
func (t *demoTown) arrivals(ctx, shop context.Context, visits *sync.WaitGroup, free chan int) {
	p := t.person(0)
	const stay = 25 // seconds that a visit takes, about
	for n := uint64(0); nap(ctx, p.some(stay/float64(cap(free)))); n++ {
		select {
		case i := <-free:
			c := t.person(1<<32 + n)
			visits.Go(func() {
				t.figures.failed(c.visit(ctx, shop))
				free <- i
			})
		default:
		}
	}
}

// visit is one customer's chat from start to end.
func (p *demoPerson) visit(ctx, shop context.Context) error {
	web, err := client.New(client.Config{URL: p.url})
	if err != nil {
		return err
	}
	defer web.Close()
	v, err := web.Visitor(shop, client.ConnConfig{OnState: p.roll.caller()})
	if err != nil {
		return ignoreEnd(shop, err)
	}
	defer v.Close()
	c := &demoCustomer{demoPerson: *p, v: v, sent: map[string]time.Time{}}
	return ignoreEnd(shop, c.chat(ctx, shop))
}

// ignoreEnd takes errors for none that come of everybody going home.
func ignoreEnd(ctx context.Context, err error) error {
	if atHome := ctx.Err() != nil || errors.Is(err, client.ErrClosed); !atHome {
		return err
	}
	return nil
}

// demoCustomer is one visit.
type demoCustomer struct {
	demoPerson
	v     *client.Visitor
	id    string // of the chat
	ear   *ear
	over  bool // the chat's own channel said so: nothing more is said there
	shut  bool // the chat is over for all that is known
	agent bool // somebody answered
	sent  map[string]time.Time
}

func (c *demoCustomer) chat(ctx, shop context.Context) error {
	began := time.Now()
	text := c.one(openings)
	queue := demoQueues[min(c.rng.IntN(4)/3, 1)]
	started, err := c.v.Start(shop, client.ChatStart{Queue: queue, Name: c.one(customerNames), Message: text})
	if err != nil {
		return fmt.Errorf("start a chat: %w", err)
	}
	c.id = started.Chat.ID
	c.ear = c.figures.began(c.id, text, began)
	defer c.figures.ended(c.id)
	if !c.wait(ctx, shop, began) {
		c.hearOut(shop)
		return nil
	}
	for turns := 2 + c.rng.IntN(5); turns > 0 && !c.shut && ctx.Err() == nil; turns-- {
		if err := c.listen(ctx, c.some(4)); err != nil {
			return err
		}
		if c.shut {
			break
		}
		if err := c.say(shop, c.one(questions)); err != nil {
			return err
		}
	}
	if !c.shut {
		if err := c.say(shop, c.one(goodbyes)); err != nil {
			return err
		}
		if _, err := c.v.CloseChat(shop, c.id); err != nil && evenkeel.ErrorCode(err) != evenkeel.CodeChatClosed {
			return fmt.Errorf("close a chat: %w", err)
		}
	}
	c.hearOut(shop)
	if c.rng.IntN(10) < 6 {
		score := int64(5 - min(int(c.rng.ExpFloat64()), 4))
		if _, err := c.v.Rate(shop, c.id, evenkeel.Rating{Score: score}); err != nil {
			return fmt.Errorf("rate a chat: %w", err)
		}
		c.figures.rated(score)
	}
	return nil
}

// wait waits for an agent; false: the customer gave up.
func (c *demoCustomer) wait(ctx, shop context.Context, began time.Time) bool {
	patience, cancel := context.WithTimeout(ctx, c.some(60)+time.Duration(float64(5*time.Second)/c.pace))
	defer cancel()
	for !c.agent && !c.shut {
		u, err := c.v.Next(patience)
		if err != nil {
			_, err := c.v.CloseChat(shop, c.id)
			if err == nil && ctx.Err() == nil { // at the end of it all everybody goes
				c.figures.abandoned()
			}
			return false
		}
		c.hear(&u)
	}
	c.figures.answered(c.id, time.Since(began))
	return true
}

// listen takes what comes for a while.
func (c *demoCustomer) listen(ctx context.Context, d time.Duration) error {
	within, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for !c.shut {
		u, err := c.v.Next(within)
		if err != nil && within.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		c.hear(&u)
	}
	return nil
}

func (c *demoCustomer) hear(u *client.Update) {
	switch {
	case u.ChatID != c.id:
	case u.Kind == "message":
		c.figures.heard(c.ear, u.Message)
	case u.Type == evenkeel.PubState:
		_, kind, _, _ := evenkeel.ParseChannel(u.Channel)
		c.agent = c.agent || u.Chat.State == evenkeel.ChatActive
		c.shut = c.shut || u.Chat.State.Over()
		c.over = c.over || u.Chat.State.Over() && kind == evenkeel.ChannelChat
	}
}

// hearOut takes all up to the chat's end, and what is still missing of all that
// was acknowledged. What the agent has said before the end may be acknowledged
// to him only now.
func (c *demoCustomer) hearOut(shop context.Context) {
	within, cancel := context.WithTimeout(shop, ending)
	defer cancel()
	for !c.over || !c.figures.complete(c.ear) {
		u, err := c.v.Next(within)
		if err != nil {
			return // what was not heard counts as lost
		}
		c.hear(&u)
	}
}

func (c *demoCustomer) say(ctx context.Context, text string) error {
	err := c.figures.say(ctx, c.v.Talk, c.id, fmt.Sprintf("%s (%s)", text, client.NewID()[:6]))
	if evenkeel.ErrorCode(err) == evenkeel.CodeChatClosed {
		c.shut = true
		return nil
	}
	return err
}

// agent works until the shop closes.
func (p *demoPerson) agent(shop context.Context, who client.Credentials) error {
	c, err := client.New(client.Config{URL: p.url})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Login(shop, who); err != nil {
		return ignoreEnd(shop, err)
	}
	a, err := c.Agent(shop, client.ConnConfig{OnState: p.roll.caller()})
	if err != nil {
		return ignoreEnd(shop, err)
	}
	defer a.Close()
	if err := a.SetStatus(shop, evenkeel.StatusOnline, ""); err != nil {
		return ignoreEnd(shop, err)
	}
	var hands sync.WaitGroup // what the agent does at once, in several chats
	defer hands.Wait()
	for {
		u, err := a.Next(shop)
		if err != nil {
			return ignoreEnd(shop, err)
		}
		if u.Type == evenkeel.PubAssigned || u.Type == evenkeel.PubUnassigned {
			p.figures.owns(who.Email, u.ChatID, u.Type == evenkeel.PubAssigned)
		}
		thinks, chance, text := p.some(1), p.rng.IntN(100), p.one(answers)
		hands.Go(func() {
			if nap(shop, thinks) {
				p.figures.failed(ignoreEnd(shop, p.react(shop, a, &u, chance, text)))
			}
		})
	}
}

// react does what an agent does about one update.
func (p *demoPerson) react(shop context.Context, a *client.Agent, u *client.Update, chance int, text string) error {
	var err error
	switch {
	case u.Type == evenkeel.PubOffer && chance < 4:
		err = a.Decline(shop, u.ChatID, u.Offer)
	case u.Type == evenkeel.PubOffer:
		_, err = a.Accept(shop, u.ChatID, u.Offer)
	case u.Kind == "message" && u.Message.Author.Kind == evenkeel.AuthorCustomer && u.Message.Number > 2 && chance < 4:
		if err = a.TransferToQueue(shop, u.ChatID, demoQueues[1], "please have a look"); err == nil {
			p.figures.transferred()
		}
	case u.Kind == "message" && u.Message.Author.Kind == evenkeel.AuthorCustomer:
		err = p.figures.say(shop, a.Talk, u.ChatID, fmt.Sprintf("%s (%s)", text, client.NewID()[:6]))
	case u.Type == evenkeel.PubUnassigned && u.Reason == evenkeel.EndClosed && chance < 80:
		_, err = a.WrapUp(shop, u.ChatID, client.Wrapup{Notes: "done", Done: true})
	}
	switch evenkeel.ErrorCode(err) {
	case evenkeel.CodeOfferExpired, evenkeel.CodeNotYourOffer, evenkeel.CodeChatClosed, evenkeel.CodeNotFound, evenkeel.CodeConflict, evenkeel.CodeForbidden:
		return nil // somebody was faster, or the customer has gone
	}
	return err
}
