package client_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/node"
)

// startCell runs a node of its own for an example. It returns its address and a
// client of its admin.
func startCell(ctx context.Context) (url string, admin *client.Client, stop func()) {
	dir, err := os.MkdirTemp("", "evenkeel-example-")
	if err != nil {
		log.Fatal(err)
	}
	cfg := node.DefaultConfig()
	cfg.Data, cfg.HTTP, cfg.SegmentSize = filepath.Join(dir, "data"), "127.0.0.1:0", 1<<20
	n, err := node.Start(ctx, cfg, node.Host{
		Version: "example", Random: rand.Reader, AdminPassword: "correct horse", PasswordCost: auth.Cost{Memory: 8, Passes: 1, Threads: 1},
	})
	if err != nil {
		log.Fatal(err)
	}
	if admin, err = client.New(client.Config{URL: "http://" + n.Addr().String()}); err != nil {
		log.Fatal(err)
	}
	if _, err := admin.Login(ctx, client.Credentials{Email: "admin@localhost", Password: "correct horse"}); err != nil {
		log.Fatal(err)
	}
	return admin.URL(), admin, func() {
		admin.Close()
		within, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := n.Stop(within); err != nil {
			log.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			log.Fatal(err)
		}
	}
}

// An admin sets up a queue and a key for a service, over HTTP.
func ExampleClient() {
	ctx := context.Background()
	url, admin, stop := startCell(ctx)
	defer stop()

	sales := evenkeel.NewQueue("sales")
	sales.OfferTimeout = 15 * evenkeel.Second
	if _, err := admin.PutQueue(ctx, sales); err != nil {
		log.Fatal(err)
	}
	key, err := admin.PutAPIKey(ctx, evenkeel.APIKey{ID: "shop"}, "")
	if err != nil {
		log.Fatal(err)
	}

	shop, err := client.New(client.Config{URL: url, APIKey: key.Key})
	if err != nil {
		log.Fatal(err)
	}
	defer shop.Close()
	for queue, err := range shop.Queues(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(queue.ID, queue.OfferTimeout)
	}
	// Output:
	// general 20s
	// sales 15s
}

// A refusal has a stable code, and a sentence for people.
func ExampleClient_Do() {
	ctx := context.Background()
	_, admin, stop := startCell(ctx)
	defer stop()

	_, err := admin.Do(ctx, client.Request{Method: "GET", Path: "/v1/queues/support"}, nil)
	fmt.Println(evenkeel.ErrorCode(err) == evenkeel.CodeNotFound)
	// Output: true
}

// A bot answers as an agent, and a customer hears it.
func ExampleAgent() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	url, admin, stop := startCell(ctx)
	defer stop()

	bot, err := admin.Agent(ctx, client.ConnConfig{}) // the admin is a member of the queue general
	if err != nil {
		log.Fatal(err)
	}
	defer bot.Close()
	if err := bot.SetStatus(ctx, evenkeel.StatusOnline, ""); err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			u, err := bot.Next(ctx)
			if err != nil {
				return // the connection was closed
			}
			switch u.Kind {
			case "offer":
				_, err = bot.Accept(ctx, u.ChatID, u.Offer)
			case "message":
				if u.Message.Author.Kind == evenkeel.AuthorCustomer {
					_, err = bot.Send(ctx, u.ChatID, "You said: "+u.Message.Text)
				}
			}
			if err != nil && !errors.Is(err, client.ErrClosed) {
				log.Print(err)
			}
		}
	}()

	web, err := client.New(client.Config{URL: url})
	if err != nil {
		log.Fatal(err)
	}
	defer web.Close()
	visitor, err := web.Visitor(ctx, client.ConnConfig{}) // a new, anonymous one
	if err != nil {
		log.Fatal(err)
	}
	defer visitor.Close()
	if _, err := visitor.Start(ctx, client.ChatStart{Message: "Do you have size 42?"}); err != nil {
		log.Fatal(err)
	}
	for {
		u, err := visitor.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if u.Kind == "message" && u.Message.Author.Kind == evenkeel.AuthorAgent {
			fmt.Println(u.Message.Text)
			return
		}
	}
	// Output: You said: Do you have size 42?
}

// A service follows the chat that it started for a customer.
func ExampleConn_Subscribe() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	url, admin, stop := startCell(ctx)
	defer stop()
	key, err := admin.PutAPIKey(ctx, evenkeel.APIKey{ID: "shop"}, "")
	if err != nil {
		log.Fatal(err)
	}
	shop, err := client.New(client.Config{URL: url, APIKey: key.Key})
	if err != nil {
		log.Fatal(err)
	}
	defer shop.Close()

	order := shop.For(client.Behalf{Customer: "c77"})
	started, err := order.StartChat(ctx, client.ChatStart{Message: "Where is my order?"})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := shop.Connect(ctx, client.ConnConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	channel := evenkeel.Channel(evenkeel.DefaultWorkspace, evenkeel.ChannelChat, started.Chat.ID)
	if err := conn.Subscribe(ctx, channel, &evenkeel.Position{}); err != nil { // from its first event
		log.Fatal(err)
	}
	for {
		e, err := conn.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		var said evenkeel.Publication
		if err := json.Unmarshal(e.Data, &said); err != nil {
			log.Fatal(err)
		}
		if said.Type == evenkeel.PubMessage {
			fmt.Println(said.Message.Author.ID+":", said.Message.Text)
			return
		}
	}
	// Output: c77: Where is my order?
}
