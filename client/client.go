package client

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says where the cell is and who asks.
type Config struct {
	// URL is the cell's address: of its balancer, or of any of its nodes, such
	// as http://localhost:8080.
	URL string

	// Token is a login's or a visitor's. Login and NewVisitor set it, too.
	Token string
	// APIKey is a service's key. It goes before Token.
	APIKey string

	// HTTP sends the requests; nil: a client of its own.
	HTTP *http.Client

	// Patience is how long a request is tried again while it meets temporary
	// errors, if its context does not end before; 0: 30 s, negative: no second
	// try.
	Patience time.Duration
}

// Client talks to one cell for one caller. It may be used by many goroutines.
type Client struct {
	Talk // what can be done with chats, over HTTP

	base     string // without a slash at its end
	http     *http.Client
	owned    bool // http is ours to close
	patience time.Duration
	apiKey   string
	index    *atomic.Uint64 // the highest index seen

	mu    sync.Mutex
	token string
}

const defaultPatience = 30 * time.Second

// attemptTime bounds one try. A node answers or gives up within 4 s; a download
// only has to begin in this time.
const attemptTime = 10 * time.Second

// New makes a client. Nothing is sent yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("the cell's URL %q must look like http://localhost:8080", cfg.URL)
	}
	c := &Client{
		base: strings.TrimRight(u.String(), "/"), http: cfg.HTTP, patience: cfg.Patience, apiKey: cfg.APIKey,
		token: cfg.Token, index: new(atomic.Uint64),
	}
	if c.patience == 0 {
		c.patience = defaultPatience
	}
	if c.http == nil {
		c.owned = true
		transport := &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second,
			ResponseHeaderTimeout: attemptTime, TLSHandshakeTimeout: attemptTime, ForceAttemptHTTP2: true,
		}
		c.http = &http.Client{Transport: transport}
	}
	c.Talk = Talk{call: c.talk}
	return c, nil
}

// As returns a client for another caller of the same cell, who proves himself
// with a token. It shares this one's connections, and is of no use after this
// one's Close.
func (c *Client) As(token string) *Client {
	other := &Client{base: c.base, http: c.http, patience: c.patience, token: token, index: c.index}
	other.Talk = Talk{call: other.talk}
	return other
}

// URL is the cell's address.
func (c *Client) URL() string { return c.base }

// Token is the login's or visitor's token in use; empty: none.
func (c *Client) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

func (c *Client) setToken(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
}

// credential is what the caller proves himself with.
func (c *Client) credential() string {
	if c.apiKey != "" {
		return c.apiKey
	}
	return c.Token()
}

// Index is the highest position in the cell's log that an answer has shown.
func (c *Client) Index() uint64 { return c.index.Load() }

// saw remembers an index.
func (c *Client) saw(index uint64) {
	for {
		old := c.index.Load()
		if index <= old || c.index.CompareAndSwap(old, index) {
			return
		}
	}
}

// Close closes the idle connections of the client's own HTTP client. Realtime
// connections have a Close of their own.
func (c *Client) Close() {
	if c.owned {
		c.http.CloseIdleConnections()
	}
}

// NewID makes an id for a request: 26 random letters and digits.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand ends the process instead
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
