package node

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// state collects how the node and its replica stand at the moment of asking.
type state struct{ *Node }

// reading is one figure with its description.
type reading struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	read       func(add func(value float64, labels ...string))
}

// Describe is for Prometheus.
func (s *state) Describe(ch chan<- *prometheus.Desc) {
	for _, r := range s.readings() {
		ch <- r.desc()
	}
}

// Collect is for Prometheus.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	for _, r := range s.readings() {
		desc := r.desc()
		r.read(func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(desc, r.kind, value, labels...)
		})
	}
}

func (r *reading) desc() *prometheus.Desc { return prometheus.NewDesc(r.name, r.help, r.labels, nil) }

func gauge(name, help string, value func() float64) reading {
	return reading{name: name, help: help, kind: prometheus.GaugeValue, read: func(add func(float64, ...string)) { add(value()) }}
}

func counter(name, help string, value func() float64) reading {
	r := gauge(name, help, value)
	r.kind = prometheus.CounterValue
	return r
}

func (s *state) readings() []reading {
	return slices.Concat(s.nodeReadings(), s.replicaReadings(), s.deskReadings(), s.archiveReadings(), s.busReadings())
}

func (s *state) archiveReadings() []reading {
	copied := s.archiveStatus()
	return []reading{
		gauge("evenkeel_archive_live", "1 if this node's copy of the archive takes what is closed; 0 if it does not, or if there is none.", func() float64 { return truth(copied.State == evenkeel.CopyLive.String()) }),
		gauge("evenkeel_archive_behind_operations", "Operations that the desk has and this node's copy of the archive has not.", func() float64 { return float64(copied.Behind) }),
		gauge("evenkeel_archive_chats", "Chats in this node's copy of the archive.", func() float64 { return float64(copied.Chats) }),
		gauge("evenkeel_archive_bytes", "Size of this node's copy of the archive on the disk.", func() float64 { return float64(copied.Bytes) }),
	}
}

func (s *state) nodeReadings() []reading {
	return []reading{
		{name: "evenkeel_build_info", help: "1, with the version of the program.", kind: prometheus.GaugeValue, labels: []string{"version"},
			read: func(add func(float64, ...string)) { add(1, s.host.Version) }},
		gauge("evenkeel_ready", "1 if this node can serve, else 0; GET /readyz says why not.", func() float64 { return truth(s.notReady() == "") }),
		gauge("evenkeel_disk_free_bytes", "Room on the disk of the data directory; -1 if it cannot be told.", func() float64 {
			free, err := s.fs.Free()
			if err != nil {
				return -1
			}
			return float64(free)
		}),
		{name: "evenkeel_realtime_connections", help: "Realtime clients that are connected, by transport.", kind: prometheus.GaugeValue,
			labels: []string{"transport"}, read: func(add func(float64, ...string)) {
				stats := s.realtime.Stats()
				add(float64(stats.WebSocket), "websocket")
				add(float64(stats.HTTPStream), "http_stream")
				add(float64(stats.SSE), "sse")
			}},
		counter("evenkeel_realtime_slow_total", "Realtime clients that were cut off because they read too slowly.", func() float64 { return float64(s.realtime.Stats().Slow) }),
	}
}

func (s *state) replicaReadings() []reading {
	stands := s.replica.Status()
	lanes := []string{"control", "push"}
	return []reading{
		gauge("evenkeel_raft_term", "The term of the replica.", func() float64 { return float64(stands.Term) }),
		gauge("evenkeel_raft_leader", "1 if this replica leads, else 0.", func() float64 { return truth(stands.Leads) }),
		gauge("evenkeel_raft_serving", "1 if commands are taken: there is a leader and it has applied what earlier ones acknowledged.", func() float64 { return truth(stands.Serving) }),
		counter("evenkeel_raft_applied_index", "Index of the last applied entry.", func() float64 { return float64(stands.Applied) }),
		gauge("evenkeel_raft_lag_entries", "Entries in the log that are not applied yet.", func() float64 { return float64(stands.LogLast - min(stands.LogLast, stands.Applied)) }),
		gauge("evenkeel_raft_log_entries", "Entries in the log, behind the last snapshot.", func() float64 { return float64(stands.LogLast + 1 - min(stands.LogLast+1, stands.LogFirst)) }),
		{name: "evenkeel_waiting_commands", help: "Commands that wait to be proposed, by lane.", kind: prometheus.GaugeValue, labels: []string{"lane"},
			read: func(add func(float64, ...string)) {
				for i, lane := range stands.Lanes {
					add(float64(lane.Commands), lanes[i])
				}
			}},
		gauge("evenkeel_journal_full", "1 if the disk has only the journal's reserve left: commands are refused.", func() float64 { return truth(stands.JournalFull) }),
		gauge("evenkeel_journal_stalled", "1 if a write has taken longer than an election.", func() float64 { return truth(stands.Stalled) }),
	}
}

func (s *state) deskReadings() []reading {
	var status evenkeel.DeskStatus
	s.replica.View(func(d *desk.Desk) { status = d.Status() })
	return []reading{
		gauge("evenkeel_desk_bytes", "Logical bytes of the replicated state.", func() float64 { return float64(status.Bytes) }),
		gauge("evenkeel_desk_max_bytes", "Budget of the replicated state (max_state).", func() float64 { return float64(status.MaxBytes) }),
		gauge("evenkeel_desk_chats", "Chats in the desk, closed ones that have not left among them.", func() float64 { return float64(status.Chats) }),
		gauge("evenkeel_desk_sessions", "Sessions of agents, and of customers with a live chat.", func() float64 { return float64(status.Sessions) }),
		counter("evenkeel_desk_skipped_total", "Steps that panicked and were left out.", func() float64 { return float64(status.Skipped) }),
		gauge("evenkeel_incidents_open", "Incidents that are open; GET /v1/incidents lists them.", func() float64 { return float64(status.Incidents) }),
	}
}

func (s *state) busReadings() []reading {
	return []reading{
		gauge("evenkeel_bus_connected", "1 if what is live can get to other nodes; 0 if it cannot, or if there are none.", func() float64 { return truth(s.bus.State().Connected) }),
		gauge("evenkeel_bus_since_seconds", "When the bus became connected, or ceased to be, in seconds since 1970.", func() float64 { return float64(s.bus.State().Since.Unix()) }),
		gauge("evenkeel_bus_nodes", "Other nodes that are heard on the bus.", func() float64 {
			heard, _ := s.busOthers()
			return float64(len(heard))
		}),
		{name: "evenkeel_bus_messages_total", help: "Messages on the bus, sent and handled by this node.", kind: prometheus.CounterValue, labels: []string{"direction"},
			read: func(add func(float64, ...string)) {
				stands := s.bus.State()
				add(float64(stands.Out), "out")
				add(float64(stands.In), "in")
			}},
		{name: "evenkeel_bus_dropped_total", help: "Messages of the bus that this node did not send or did not take, by why.", kind: prometheus.CounterValue, labels: []string{"reason"},
			read: func(add func(float64, ...string)) {
				dropped := s.bus.State().Dropped
				add(float64(dropped.Full), "queue_full")
				add(float64(dropped.Down), "not_connected")
				add(float64(dropped.Large), "too_large")
				add(float64(dropped.Slow), "slow_handler")
				add(float64(dropped.Forged), "forged")
				add(float64(dropped.Replayed), "replayed")
				add(float64(dropped.Unknown), "unknown_sender")
			}},
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
