package notify

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/template/parse"
)

// TemplateError is one thing wrong with a template or a locale file. Load returns all
// of them at once, joined.
type TemplateError struct {
	File    string // relative to its file system, with the override's number if it is one
	Line    int    // 0 if it is about the file
	Problem string // what is wrong, and what there is instead
}

// Error is one line: file, line, problem.
func (e *TemplateError) Error() string {
	if e.Line == 0 {
		return "notify: " + e.File + ": " + e.Problem
	}
	return "notify: " + e.File + ":" + strconv.Itoa(e.Line) + ": " + e.Problem
}

// use is one place where a template asks for a text.
type use struct {
	file   string
	line   int
	key    string
	plural bool
	args   []string
}

// checker walks parsed templates with the types their dots will have, so that a mistake
// in a branch that no sample reaches is found too.
type checker struct {
	trees map[string]*parse.Tree
	funcs map[string]reflect.Type
	uses  []use
	errs  []error
	done  map[visit]bool

	tree *parse.Tree
	vars []variable
}

type visit struct {
	name string
	dot  reflect.Type
}

type variable struct {
	name string
	typ  reflect.Type // nil: not known
}

// check walks the template called name with a dot of the type; a nil type is unknown and
// allows every field.
func (c *checker) check(name string, dot reflect.Type) {
	v := visit{name, dot}
	tree := c.trees[name]
	if c.done[v] || tree == nil || tree.Root == nil {
		return
	}
	c.done[v] = true
	outerTree, outerVars := c.tree, c.vars
	c.tree, c.vars = tree, []variable{{"$", dot}}
	c.node(tree.Root, dot)
	c.tree, c.vars = outerTree, outerVars
}

func (c *checker) fail(n parse.Node, format string, args ...any) {
	file, line := c.place(n)
	e := &TemplateError{File: file, Line: line, Problem: fmt.Sprintf(format, args...)}
	for _, o := range c.errs {
		if *o.(*TemplateError) == *e {
			return
		}
	}
	c.errs = append(c.errs, e)
}

func (c *checker) place(n parse.Node) (string, int) {
	loc, _ := c.tree.ErrorContext(n) // name:line:column
	parts := strings.Split(loc, ":")
	if len(parts) < 3 {
		return loc, 0
	}
	line, _ := strconv.Atoi(parts[len(parts)-2])
	return strings.Join(parts[:len(parts)-2], ":"), line
}

func (c *checker) node(n parse.Node, dot reflect.Type) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, m := range n.Nodes {
			c.node(m, dot)
		}
	case *parse.TextNode:
		if strings.Contains(string(n.Text), "<!--[if") {
			c.fail(n, `html/template removes conditional comments; write {{outlook "…"}} instead`)
		}
	case *parse.ActionNode:
		c.pipe(n.Pipe, dot)
	case *parse.IfNode:
		c.branch(n.Pipe, n.List, n.ElseList, dot, func(reflect.Type) reflect.Type { return dot })
	case *parse.WithNode:
		c.branch(n.Pipe, n.List, n.ElseList, dot, func(t reflect.Type) reflect.Type { return t })
	case *parse.RangeNode:
		c.branchRange(n, dot)
	case *parse.TemplateNode:
		var arg reflect.Type = reflect.TypeFor[noDot]()
		if n.Pipe != nil {
			arg = c.pipe(n.Pipe, dot)
		}
		if c.trees[n.Name] == nil {
			names := make([]string, 0, len(c.trees))
			for name := range c.trees {
				names = append(names, name)
			}
			c.fail(n, "no template %q%s", n.Name, instead(n.Name, names))
			return
		}
		c.check(n.Name, arg)
	}
}

// noDot is the dot of a template that is called without one.
type noDot struct{}

func (c *checker) branch(p *parse.PipeNode, list, elseList *parse.ListNode, dot reflect.Type, inner func(reflect.Type) reflect.Type) {
	mark := len(c.vars)
	t := c.pipe(p, dot)
	c.node(list, inner(t))
	c.vars = c.vars[:mark]
	if elseList != nil {
		c.node(elseList, dot)
	}
	c.vars = c.vars[:mark]
}

