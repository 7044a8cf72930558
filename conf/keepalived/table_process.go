package keepalived

import "strconv"

// globalProcesses are the settings of keepalived's processes: its parent is the
// supervisor, its VRRP process the router, its checker the checker.
func globalProcesses() []*keyword {
	of := func(i int) func(*reader) *process { return func(r *reader) *process { return &r.global.processes[i] } }
	name := func(word string, i int) *keyword {
		return does(word, text(func(r *reader) **string { return &of(i)(r).name }))
	}
	out := many(
		does("process_names", toggle(global(func(g *globals) **bool { return &g.processNames }))),
		name("process_name", 0), name("vrrp_process_name", 1), name("checker_process_name", 2),
		does("checker_no_swap", toggle(func(r *reader) **bool { return &of(2)(r).noSwap })),
	)
	for i, prefix := range []string{1: "vrrp", 2: "checker"} {
		if prefix == "" {
			continue
		}
		out = append(out,
			does(prefix+"_priority", integer(-20, 19, func(r *reader) **int { return &of(i)(r).nice })),
			does(prefix+"_cpu_affinity", func(r *reader, s *statement) { of(i)(r).cpus = r.processors(s) }))
	}
	return out
}

// processors reads a list of numbers of processors.
func (r *reader) processors(s *statement) []int {
	var out []int
	for i := 1; i < len(s.words); i++ {
		n, err := strconv.Atoi(s.arg(i))
		if err != nil || n < 0 || n > 1023 {
			r.invalid(s, i, "is not the number of a processor")
			continue
		}
		out = append(out, n)
	}
	return out
}
