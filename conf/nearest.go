package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// nearest returns the known name that s was probably meant to be, or "".
func nearest(s string, known []string) string {
	best, limit := "", 1+len(s)/4 // so many letters may be wrong
	for _, k := range known {
		if d := distance(strings.ToLower(s), strings.ToLower(k)); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// distance is the number of letters to insert, remove or replace; any change
// of their order counts as one.
func distance(a, b string) int {
	if a != b && sortedLetters(a) == sortedLetters(b) {
		return 1
	}
	return levenshtein.Distance(a, b, nil)
}

func sortedLetters(s string) string {
	letters := []byte(s)
	slices.Sort(letters)
	return string(letters)
}

// didYouMean is the hint for an unknown word: the nearest known one, else all
// of them if they are few.
func didYouMean(s string, known []string) string {
	if n := nearest(s, known); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return oneOf(known)
}

// oneOf lists the known words, if they are few enough to be of help.
func oneOf(known []string) string {
	if len(known) == 0 || len(known) > 16 {
		return ""
	}
	quoted := make([]string, len(known))
	for i, k := range known {
		quoted[i] = fmt.Sprintf("%q", k)
	}
	return "known: " + strings.Join(quoted, ", ")
}

// elsewhere says which blocks know a key that is unknown where it is written.
func elsewhere(key string) string {
	places := placesOf(rootBlock, key, nil)
	if len(places) == 0 {
		return ""
	}
	return fmt.Sprintf("%q belongs in %s", key, strings.Join(places, " or "))
}

// placesOf adds the blocks below b that have the key.
func placesOf(b *block, key string, places []string) []string {
	add := func(title string, names []string) {
		if b.name != "" && slices.Contains(names, key) && !slices.Contains(places, title) {
			places = append(places, title)
		}
	}
	add(b.name, b.keys(nil))
	for _, v := range b.byLabel {
		if b != checkDefaultsBlock && !slices.Contains(b.keys(nil), key) {
			labels := []string{v.label}
			add(blockTitle(b.name, labels), b.keys(labels))
		}
	}
	for _, c := range b.blocks {
		places = placesOf(c, key, places)
	}
	return places
}

// Nearest returns the known word that s was probably meant to be, or "".
func Nearest(s string, known []string) string { return nearest(s, known) }
