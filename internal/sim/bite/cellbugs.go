package main

import "slices"

// cellBugs need several nodes to hurt.
func cellBugs() []bug {
	all := slices.Concat(consensusBugs(), lossBugs(), forwardBugs())
	for i := range all {
		all[i].several = true
	}
	return all
}

// consensusBugs are those by which nodes do not agree.
func consensusBugs() []bug {
	return []bug{
		{
			name: "among nodes: a vote is not written", file: "internal/replica/ready.go",
			old: "	a.HardState, c.hard = c.hard, nil\n	c.name(a.Entries)",
			new: "	if len(a.Entries) > 0 {\n		a.HardState, c.hard = c.hard, nil\n	}\n	c.name(a.Entries)",
		},
		{
			name: "among nodes: the founder takes all that is durable for committed", file: "internal/replica/core.go",
			old: "	return soleVoter(conf, id) && !slices.ContainsFunc(entries, isConfChange)",
			new: "	return soleVoter(conf, id) && len(slices.Compact([]int{1})) == 1",
		},
		{
			name: "among nodes: followers acknowledge before it is durable", file: "internal/replica/ready.go",
			old: "	c.appending = append(c.appending, a)\n	c.out.Appends = append(c.out.Appends, a)",
			new: "	for _, m := range a.responses {\n		if m.GetTo() != c.id {\n			c.out.Messages = append(c.out.Messages, m)\n		}\n	}\n	c.appending = append(c.appending, a)\n	c.out.Appends = append(c.out.Appends, a)",
		},
		{
			name: "among nodes: a leader is forgotten without proof of its death", file: "internal/replica/failover.go",
			old: "	if c.lead == raft.None || c.role == raft.StateLeader || !c.funerals.dead[c.lead] {",
			new: "	if c.lead == raft.None || c.role == raft.StateLeader {",
		},
		{
			name: "among nodes: a snapshot is restored without its members", file: "internal/replica/ready.go",
			old: "		c.conf.state = a.Snapshot.GetConfState()\n",
			new: "",
		},
		{
			name: "among nodes: reads trust a lease", file: "internal/replica/core.go",
			old: "raft.ReadOnlySafe,",
			new: "raft.ReadOnlyLeaseBased,",
		},
		{
			name: "among nodes: a node that was never heard of becomes a voter", file: "internal/steward/plan.go",
			old: "m.Match > 0 && m.Match+closeEnough",
			new: "m.Match+closeEnough",
		},
		{
			name: "among nodes: a member that slept ends itself", file: "internal/replica/slowdisk.go",
			old: "		usual = blink",
			new: "		usual = pulse",
		},
		{
			name: "among nodes: writes that wait for others count as hanging", file: "internal/replica/ready.go",
			old: "		next.since = max(next.since, c.now)",
			new: "		next.since = min(next.since, c.now)",
		},
	}
}

