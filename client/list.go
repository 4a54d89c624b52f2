package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
)

// List walks over a list, page by page as they are needed. It ends with the
// first error. Items of one page are of one moment, those of two are not.
func List[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		asked := url.Values{}
		for name, values := range query {
			asked[name] = values
		}
		if !asked.Has("limit") {
			asked.Set("limit", "200")
		}
		for {
			var page struct {
				Items []T     `json:"items"`
				Next  *string `json:"next"`
			}
			if _, err := c.Do(ctx, Request{Method: http.MethodGet, Path: path, Query: asked}, &page); err != nil {
				yield(zero, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == nil {
				return
			}
			asked.Set("cursor", *page.Next)
			asked.Del("after")
		}
	}
}

// get reads one object.
func get[T any](ctx context.Context, c *Client, path string) (*T, error) {
	var object T
	if _, err := c.Do(ctx, Request{Method: http.MethodGet, Path: path}, &object); err != nil {
		return nil, err
	}
	return &object, nil
}

// set creates or replaces one object and reads what is there then.
func set[T any](ctx context.Context, c *Client, path string, body any) (*T, error) {
	var object T
	if _, err := c.Do(ctx, Request{Method: http.MethodPut, Path: path, Body: body}, &object); err != nil {
		return nil, err
	}
	return &object, nil
}

// remove deletes one object.
func (c *Client) remove(ctx context.Context, path string) error {
	_, err := c.Do(ctx, Request{Method: http.MethodDelete, Path: path}, nil)
	return err
}
