package runner

import "github.com/vipd/vipd/healthcheck"

// Memories returns what every key's results say, as data for Recall.
func (r *Runner) Memories() []healthcheck.Memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]healthcheck.Memory, 0, len(r.state.sorted))
	for _, e := range r.state.sorted {
		if e.health.Seen() {
			all = append(all, e.health.Memory(e.key))
		}
	}
	return all
}

// Len returns how many keys there are.
func (r *Runner) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.state.sorted)
}

// MemoriesFrom returns what at most n keys say, beginning with the one at from
// in the order of healthcheck.CompareKeys, and where to go on; 0 after the last.
func (r *Runner) MemoriesFrom(from, n int) (some []healthcheck.Memory, next int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.state.sorted
	from = min(from, len(all))
	end := min(from+n, len(all))
	for _, e := range all[from:end] {
		if e.health.Seen() {
			some = append(some, e.health.Memory(e.key))
		}
	}
	if end == len(all) {
		end = 0
	}
	return some, end
}

// Memory returns what the results of one key say, and whether it has any.
func (r *Runner) Memory(k healthcheck.Key) (healthcheck.Memory, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.state.entries.find(k)
	if e == nil || !e.health.Seen() {
		return healthcheck.Memory{}, false
	}
	return e.health.Memory(e.key), true
}

// Recall gives the keys of the next Apply what an earlier Runner knew of them.
// Keys that have changed their timing alone keep their verdict as well.
func (r *Runner) Recall(all []healthcheck.Memory) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.recalled = make(map[healthcheck.Key]*entry, len(all))
	for _, m := range all {
		r.state.recalled[untimed(m.Key)] = &entry{
			key: m.Key, health: healthcheck.Recall(m), history: healthcheck.NewHistory(r.options.History),
		}
	}
}