func (c *checker) branchRange(n *parse.RangeNode, dot reflect.Type) {
	mark := len(c.vars)
	decl := n.Pipe.Decl
	n2 := *n.Pipe
	n2.Decl = nil // range declares element and index, not the pipeline's value
	t := indirect(c.pipe(&n2, dot))
	var key, elem reflect.Type
	if t != nil {
		switch t.Kind() {
		case reflect.Slice, reflect.Array:
			key, elem = reflect.TypeFor[int](), t.Elem()
		case reflect.Map:
			key, elem = t.Key(), t.Elem()
		case reflect.Int:
			key, elem = t, t
		case reflect.Interface, reflect.Func:
		default:
			c.fail(n, "cannot range over %s", typeName(t))
		}
	}
	switch len(decl) {
	case 1:
		c.vars = append(c.vars, variable{decl[0].Ident[0], elem})
	case 2:
		c.vars = append(c.vars, variable{decl[0].Ident[0], key}, variable{decl[1].Ident[0], elem})
	}
	c.node(n.List, elem)
	c.vars = c.vars[:mark]
	if n.ElseList != nil {
		c.node(n.ElseList, dot)
	}
	c.vars = c.vars[:mark]
}

func (c *checker) pipe(p *parse.PipeNode, dot reflect.Type) reflect.Type {
	if p == nil {
		return nil
	}
	var t reflect.Type
	for i, cmd := range p.Cmds {
		t = c.command(cmd, dot, t, i > 0)
	}
	for _, v := range p.Decl {
		if p.IsAssign {
			continue
		}
		c.vars = append(c.vars, variable{v.Ident[0], t})
	}
	return t
}

// command returns the type of one command; last is the value piped into it.
func (c *checker) command(cmd *parse.CommandNode, dot, last reflect.Type, piped bool) reflect.Type {
	first := cmd.Args[0]
	rest := cmd.Args[1:]
	if id, ok := first.(*parse.IdentifierNode); ok {
		return c.call(id, rest, dot, last, piped)
	}
	var types []reflect.Type
	for _, a := range rest {
		types = append(types, c.arg(a, dot))
	}
	t := c.arg(first, dot)
	_ = types
	if len(rest) > 0 || piped {
		switch first.(type) {
		case *parse.FieldNode, *parse.VariableNode, *parse.ChainNode:
			if t != nil && t.Kind() != reflect.Func && !c.isMethod(first, dot) {
				c.fail(cmd, "%s is not a function and takes no arguments", first)
			}
		default:
			c.fail(cmd, "%s takes no arguments", first)
		}
	}
	return t
}

// isMethod reports whether the node ends in a method, so that it may take arguments.
func (c *checker) isMethod(n parse.Node, dot reflect.Type) bool {
	var t reflect.Type
	var names []string
	switch n := n.(type) {
	case *parse.FieldNode:
		t, names = dot, n.Ident
	case *parse.VariableNode:
		t, names = c.variable(n), n.Ident[1:]
	case *parse.ChainNode:
		t, names = c.arg(n.Node, dot), n.Field
	}
	for i, name := range names {
		if t == nil {
			return true
		}
		if m, ok := method(t, name); ok && i == len(names)-1 {
			return m.Type.NumIn() > 1
		}
		t = step(t, name)
	}
	return false
}

func (c *checker) arg(n parse.Node, dot reflect.Type) reflect.Type {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return c.fields(n, dot, n.Ident)
	case *parse.VariableNode:
		return c.fields(n, c.variable(n), n.Ident[1:])
	case *parse.ChainNode:
		return c.fields(n, c.arg(n.Node, dot), n.Field)
	case *parse.PipeNode:
		return c.pipe(n, dot)
	case *parse.IdentifierNode:
		return c.call(n, nil, dot, nil, false)
	case *parse.StringNode:
		return reflect.TypeFor[string]()
	case *parse.BoolNode:
		return reflect.TypeFor[bool]()
	case *parse.NumberNode:
		if n.IsInt {
			return reflect.TypeFor[int]()
		}
		return reflect.TypeFor[float64]()
	}
	return nil
}

func (c *checker) variable(n *parse.VariableNode) reflect.Type {
	for i := len(c.vars) - 1; i >= 0; i-- {
		if c.vars[i].name == n.Ident[0] {
			return c.vars[i].typ
		}
	}
	return nil // the parser refuses variables that are not declared
}

// fields follows names from t, and reports the first that is not there.
func (c *checker) fields(n parse.Node, t reflect.Type, names []string) reflect.Type {
	for _, name := range names {
		if t == nil || indirect(t).Kind() == reflect.Interface {
			return nil
		}
		if t == reflect.TypeFor[noDot]() {
			c.fail(n, "the template is called without a value, so there is no .%s", name)
			return nil
		}
		next := step(t, name)
		if next == nil {
			c.fail(n, "%s has no field %s%s", typeName(t), name, instead(name, members(t)))
			return nil
		}
		t = next
	}
	return t
}

