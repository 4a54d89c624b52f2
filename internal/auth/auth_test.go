package auth

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel"
)

// cheap makes tests quick; what it costs is not what they are about.
func cheap() Cost { return Cost{Memory: 8, Passes: 1, Threads: 1} }

func counting() *bytes.Reader {
	b := make([]byte, 4096)
	for i := range b {
		b[i] = byte(i)
	}
	return bytes.NewReader(b)
}

func TestTokens(t *testing.T) {
	random := counting()
	a, err := NewToken(random, AgentTokenPrefix)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewToken(random, AgentTokenPrefix)
	if err != nil {
		t.Fatal(err)
	}
	if a == b || !strings.HasPrefix(a, "ekt_") || len(a) != len("ekt_")+43 {
		t.Errorf("tokens %q and %q: want two different ones with 256 bits behind ekt_", a, b)
	}
	if _, err := NewToken(iotest.ErrReader(errors.New("dry")), AgentTokenPrefix); err == nil {
		t.Error("a token was made without random bytes")
	}
	if _, err := NewID(bytes.NewReader([]byte{1, 2}), "v"); err == nil {
		t.Error("an id was made of too few random bytes")
	}
	// SHA-256 of "abc", FIPS 180-2 appendix B.1.
	if got := Hash("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("Hash(abc) = %s", got)
	}
}

func TestIDsHoldAllTheirBits(t *testing.T) {
	seen := map[string]bool{}
	for bit := range 120 {
		raw := make([]byte, 15)
		raw[bit/8] = 1 << (bit % 8)
		id, err := NewID(bytes.NewReader(raw), "v")
		if err != nil {
			t.Fatal(err)
		}
		if len(id) != 25 || seen[id] {
			t.Fatalf("bit %d gives %q: want 25 characters, different for every bit", bit, id)
		}
		seen[id] = true
	}
}

func TestPassword(t *testing.T) {
	p, err := NewPasswords(counting(), cheap(), 2)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	hash, err := p.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("hash %q is not in PHC form", hash)
	}
	again, err := p.Hash(ctx, "correct horse")
	if err != nil || again == hash {
		t.Errorf("two hashes of one password are equal: no salt")
	}
	for _, c := range []struct {
		hash, password string
		want           bool
	}{
		{hash, "correct horse", true},
		{again, "correct horse", true},
		{hash, "correct horsf", false},
		{hash, "", false},
		{hash, strings.Repeat("x", MaxPasswordBytes+1), false},
		{"", "correct horse", false}, // nobody of that name
		{"", "", false},
	} {
		if got, err := p.Verify(ctx, c.hash, c.password); err != nil || got != c.want {
			t.Errorf("Verify(%.30q, %.20q) = %v, %v; want %v", c.hash, c.password, got, err, c.want)
		}
	}
}

// TestForeignHash checks a hash that another program made: the reference
// implementation of argon2 (phc-winner-argon2, test.c, version 0x13, argon2id).
func TestForeignHash(t *testing.T) {
	p, err := NewPasswords(counting(), cheap(), 1)
	if err != nil {
		t.Fatal(err)
	}
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if ok, err := p.Verify(t.Context(), hash, "password"); err != nil || !ok {
		t.Errorf("the reference hash of \"password\" is refused: %v, %v", ok, err)
	}
}

func TestUnfitPasswords(t *testing.T) {
	p, err := NewPasswords(counting(), cheap(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"", "short", strings.Repeat("x", MaxPasswordBytes+1)} {
		if _, err := p.Hash(t.Context(), password); evenkeel.ErrorCode(err) != evenkeel.CodeBadRequest {
			t.Errorf("Hash of %d bytes: %v, want bad_request", len(password), err)
		}
	}
}

func TestUnfitHashes(t *testing.T) {
	p, err := NewPasswords(counting(), cheap(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{
		"x", "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=18$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4000000000,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=99,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=300$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=1$AA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$",
		"$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$!!!!",
	} {
		if ok, err := p.Verify(t.Context(), hash, "password"); ok || err == nil {
			t.Errorf("Verify with the stored hash %q = %v, %v; want an error", hash, ok, err)
		}
	}
	if _, err := NewPasswords(counting(), Cost{}, 1); err == nil {
		t.Error("a hasher without a cost was made")
	}
}

// TestLoginsAreBounded fills all slots and the line before them.
func TestLoginsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := NewPasswords(counting(), cheap(), 1)
		if err != nil {
			t.Fatal(err)
		}
		leave, err := p.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, maxWaiting)
		for range maxWaiting {
			go func() {
				_, err := p.Verify(ctx, "", "password")
				ended <- err
			}()
		}
		synctest.Wait() // all of them wait for the one slot
		if _, err := p.Verify(t.Context(), "", "password"); evenkeel.ErrorCode(err) != evenkeel.CodeTooManyRequests {
			t.Errorf("one more than may wait: %v, want too_many_requests", err)
		}
		cancel()
		for range maxWaiting {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("a login that was given up ended with %v", err)
			}
		}
		leave()
		if ok, err := p.Verify(t.Context(), "", "password"); ok || err != nil {
			t.Errorf("after all left: %v, %v", ok, err)
		}
	})
}

