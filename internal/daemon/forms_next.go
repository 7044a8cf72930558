//go:build vipd_next

package daemon

import "encoding/json"

// nextForm is a version that the present one does not read: the state is
// wrapped. A binary built with this tag stands for the next release in tests of
// upgrades and of the way back.
type nextForm struct {
	State json.RawMessage `json:"state_of_the_next_version"`
}

func init() {
	present := forms[0]
	forms = append([]form{{
		version: present.version + 1,
		encode: func(v any) (json.RawMessage, error) {
			b, err := present.encode(v)
			if err != nil {
				return nil, err
			}
			return json.Marshal(nextForm{b})
		},
		decode: func(b json.RawMessage, v any) error {
			var n nextForm
			if err := json.Unmarshal(b, &n); err != nil {
				return err
			}
			return present.decode(n.State, v)
		},
	}}, forms...)
}
