//evenkeel:pure

package edge

import (
	"bytes"
	"encoding/json"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/levels"
)

// queueFigures are what the channel of a queue carries. Times are in seconds,
// shares in percent; what is unknown is null.
type queueFigures struct {
	Time        evenkeel.Time         `json:"time,omitzero"`
	Queue       string                `json:"queue"`
	Waiting     int64                 `json:"waiting"`
	LongestWait evenkeel.Duration     `json:"longest_wait"`
	Offered     int64                 `json:"offered"`
	Active      int64                 `json:"active"`
	Agents      evenkeel.StaffFigures `json:"agents"`
	Today       todayFigures          `json:"today"`
}

type todayFigures struct {
	Offered      int64         `json:"offered"`
	Answered     int64         `json:"answered"`
	Abandoned    int64         `json:"abandoned"`
	ServiceLevel levels.Figure `json:"service_level"`
	ASA          levels.Figure `json:"asa"`
	AHT          levels.Figure `json:"aht"`
}

// deskFigures are what the channel of the workspace carries.
type deskFigures struct {
	Time   evenkeel.Time           `json:"time,omitzero"`
	Queues []queueFigures          `json:"queues"`
	Agents []evenkeel.AgentFigures `json:"agents"`
	More   bool                    `json:"more_agents,omitempty"` // than are listed
}

func figuresOf(f *evenkeel.QueueFigures) queueFigures {
	c := &f.Today
	return queueFigures{
		Queue: f.Queue, Waiting: f.Waiting, LongestWait: f.LongestWait / evenkeel.Second * evenkeel.Second, Offered: f.Offered,
		Active: f.Active, Agents: f.Agents, Today: todayFigures{
			Offered: c.Offered, Answered: c.Answered, Abandoned: c.Abandoned,
			ServiceLevel: levels.ServiceLevel(c, levels.Rule{Threshold: f.Threshold}),
			ASA:          levels.SpeedOfAnswer(c), AHT: levels.HandleTime(c),
		},
	}
}

// news returns what is to be published if figures changed since they were
// published last, and what to hold the next ones against: themselves without the
// time.
func news(last []byte, timeless any, timed func() any, anyway bool) (data, kept []byte, err error) {
	kept, err = json.Marshal(timeless)
	if err != nil || bytes.Equal(kept, last) && !anyway {
		return nil, kept, err
	}
	data, err = json.Marshal(timed())
	return data, kept, err
}

func queueNews(f *evenkeel.QueueFigures, last []byte, anyway bool) (data, kept []byte, err error) {
	shown := figuresOf(f)
	return news(last, shown, func() any { shown.Time = f.Time; return shown }, anyway)
}

func deskNews(f *evenkeel.DeskFigures, last []byte, anyway bool) (data, kept []byte, err error) {
	shown := deskFigures{Queues: make([]queueFigures, 0, len(f.Queues)), Agents: f.Agents, More: f.More}
	for i := range f.Queues {
		shown.Queues = append(shown.Queues, figuresOf(&f.Queues[i]))
	}
	return news(last, shown, func() any { shown.Time = f.Time; return shown }, anyway)
}
