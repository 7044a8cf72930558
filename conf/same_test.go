package conf

import "testing"

func TestSame(t *testing.T) {
	load := func(lines string) *Config { return readBack(t, []byte("version = 1\n"+lines), "") }
	const server = "virtual_server \"a\" {\n  address = \"192.0.2.1:80\"\n  forward = \"direct\"\n  real_server \"192.0.2.2\" {\n    weight = "
	a, b, c := load(server+"1\n  }\n}\n"), load(server+"1\n  }\n}\n"), load(server+"2\n  }\n}\n")
	b.Files, b.Notify = []string{"other"}, map[string]Notify{}
	if !Same(a, b) {
		t.Error("names of files and empty lists make a difference")
	}
	if Same(a, c) || Same(a, load("")) || Same(load(""), a) {
		t.Error("a weight and a virtual server make none")
	}
	for name, m := range samples(t) {
		if !Same(m, m) || Same(m, a) {
			t.Errorf("%s is not the same as itself, or as another", name)
		}
	}
}
