package conf

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// scope builds what expressions may refer to: local values first as far as
// they do not depend on the director, then the director, then the rest.
type scope struct {
	*decoder
	locals map[string]*hcl.Attribute
	values map[string]cty.Value // of locals that are evaluated
	busy   map[string]bool      // locals whose evaluation has begun
	order  []string             // of locals, as written
}

func newScope(d *decoder) *scope {
	return &scope{
		decoder: d, locals: map[string]*hcl.Attribute{},
		values: map[string]cty.Value{}, busy: map[string]bool{},
	}
}

// add takes the attributes of a locals block.
func (s *scope) add(body hcl.Body) {
	attrs, diags := body.JustAttributes()
	s.hclDiags("structure", diags, nil)
	for _, a := range inOrder(attrs) {
		if prev, again := s.locals[a.Name]; again {
			s.errorf("duplicate_name", a.NameRange, "", "local.%s is defined twice, first at %s", a.Name, where(prev.NameRange))
			continue
		}
		s.locals[a.Name] = a
		s.order = append(s.order, a.Name)
	}
}

// evaluate computes the locals; without the director, those that need it are
// left for later.
func (s *scope) evaluate(withDirector bool) {
	for _, name := range s.order {
		if withDirector || !s.needsDirector(name, map[string]bool{}) {
			s.local(name)
		}
	}
	s.publish()
}

// publish makes the values that are known visible as local.*.
func (s *scope) publish() {
	s.ctx.Variables["local"] = cty.ObjectVal(s.values)
}

// local evaluates one local value after those that it uses.
func (s *scope) local(name string) {
	if _, done := s.values[name]; done {
		return
	}
	s.busy[name] = true
	a := s.locals[name]
	for _, used := range s.uses(a.Expr) {
		if _, done := s.values[used]; !done && s.busy[used] {
			s.errorf("cycle", a.NameRange, "", "local.%s depends on itself through local.%s", name, used)
			s.values[name] = cty.DynamicVal
			return
		}
		s.local(used)
	}
	if _, done := s.values[name]; done {
		return
	}
	s.publish()
	v, ok := s.eval(a.Expr)
	if !ok {
		v = cty.DynamicVal
	}
	s.values[name] = v
}

// uses returns the locals that an expression refers to and that exist.
func (s *scope) uses(expr hcl.Expression) []string {
	var names []string
	for _, t := range expr.Variables() {
		if t.RootName() != "local" || len(t) < 2 {
			continue
		}
		if step, ok := t[1].(hcl.TraverseAttr); ok && s.locals[step.Name] != nil {
			names = append(names, step.Name)
		}
	}
	return names
}

// needsDirector reports whether a local refers to the director, itself or
// through others.
func (s *scope) needsDirector(name string, visited map[string]bool) bool {
	if visited[name] {
		return false
	}
	visited[name] = true
	expr := s.locals[name].Expr
	for _, t := range expr.Variables() {
		if t.RootName() == "director" || t.RootName() == "directors" {
			return true
		}
	}
	for _, used := range s.uses(expr) {
		if s.needsDirector(used, visited) {
			return true
		}
	}
	return false
}