// lossBugs are about nodes that have lost something: a last write, their data, their
// place in the cell.
func lossBugs() []bug {
	return []bug{
		{
			name: "among nodes: a batch in doubt does not hold the vote back", file: "internal/replica/doubt.go",
			old: "		return d != nil && d.longer(m.GetLogTerm(), m.GetIndex())",
			new: "		return d == nil && len(m.Entries) > 1000",
		},
		{
			name: "among nodes: a batch in doubt is cut at once", file: "internal/replica/doubt.go",
			old: "		return DoubtAsk",
			new: "		return DoubtCut",
		},
		{
			name: "among nodes: who is in doubt stands for election", file: "internal/replica/ready.go",
			old: "			if c.abstains() && stands(m) {",
			new: "			if c.barred && stands(m) {",
		},
		{
			name: "among nodes: who has lost something goes on", file: "internal/replica/doubt.go",
			old: "	return m.GetType() == raftpb.MsgHeartbeat && ",
			new: "	return m.GetType() == raftpb.MsgHup && ",
		},
		{
			name: "among nodes: what a doubtful batch knew to be committed is taken for the log's", file: "internal/journal/recover.go",
			old: "		commit = min(commit, d.first-1)",
			new: "		commit = max(commit, d.first-1)",
		},
		{
			name: "among nodes: who has lost his data keeps his number", file: "internal/desk/cmd_node.go",
			old: "	return evenkeel.Result{Number: n.Number}, nil\n}\n\n// tellRejoined",
			new: "	return evenkeel.Result{Number: b.Number}, nil\n}\n\n// tellRejoined",
		},
		{
			name: "among nodes: who joins again leaves the old number behind", file: "internal/desk/cmd_node.go",
			old: "		d.dropNode(old, true)",
			new: "		d.nodes.touch(old)",
		},
		{
			name: "among nodes: a void incarnation may still command", file: "internal/desk/cmd_node.go",
			old: "		if n.Incarnation == incarnation {",
			new: "		if n.Incarnation >= 0 {",
		},
		{
			name: "among nodes: who believes to lead answers reads", file: "internal/replica/core.go",
			old: "(context []byte) { c.node.ReadIndex(context) }",
			new: "(context []byte) {\n	if c.role == raft.StateLeader {\n		c.out.Reads = append(c.out.Reads, Read{Index: c.node.BasicStatus().HardState.GetCommit(), Context: context})\n		return\n	}\n	c.node.ReadIndex(context)\n}",
		},
		{
			name: "among nodes: ids of commands are forgotten at a failover", file: "internal/desk/apply.go",
			old: "	if h.Resume {\n",
			new: "	if h.Resume {\n		for d.keyQueue.len() > 0 {\n			k := d.keyQueue.pop()\n			d.forget(k.Principal, k.ID, true)\n			d.keys.remove(k)\n			d.account(-keyBytes)\n		}\n",
		},
		{
			name: "among nodes: a session may be opened for a void incarnation", file: "internal/desk/cmd_session.go",
			old: "	if b.Session.Incarnation == 0 || !d.liveIncarnation(b.Session.Incarnation) {",
			new: "	if b.Session.Incarnation == 0 {",
		},
		{
			name: "among nodes: clients stay while their node starts anew from a snapshot", file: "internal/sim/applyshell.go",
			old: "	n.gate.restart(n)\n	n.peers.asked.Applied(index)",
			new: "	n.peers.asked.Applied(index)",
		},
		{
			name: "among nodes: who leads no more keeps its callers", file: "internal/replica/ready.go",
			old: "		c.lose(noLeader())\n		c.clock.resign(c.now)",
			new: "		c.clock.resign(c.now)",
		},
	}
}

// forwardBugs are those of what goes between a node and the leader.
func forwardBugs() []bug {
	return []bug{
		{
			name: "between nodes: an answer to an earlier process is accepted", file: "internal/forward/table.go",
			old: "	return &Table{last: first, waiting",
			new: "	return &Table{last: first * 0, waiting",
		},
		{
			name: "between nodes: a follower answers before it has applied", file: "internal/forward/table.go",
			old: "	for len(t.arrived) > 0 && t.arrived[0].index <= t.applied {",
			new: "	for len(t.arrived) > 0 {",
		},
		{
			name: "between nodes: what a lost node was asked is waited for", file: "internal/forward/table.go",
			old: "	t.drop(func(w *asked) bool { return now-w.since > AnswerLimit })",
			new: "	t.drop(func(w *asked) bool { return now-w.since > 1000*AnswerLimit })",
		},
		{
			name: "between nodes: what was asked again has new ids", file: "internal/edge/courier_batch.go",
			old: "		parcel.open = true\n	}\n}",
			new: "		parcel.open = true\n		if c := *parcel.command; c.ID != \"\" {\n			c.ID, c.Session, c.Seq = c.ID+\"x\", evenkeel.SessionID{}, 0\n			parcel.command = &c\n		}\n	}\n}",
		},
		{
			name: "between nodes: a void incarnation refuses its callers", file: "internal/edge/courier_batch.go",
			old: "		code, told = closeLost, sessionLost()",
			new: "		code = closeLost",
		},
	}
}
