//evenkeel:pure

package levels

import "github.com/evenkeel/evenkeel"

// Counted is a desk, as its counts are read.
type Counted interface {
	TallyIDs(by evenkeel.Principal, agents bool, after string, limit int) ([]string, error)
	Tallies(by evenkeel.Principal, f evenkeel.TallyFilter) (page []evenkeel.Tally, more bool, err error)
}

// Whole reports on all queues and agents of the reader's workspace in a range:
// to hold one desk against another, such as a replay of its log.
func Whole(c Counted, by evenkeel.Principal, r Range, rule Rule) (queues []QueueReport, agents []AgentReport, err error) {
	const atOnce = 500
	for _, of := range []bool{false, true} {
		after := ""
		for {
			ids, err := c.TallyIDs(by, of, after, atOnce)
			if err != nil {
				return nil, nil, err
			}
			for _, id := range ids {
				rows, err := rowsOf(c, by, evenkeel.TallyFilter{Agents: of, ID: id, From: r.From, To: r.To, Limit: atOnce}, r)
				if err != nil {
					return nil, nil, err
				}
				for _, row := range rows {
					if of {
						agents = append(agents, *OfAgent(row))
					} else {
						queues = append(queues, *OfQueue(row, rule))
					}
				}
			}
			if len(ids) < atOnce {
				break
			}
			after = ids[len(ids)-1]
		}
	}
	return queues, agents, nil
}

func rowsOf(c Counted, by evenkeel.Principal, f evenkeel.TallyFilter, r Range) ([]*Row, error) {
	var all []evenkeel.Tally
	for more := true; more; {
		var page []evenkeel.Tally
		var err error
		if page, more, err = c.Tallies(by, f); err != nil {
			return nil, err
		}
		if all = append(all, page...); more {
			f.After = page[len(page)-1]
		}
	}
	return Rows(f.ID, all, r), nil
}
