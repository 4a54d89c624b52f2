package client

import (
	"context"
	"net/http"

	"github.com/evenkeel/evenkeel"
)

// User is a person of the staff, or whoever else asks.
type User struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Role      evenkeel.Role `json:"role"`
	Workspace string        `json:"workspace"`
}

// Login is a person's way in.
type Login struct {
	Token      string        `json:"token"`
	Expires    evenkeel.Time `json:"expires"`
	User       User          `json:"user"`
	MustChange bool          `json:"must_change_password"`
}

// Credentials are what a person logs in with.
type Credentials struct {
	Email     string `json:"email,omitempty"`
	Password  string `json:"password,omitempty"`
	Workspace string `json:"workspace,omitempty"` // empty: the default one
	OTP       string `json:"otp,omitempty"`
	Start     string `json:"start,omitempty"` // the first-run link's token, instead of all others
}

// Login logs in. From then on the client uses the login's token.
func (c *Client) Login(ctx context.Context, who Credentials) (*Login, error) {
	return c.login(ctx, "/v1/auth/login", who)
}

// Refresh replaces the token by a fresh one; the old one lasts for another
// minute.
func (c *Client) Refresh(ctx context.Context) (*Login, error) {
	return c.login(ctx, "/v1/auth/refresh", nil)
}

func (c *Client) login(ctx context.Context, path string, body any) (*Login, error) {
	var login Login
	if _, err := c.Do(ctx, Request{Method: http.MethodPost, Path: path, Body: body}, &login); err != nil {
		return nil, err
	}
	c.setToken(login.Token)
	return &login, nil
}

// Logout ends the login.
func (c *Client) Logout(ctx context.Context) error {
	_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/v1/auth/logout"}, nil)
	if err == nil {
		c.setToken("")
	}
	return err
}

// SetPassword changes the caller's password; all his other logins end. old may
// be empty while the password is a one-time one.
func (c *Client) SetPassword(ctx context.Context, old, fresh string) error {
	body := map[string]string{"new_password": fresh}
	if old != "" {
		body["old_password"] = old
	}
	_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/v1/auth/password", Body: body}, nil)
	return err
}

// Me tells who the caller is.
func (c *Client) Me(ctx context.Context) (*User, error) { return get[User](ctx, c, "/v1/auth/me") }

// VisitorToken is what an anonymous customer is known by.
type VisitorToken struct {
	Visitor string        `json:"visitor"`
	Token   string        `json:"token"`
	Expires evenkeel.Time `json:"expires"`
}

// NewVisitor asks for a visitor's token, or renews the one that the client
// has; the visitor stays the same then. From then on the client uses it.
func (c *Client) NewVisitor(ctx context.Context, workspace string) (*VisitorToken, error) {
	body := map[string]string{}
	if workspace != "" {
		body["workspace"] = workspace
	}
	var token VisitorToken
	if _, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/v1/visitors", Body: body}, &token); err != nil {
		return nil, err
	}
	c.setToken(token.Token)
	return &token, nil
}
