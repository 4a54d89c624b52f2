package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Request is one call of the HTTP API.
type Request struct {
	Method string
	Path   string // such as /v1/queues
	Query  url.Values
	Body   any // sent as JSON; nil: none; a json.RawMessage as it is
	// Key is the Idempotency-Key of a POST; empty: one is made. It stays the
	// same in all tries.
	Key     string
	IfMatch string // an ETag that the object must still have
	Accept  string // the form of the answer, where there are several
}

// Answer is what came beside the body.
type Answer struct {
	Status int
	Index  uint64 // of the log; 0: not told
	ETag   string
}

const indexHeader = "Evenkeel-Index"

// maxAnswer bounds an answer that is read whole.
const maxAnswer = 64 << 20

// Do sends a request until it has a final answer. The answer's JSON goes into
// result: nil drops it, a *[]byte takes the bytes.
func (c *Client) Do(ctx context.Context, r Request, result any) (Answer, error) {
	response, err := c.Stream(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	answer := answerOf(response)
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer, fmt.Errorf("read the answer of %s %s: %w", r.Method, r.Path, err)
	}
	switch into := result.(type) {
	case nil:
		return answer, nil
	case *[]byte:
		*into = body
		return answer, nil
	}
	if len(body) == 0 {
		return answer, nil
	}
	if err := json.Unmarshal(body, result); err != nil {
		return answer, fmt.Errorf("understand the answer of %s %s: %w", r.Method, r.Path, err)
	}
	return answer, nil
}

// Stream is Do for answers that are too long to be read whole. The caller
// closes the body.
func (c *Client) Stream(ctx context.Context, r Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = json.Marshal(r.Body); err != nil {
			return nil, fmt.Errorf("encode the body of %s %s: %w", r.Method, r.Path, err)
		}
	}
	if r.Method == http.MethodPost && r.Key == "" {
		r.Key = NewID()
	}
	began, pauses, unsure := time.Now(), newBackoff(50*time.Millisecond, 2*time.Second), false
	for {
		response, err := c.try(ctx, &r, body)
		if err == nil {
			return response, nil
		}
		if unsure && r.Method == http.MethodDelete && evenkeel.ErrorCode(err) == evenkeel.CodeNotFound {
			// The try before, of which nothing was heard, has deleted it.
			return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody}, nil
		}
		again, wait := retry(err, &pauses)
		unsure = unsure || again
		if !again || ctx.Err() != nil || time.Since(began)+wait > c.patience || !pause(ctx, wait) {
			return nil, err
		}
	}
}

// retry tells whether a failed try may be followed by another, and when.
func retry(err error, pauses *backoff) (again bool, wait time.Duration) {
	wait = pauses.next()
	var refusal *evenkeel.Error
	if errors.As(err, &refusal) {
		return refusal.Code.Info().Temporary, max(wait, refusal.RetryAfter.Std())
	}
	return true, wait // the network's failure
}

// try sends the request once.
func (c *Client) try(ctx context.Context, r *Request, body []byte) (*http.Response, error) {
	address := c.base + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, address, reader)
	if err != nil {
		return nil, err
	}
	c.dress(q, r, body != nil)
	response, err := c.http.Do(q)
	if err != nil {
		return nil, err
	}
	c.saw(answerOf(response).Index)
	if response.StatusCode < 400 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, problemOf(response)
}

// dress sets the headers.
func (c *Client) dress(q *http.Request, r *Request, hasBody bool) {
	set := func(name, value string) {
		if value != "" {
			q.Header.Set(name, value)
		}
	}
	if hasBody {
		set("Content-Type", "application/json")
	}
	if c.apiKey != "" {
		set("X-API-Key", c.apiKey)
	} else if token := c.Token(); token != "" {
		set("Authorization", "Bearer "+token)
	}
	if index := c.Index(); index > 0 {
		set(indexHeader, strconv.FormatUint(index, 10))
	}
	set("Idempotency-Key", r.Key)
	set("If-Match", r.IfMatch)
	set("Accept", r.Accept)
}

func answerOf(r *http.Response) Answer {
	index, err := strconv.ParseUint(r.Header.Get(indexHeader), 10, 64)
	if err != nil {
		index = 0 // most answers that lack one are of a proxy
	}
	return Answer{Status: r.StatusCode, Index: index, ETag: r.Header.Get("ETag")}
}

// problemOf reads a refusal. One that is not of this API, such as a proxy's,
// gets the code that comes nearest to its status.
func problemOf(r *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	var refusal evenkeel.Error
	if err == nil && strings.Contains(r.Header.Get("Content-Type"), "json") && json.Unmarshal(body, &refusal) == nil && refusal.Code != "" {
		return &refusal
	}
	code := evenkeel.CodeBadRequest
	switch {
	case r.StatusCode == http.StatusTooManyRequests:
		code = evenkeel.CodeTooManyRequests
	case r.StatusCode == http.StatusServiceUnavailable, r.StatusCode == http.StatusBadGateway, r.StatusCode == http.StatusGatewayTimeout:
		code = evenkeel.CodeNoLeader
	case r.StatusCode >= 500:
		code = evenkeel.CodeInternal
	case r.StatusCode == http.StatusUnauthorized:
		code = evenkeel.CodeUnauthenticated
	case r.StatusCode == http.StatusForbidden:
		code = evenkeel.CodeForbidden
	case r.StatusCode == http.StatusNotFound, r.StatusCode == http.StatusMethodNotAllowed:
		code = evenkeel.CodeUnknownMethod
	}
	return evenkeel.Errorf(code, "the server answered %s", r.Status)
}
