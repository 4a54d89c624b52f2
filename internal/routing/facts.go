package routing

import "math"

// Strategy says in which order the free members of a queue are asked.
type Strategy uint8

// The strategies. Every tie that is left is broken by the agent's id.
const (
	// Balanced asks the member with the smallest share of his capacity in use
	// first; among equals the one whose last assignment is longest ago.
	Balanced Strategy = iota
	// LongestIdle asks the member with the smallest IdleSince first.
	LongestIdle
	// RoundRobin asks the member with the smallest Turn in this queue first.
	RoundRobin
	// Tiers asks the smallest Level first, then the smallest Position.
	Tiers
	// MostSkilled asks the member with the highest sum of levels over the
	// skills that the queue requires (all his skills, where it requires none)
	// first; among equals as Balanced does.
	MostSkilled
)

// Status is what an agent, or a supervisor for him, wants him to be.
type Status uint8

// The wanted statuses.
const (
	Offline Status = iota
	Away
	Online
)

// MaxCapacity is the largest capacity told apart from larger ones.
const MaxCapacity = 1<<31 - 1

// Skill is a named ability with a level. In a queue: the level required.
type Skill struct {
	Name  string
	Level int64
}

// Queue is what ranking needs to know of a queue.
type Queue struct {
	ID       string
	Strategy Strategy
	Weight   int64   // slots that a chat of this queue takes; below 1 counts as 1
	Skills   []Skill // required, sorted by name, each name once
	Manual   bool    // its agents pick chats themselves: Next never decides for it
	Paused   bool    // Next decides nothing for it until it is put again
}

// Agent is what ranking needs to know of an agent. He is on duty in a queue
// that he is a member of while he is Online, Connected and meets its skills;
// he is free there when, on top, Capacity-Used is at least the queue's weight.
type Agent struct {
	ID           string
	Status       Status
	Connected    bool         // at least one live session
	Capacity     int64        // slots; 0 to MaxCapacity
	Used         int64        // slots taken, by chats and by offers; 0 or more
	LastAssigned int64        // desk time of the last assignment in ms; 0 if there was none
	IdleSince    int64        // desk time in ms since which he counts as idle
	Skills       []Skill      // sorted by name, each name once
	Memberships  []Membership // each queue at most once
}

// Membership is an agent's place in one queue.
type Membership struct {
	Queue    string
	Level    int64  // 1 is asked first under Tiers
	Position int64  // place in the queue's list of members
	Turn     uint64 // rises with each chat of this queue he is given; 0 if none yet
}

// Chat is a chat that waits in a queue. Among waiting chats the one with the
// higher Priority is first, then the smaller QueuedAt, then the smaller Seq
// (which no two waiting chats share).
type Chat struct {
	ID       string
	Queue    string
	Priority int64
	QueuedAt int64 // desk time in ms at which it first queued
	Seq      uint64

	// Excluded are the agents who declined or missed it, each once. One of
	// them is asked again only when nobody else is on duty in the queue and his
	// RetryAt has come.
	Excluded []Exclusion

	// Prefer names the agent who is asked before all others if he is free (and
	// not excluded). Until HoldUntil (desk time in ms, or Never) nobody else is
	// asked while he is on duty in the queue.
	Prefer    string
	HoldUntil int64
}

// Exclusion is an agent who declined or missed a chat.
type Exclusion struct {
	Agent   string
	RetryAt int64 // desk time in ms, or Never
}

// Never is a desk time that does not come.
const Never = math.MaxInt64

// Decision says that Chat, which waits in Queue, is to be given to Agent.
type Decision struct {
	Chat, Queue, Agent string

	// Why begins with Agent and has at most MaxConsidered entries. It is lent:
	// the next call of Next writes over it.
	Why []Considered
}

// MaxConsidered bounds the reasons kept with a decision.
const MaxConsidered = 20

// Considered is one agent in the order in which he was looked at: one who may
// be given the chat has a Rank (1 is asked first), one who may not has the
// reason in PassedOver.
type Considered struct {
	Agent      string
	Rank       int64
	PassedOver string
}

// The reasons for which an agent is passed over. A missing skill is named:
// PassedSkill and the skill's name, as in "skill:german".
const (
	PassedSkill        = "skill:"
	PassedNotMember    = "not_member"    // the preferred agent is not in this queue
	PassedOffline      = "offline"       // wants to be offline
	PassedAway         = "away"          // wants to be away
	PassedNotConnected = "not_connected" // wants to be online, has no live session
	PassedExcluded     = "excluded"      // declined or missed this chat
	PassedHeld         = "held"          // the chat is held for its preferred agent
	PassedNoSlot       = "no_slot"       // his free slots are fewer than the queue's weight
)
