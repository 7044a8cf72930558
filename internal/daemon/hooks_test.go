package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
)

// TestHooksAreBounded: when very many things die at once, all programs run in
// the end, but few of them at a time.
func TestHooksAreBounded(t *testing.T) {
	dir := t.TempDir()
	busy, told := filepath.Join(dir, "busy"), filepath.Join(dir, "told")
	if err := os.Mkdir(busy, 0o777); err != nil {
		t.Fatal(err)
	}
	h := newHooks(func(_, message string, _ map[string]any) { t.Error(message) })
	h.configure(conf.Scripts{Timeout: time.Minute})
	const deaths = 3 * maxHooks
	script := fmt.Sprintf(`touch %[1]s/$1; echo $(ls %[1]s | wc -l) >>%[2]s; rm %[1]s/$1`, busy, told)
	for i := range deaths {
		h.start(&hookCall{key: fmt.Sprint("real server ", i), command: []string{"/bin/sh", "-c", script, "sh", fmt.Sprint(i)}})
	}
	h.work.Wait()
	text, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != deaths {
		t.Errorf("%d of %d programs ran", len(lines), deaths)
	}
	for _, l := range lines {
		var together int
		if _, err := fmt.Sscan(l, &together); err != nil || together > maxHooks {
			t.Errorf("%s programs ran at a time", l)
		}
	}
}