// step is the type of one field, method or map entry; nil if there is none.
func step(t reflect.Type, name string) reflect.Type {
	if m, ok := method(t, name); ok {
		if m.Type.NumOut() == 0 {
			return nil
		}
		return m.Type.Out(0)
	}
	t = indirect(t)
	switch t.Kind() {
	case reflect.Struct:
		if f, ok := t.FieldByName(name); ok && f.IsExported() {
			return f.Type
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return t.Elem()
		}
	}
	return nil
}

func method(t reflect.Type, name string) (reflect.Method, bool) {
	if m, ok := t.MethodByName(name); ok {
		return m, true
	}
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		return reflect.PointerTo(t).MethodByName(name)
	}
	return reflect.Method{}, false
}

func members(t reflect.Type) []string {
	var out []string
	t = indirect(t)
	if t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() {
				out = append(out, f.Name)
			}
		}
	}
	for p, i := reflect.PointerTo(t), 0; i < p.NumMethod(); i++ {
		out = append(out, p.Method(i).Name)
	}
	return out
}

func indirect(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func typeName(t reflect.Type) string { return strings.TrimPrefix(indirect(t).String(), "notify.") }

// builtins of text/template, with the least and most arguments; -1 is any number.
var builtins = map[string][2]int{
	"and": {1, -1}, "or": {1, -1}, "not": {1, 1}, "len": {1, 1}, "index": {1, -1}, "slice": {1, 4}, "print": {0, -1}, "printf": {1, -1},
	"println": {0, -1}, "html": {1, -1}, "js": {1, -1}, "urlquery": {1, -1}, "call": {1, -1},
	"eq": {2, -1}, "ne": {2, 2}, "lt": {2, 2}, "le": {2, 2}, "gt": {2, 2}, "ge": {2, 2},
}

func (c *checker) call(id *parse.IdentifierNode, args []parse.Node, dot, last reflect.Type, piped bool) reflect.Type {
	var types []reflect.Type
	for _, a := range args {
		types = append(types, c.arg(a, dot))
	}
	if piped {
		types = append(types, last)
	}
	name := id.Ident
	if lim, ok := builtins[name]; ok {
		if len(types) < lim[0] || lim[1] >= 0 && len(types) > lim[1] {
			c.fail(id, "wrong number of arguments for %s: %d", name, len(types))
			return nil
		}
		switch name {
		case "not", "eq", "ne", "lt", "le", "gt", "ge":
			return reflect.TypeFor[bool]()
		case "len":
			if t := indirect(types[0]); t != nil {
				switch t.Kind() {
				case reflect.Slice, reflect.Array, reflect.Map, reflect.String, reflect.Chan, reflect.Interface:
				default:
					c.fail(id, "len of %s", typeName(t))
				}
			}
			return reflect.TypeFor[int]()
		case "and", "or":
			for _, t := range types[1:] {
				if t != types[0] {
					return nil
				}
			}
			return types[0]
		case "index":
			t := indirect(types[0])
			for range types[1:] {
				if t == nil {
					return nil
				}
				switch t.Kind() {
				case reflect.Slice, reflect.Array, reflect.Map:
					t = t.Elem()
				case reflect.String:
					t = reflect.TypeFor[byte]()
				default:
					c.fail(id, "cannot index %s", typeName(t))
					return nil
				}
			}
			return t
		case "slice":
			return types[0]
		case "call":
			return nil
		}
		return reflect.TypeFor[string]()
	}
	f, ok := c.funcs[name]
	if !ok {
		names := make([]string, 0, len(c.funcs)+len(builtins))
		for n := range c.funcs {
			names = append(names, n)
		}
		for n := range builtins {
			names = append(names, n)
		}
		c.fail(id, "no function %q%s", name, instead(name, names))
		return nil
	}
	least := f.NumIn()
	if f.IsVariadic() {
		least--
	}
	if len(types) < least || !f.IsVariadic() && len(types) > least {
		c.fail(id, "%s takes %d arguments, not %d", name, least, len(types))
		return f.Out(0)
	}
	for i, t := range types {
		var want reflect.Type
		if f.IsVariadic() && i >= least {
			want = f.In(least).Elem()
		} else {
			want = f.In(i)
		}
		if t != nil && want.Kind() != reflect.Interface && t.Kind() != reflect.Interface && !t.AssignableTo(want) &&
			!(t.Kind() == reflect.Pointer && t.Elem().AssignableTo(want)) && !(want.Kind() == reflect.Pointer && t.AssignableTo(want.Elem())) {
			c.fail(id, "argument %d of %s must be %s, not %s", i+1, name, typeName(want), typeName(t))
		}
	}
	if name == "t" || name == "plural" {
		c.textUse(id, name == "plural", args, piped)
	}
	return f.Out(0)
}

// textUse notes which text is asked for, so that each locale can be held against it.
func (c *checker) textUse(id *parse.IdentifierNode, plural bool, args []parse.Node, piped bool) {
	key, ok := args[0].(*parse.StringNode)
	if !ok || piped {
		c.fail(id, "the first argument of %s must be a literal, so that every locale can be checked for it", id.Ident)
		return
	}
	u := use{key: key.Text, plural: plural}
	u.file, u.line = c.place(id)
	pairs := args[1:]
	if plural {
		u.args = append(u.args, "n")
		pairs = args[2:]
	}
	if len(pairs)%2 != 0 {
		c.fail(id, "%s %q: arguments come in pairs of name and value", id.Ident, key.Text)
		return
	}
	for i := 0; i < len(pairs); i += 2 {
		s, ok := pairs[i].(*parse.StringNode)
		if !ok {
			c.fail(id, "%s %q: the name of an argument must be a literal", id.Ident, key.Text)
			return
		}
		u.args = append(u.args, s.Text)
	}
	c.uses = append(c.uses, u)
}

// checkTexts holds what the templates ask for against every locale.
func checkTexts(uses []use, l *locales) []error {
	var errs []error
	add := func(e *TemplateError) {
		for _, o := range errs {
			if *o.(*TemplateError) == *e {
				return
			}
		}
		errs = append(errs, e)
	}
	names := make([]string, 0, len(l.byName))
	for n := range l.byName {
		names = append(names, n)
	}
	sort.Strings(names)
	all := map[string]bool{}
	for _, p := range l.byName {
		for key := range p.texts {
			all[key] = true
		}
	}
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, u := range uses {
		if !all[u.key] {
			add(&TemplateError{File: u.file, Line: u.line, Problem: fmt.Sprintf("no text %q in any locale%s", u.key, instead(u.key, keys))})
			continue
		}
		for _, n := range names {
			ph, ok := l.byName[n].texts[u.key]
			if !ok {
				continue // reported below, once
			}
			if u.plural && !ph.many {
				add(&TemplateError{File: ph.file, Line: ph.line, Problem: fmt.Sprintf("%q is used as a plural at %s:%d and needs its forms", u.key, u.file, u.line)})
			}
			if !u.plural && ph.many {
				add(&TemplateError{File: u.file, Line: u.line, Problem: fmt.Sprintf("%q is a plural in %s: use plural, not t", u.key, n)})
				continue
			}
			for _, pat := range ph.forms {
				for _, name := range pat.names() {
					if !slices.Contains(u.args, name) {
						add(&TemplateError{File: ph.file, Line: ph.line, Problem: fmt.Sprintf("%q: {%s} is not given at %s:%d%s", u.key, name, u.file, u.line, instead(name, u.args))})
					}
				}
			}
		}
	}
	for _, n := range names {
		p := l.byName[n]
		for _, key := range keys {
			if _, ok := p.texts[key]; !ok {
				add(&TemplateError{File: "locales/" + n + ".json", Problem: fmt.Sprintf("no text %q%s", key, instead(key, mapKeys(p.texts)))})
			}
		}
	}
	return errs
}

func mapKeys(m map[string]*phrase) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// instead names the nearest of what there is, or lists it if it is short.
func instead(name string, have []string) string {
	have = slices.Clone(have)
	sort.Strings(have)
	have = slices.Compact(have)
	best, least := "", max(2, len(name)/3)+1
	for _, h := range have {
		if d := distance(strings.ToLower(name), strings.ToLower(h)); d < least {
			best, least = h, d
		}
	}
	switch {
	case best != "":
		return "; did you mean " + best + "?"
	case len(have) > 0 && len(have) <= 24:
		return "; there is " + strings.Join(have, ", ")
	}
	return ""
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			next := diag
			if a[i-1] != b[j-1] {
				next = 1 + min(diag, row[j], row[j-1])
			}
			diag, row[j] = row[j], next
		}
	}
	return row[len(b)]
}
