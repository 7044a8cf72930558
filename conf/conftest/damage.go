package conftest

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// accidents are what happens to the lines of a file; r draws where.
var accidents = []func(lines []string, r *rand.Rand) []string{
	func(lines []string, r *rand.Rand) []string { // one is lost
		i := r.IntN(len(lines))
		return slices.Delete(lines, i, i+1)
	},
	func(lines []string, r *rand.Rand) []string { // one is there twice
		i := r.IntN(len(lines))
		return slices.Insert(lines, i, lines[i])
	},
	func(lines []string, r *rand.Rand) []string { // two change places
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		lines[i], lines[j] = lines[j], lines[i]
		return lines
	},
	func(lines []string, r *rand.Rand) []string { // the file ends early
		return lines[:1+r.IntN(len(lines))]
	},
	func(lines []string, r *rand.Rand) []string { // a line ends early
		i := r.IntN(len(lines))
		lines[i] = lines[i][:r.IntN(len(lines[i])+1)]
		return lines
	},
	func(lines []string, r *rand.Rand) []string { // something is typed
		i := r.IntN(len(lines))
		at := r.IntN(len(lines[i]) + 1)
		lines[i] = lines[i][:at] + slips[r.IntN(len(slips))] + lines[i][at:]
		return lines
	},
	func(lines []string, r *rand.Rand) []string { // a word is another one of the file
		i, words := r.IntN(len(lines)), strings.Fields(lines[r.IntN(len(lines))])
		own := strings.Fields(lines[i])
		if len(own) > 0 && len(words) > 0 {
			lines[i] = strings.Replace(lines[i], own[r.IntN(len(own))], words[r.IntN(len(words))], 1)
		}
		return lines
	},
}

// slips are what is typed.
var slips = []string{
	"{", "}", "\"", "'", "#", "!", "$", "${A}", "$A=", "@x ", "~SEQ(A,1,9) ", "~LST(A,1,2) ", "\\", "\t", "\x00", "\xff", "=", "-1", "99999999999", "0.0000001", "::", "/", "include ",
}

// Damaged returns n texts, each the given one after one to five accidents. The
// same seed gives the same texts.
func Damaged(text string, seed uint64, n int) []string {
	r := rand.New(rand.NewPCG(seed, uint64(len(text))))
	var out []string
	for range n {
		lines := strings.Split(text, "\n")
		for range 1 + r.IntN(5) {
			if len(lines) == 0 {
				break
			}
			lines = accidents[r.IntN(len(accidents))](lines, r)
		}
		out = append(out, strings.Join(lines, "\n"))
	}
	return out
}
