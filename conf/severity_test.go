package conf

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Clients of the control socket read diagnostics back from JSON.
func TestDiagnosticsSurviveJSON(t *testing.T) {
	want := Diagnostics{{Severity: Error, Code: "a", Line: 1}, {Severity: Warning, Code: "b"}, {Severity: Note, Code: "c"}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Diagnostics
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`[{"severity":"loud"}]`), &got); err == nil {
		t.Error("an unknown severity was accepted")
	}
}