func visitorKey() []byte { return bytes.Repeat([]byte{7}, 32) }

func TestVisitor(t *testing.T) {
	v := Visitor{Workspace: "default", ID: "v123", Issued: 1000, Expires: 2000}
	token, err := v.Sign(visitorKey())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseVisitor(visitorKey(), token, 1999); err != nil || got != v {
		t.Errorf("ParseVisitor = %+v, %v; want %+v", got, err, v)
	}
	if got, err := ParseVisitor(visitorKey(), token, 2000); err == nil || err.Code != evenkeel.CodeTokenExpired || got.ID != "v123" {
		t.Errorf("at its end: %+v, %v; want token_expired", got, err)
	}
	other := append([]byte{8}, visitorKey()[1:]...)
	for _, c := range []struct {
		what, token string
		key         []byte
	}{
		{"another cell's key", token, other},
		{"no key", token, nil},
		{"cut off", token[:len(token)-1], visitorKey()},
		{"with a line end", token + "\n", visitorKey()},
		{"another version", "ekv2_" + token[5:], visitorKey()},
		{"without a signature", strings.Split(token, ".")[0], visitorKey()},
		{"empty", "", visitorKey()},
		{"an agent's", "ekt_AAAA", visitorKey()},
		{"very long", token + strings.Repeat("A", MaxTokenBytes), visitorKey()},
	} {
		if _, err := ParseVisitor(c.key, c.token, 1999); err == nil || err.Code != evenkeel.CodeUnauthenticated {
			t.Errorf("%s: %v, want unauthenticated", c.what, err)
		}
	}
}

func TestVisitorUnfit(t *testing.T) {
	for _, v := range []Visitor{{ID: "v"}, {Workspace: "w"}, {Workspace: "w", ID: strings.Repeat("v", 129)}} {
		if token, err := v.Sign(visitorKey()); err == nil {
			t.Errorf("%+v was signed: %q", v, token)
		}
	}
	if _, err := (Visitor{Workspace: "w", ID: "v"}).Sign([]byte("short")); err == nil {
		t.Error("a short key signed")
	}
}

// TestVisitorRoundTrip: what was signed is read back, and no other form of it
// is good.
func TestVisitorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9/.\x00-\xff]{1,16}`)
		v := Visitor{
			Workspace: name.Draw(t, "workspace"), ID: name.Draw(t, "id"),
			Issued: evenkeel.Time(rapid.Int64().Draw(t, "issued")), Expires: evenkeel.Time(rapid.Int64().Draw(t, "expires")),
		}
		token, err := v.Sign(visitorKey())
		if err != nil {
			t.Fatal(err)
		}
		now := v.Expires - 1
		if v.Expires == -1<<63 {
			return
		}
		if got, refusal := ParseVisitor(visitorKey(), token, now); refusal != nil || got != v {
			t.Fatalf("got %+v, %v; want %+v", got, refusal, v)
		}
		at := rapid.IntRange(0, len(token)-1).Draw(t, "at")
		bent := token[:at] + string(rune(token[at]^1)) + token[at+1:]
		if got, refusal := ParseVisitor(visitorKey(), bent, now); refusal == nil {
			t.Fatalf("%q with another byte at %d is good: %+v", token, at, got)
		}
	})
}

func FuzzParseVisitor(f *testing.F) {
	token, err := Visitor{Workspace: "default", ID: "v123", Issued: 1000, Expires: 2000}.Sign(visitorKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("ekv1_.")
	f.Add("ekv1_AAAAAAAAAAAAAAAAAAAAAAA." + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, s string) {
		v, refusal := ParseVisitor(visitorKey(), s, 1500)
		if refusal == nil && s != token {
			t.Fatalf("%q, which was never signed, is good: %+v", s, v)
		}
	})
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Fuzz(func(t *testing.T, s string) {
		cost, salt, hash, err := parsePHC(s)
		if err == nil && cost.format(salt, hash) != s && !strings.ContainsAny(s, "\r\n") {
			t.Fatalf("%q is read as %q", s, cost.format(salt, hash))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	p, err := NewPasswords(counting(), DefaultCost(), 2)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Verify(b.Context(), "", "password"); err != nil {
			b.Fatal(err)
		}
	}
}
