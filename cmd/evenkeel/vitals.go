package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// vitals are what a server takes at one moment: resident memory from /proc, so on
// Linux only, the rest from /metrics.
type vitals struct {
	RSS        float64 `json:"rss_bytes"`
	Heap       float64 `json:"heap_bytes"`  // allocated and not collected yet
	Live       float64 `json:"live_bytes"`  // of the heap, when it was last collected: half of where it is collected next
	Stack      float64 `json:"stack_bytes"` // of goroutines
	State      float64 `json:"state_bytes"` // of the desk, as its limits count it
	Chats      float64 `json:"chats"`       // in the desk
	Archived   float64 `json:"archived"`
	Goroutines float64 `json:"goroutines"`
}

// mib is a size for people.
func mib(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/(1<<20)) }

// resident reads the resident memory of a process, in bytes.
func resident(pid int) (float64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("read what memory the server takes, which Linux tells: %w", err)
	}
	kb, ok := numberBehind(string(status), "VmRSS:")
	if !ok {
		return 0, errors.New("the server has ended")
	}
	return kb * 1024, nil
}

// takeVitals asks a server at url, which is the process pid.
func takeVitals(ctx context.Context, url string, pid int) (*vitals, error) {
	rss, err := resident(pid)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	v := &vitals{RSS: rss}
	for name, to := range map[string]*float64{
		"go_memstats_alloc_bytes": &v.Heap, "go_memstats_next_gc_bytes": &v.Live, "go_memstats_stack_inuse_bytes": &v.Stack, "go_goroutines": &v.Goroutines,
		"evenkeel_desk_bytes": &v.State, "evenkeel_desk_chats": &v.Chats, "evenkeel_archive_chats": &v.Archived,
	} {
		var ok bool
		if *to, ok = numberBehind("\n"+string(text), "\n"+name+" "); !ok {
			return nil, fmt.Errorf("the metrics do not have %s", name)
		}
	}
	v.Live /= 2
	return v, nil
}

// numberBehind reads the number behind a word.
func numberBehind(text, word string) (float64, bool) {
	_, rest, ok := strings.Cut(text, word)
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, false
	}
	n, err := strconv.ParseFloat(fields[0], 64)
	return n, err == nil
}

// peak watches a process's resident memory until stop, which returns the most.
func peak(pid int) (stop func() float64) {
	quit, most := make(chan struct{}), make(chan float64)
	go func() {
		ticker, top := time.NewTicker(100*time.Millisecond), 0.0
		defer ticker.Stop()
		for {
			if rss, err := resident(pid); err == nil { // else whoever uses the server finds out
				top = max(top, rss)
			}
			select {
			case <-ticker.C:
			case <-quit:
				most <- top
				return
			}
		}
	}()
	return func() float64 { close(quit); return <-most }
}
