package conf

// Nearest returns the known name that s was probably meant to be, or "".
func Nearest(s string, known []string) string { return nearest(s, known) }
