package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"testing"
)

// TestFetch: a body comes whole, or its reader learns that it did not.
func TestFetch(t *testing.T) {
	_, one, two := pair(t)
	body := make([]byte, 3*partBytes+17)
	_, _ = rand.Read(body)
	fetch := func() ([]byte, error) {
		r, err := one.Fetch(t.Context(), 2, []byte("the file"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		return got, errors.Join(err, r.Close())
	}
	two.give = func(_ context.Context, from uint64, request []byte, w io.Writer) error {
		if _, err := w.Write(body); from != 1 || string(request) != "the file" || err != nil {
			return fmt.Errorf("%d asks for %q: %w", from, request, err)
		}
		return nil
	}
	if got, err := fetch(); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d of %d bytes, %v", len(got), len(body), err)
	}
	var refused *RefusedError
	two.give = func(_ context.Context, _ uint64, _ []byte, w io.Writer) error {
		_, err := w.Write(body[:100])
		return errors.Join(err, errors.New("the disk failed"))
	}
	if got, err := fetch(); !errors.As(err, &refused) || refused.Reason != "the disk failed" || !bytes.Equal(got, body[:100]) {
		t.Fatalf("%d bytes and %v", len(got), err)
	}
	if _, err := one.Fetch(t.Context(), 3, nil); err == nil {
		t.Fatal("a node that nobody knows answers")
	}
}

// TestFetchBreaks: a node that dies, or an asker who has enough, ends the other side.
func TestFetchBreaks(t *testing.T) {
	_, one, two := pair(t)
	began, ended := make(chan struct{}, 1), make(chan error, 1)
	two.give = func(ctx context.Context, _ uint64, _ []byte, w io.Writer) error {
		began <- struct{}{}
		w = Paced(ctx, w, 64<<20)
		for {
			if _, err := w.Write(make([]byte, partBytes)); err != nil {
				ended <- err
				return err
			}
		}
	}
	r, err := one.Fetch(t.Context(), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-began
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Fatal("the giver has not noticed")
	}
	if r, err = one.Fetch(t.Context(), 2, nil); err != nil {
		t.Fatal(err)
	}
	<-began
	two.kill()
	if _, err := io.Copy(io.Discard, r); err == nil || errors.As(err, new(*RefusedError)) {
		t.Fatalf("the asker is told %v", err)
	}
	if err := <-ended; err == nil {
		t.Fatal("the giver has not noticed its end")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPaced: a writer that ends does not keep anybody waiting.
func TestPaced(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := Paced(ctx, io.Discard, 1)
	if _, err := w.Write(make([]byte, 3600)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := w.Write([]byte("x")); n != 0 || !errors.Is(err, context.Canceled) {
		t.Fatalf("%d, %v", n, err)
	}
}
