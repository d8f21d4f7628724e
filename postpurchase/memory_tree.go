package postpurchase

import (
	"iter"
	"math/rand/v2"
)

// tree is a sorted map that never changes: put and delete return another one, which
// shares what is equal with the first. That is all a Memory needs to read one
// consistent state while the next is made, and to undo: it keeps the tree it had.
//
// It is a treap: a search tree by key and, so that it stays shallow, a heap by a
// random number.
type tree[K, V any] struct {
	root    *node[K, V]
	compare func(a, b K) int
	size    int
}

type node[K, V any] struct {
	key         K
	value       V
	priority    uint64
	left, right *node[K, V]
}

func newTree[K, V any](compare func(a, b K) int) tree[K, V] { return tree[K, V]{compare: compare} }

func (t tree[K, V]) get(key K) (value V, ok bool) {
	for n := t.root; n != nil; {
		switch c := t.compare(key, n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n.value, true
		}
	}
	return value, false
}

func (t tree[K, V]) put(key K, value V) tree[K, V] {
	added := false
	t.root = t.insert(t.root, key, value, &added)
	if added {
		t.size++
	}
	return t
}

func (t tree[K, V]) insert(n *node[K, V], key K, value V, added *bool) *node[K, V] {
	if n == nil {
		*added = true
		return &node[K, V]{key: key, value: value, priority: rand.Uint64()}
	}
	m := *n
	switch c := t.compare(key, n.key); {
	case c < 0:
		m.left = t.insert(n.left, key, value, added)
		if l := m.left; l.priority > m.priority { // l is new: it may be turned in place
			m.left, l.right = l.right, &m
			return l
		}
	case c > 0:
		m.right = t.insert(n.right, key, value, added)
		if r := m.right; r.priority > m.priority {
			m.right, r.left = r.left, &m
			return r
		}
	default:
		m.key, m.value = key, value
	}
	return &m
}

func (t tree[K, V]) delete(key K) tree[K, V] {
	if _, ok := t.get(key); ok {
		t.root = t.remove(t.root, key)
		t.size--
	}
	return t
}

func (t tree[K, V]) remove(n *node[K, V], key K) *node[K, V] {
	m := *n
	switch c := t.compare(key, n.key); {
	case c < 0:
		m.left = t.remove(n.left, key)
	case c > 0:
		m.right = t.remove(n.right, key)
	default:
		return join(n.left, n.right)
	}
	return &m
}

// join puts two trees together of which all keys of a are before those of b.
func join[K, V any](a, b *node[K, V]) *node[K, V] {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	if a.priority > b.priority {
		m := *a
		m.right = join(a.right, b)
		return &m
	}
	m := *b
	m.left = join(a, b.left)
	return &m
}

// from goes through the keys at and after low, in order.
func (t tree[K, V]) from(low K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { t.ascend(t.root, low, yield) }
}

func (t tree[K, V]) ascend(n *node[K, V], low K, yield func(K, V) bool) bool {
	if n == nil {
		return true
	}
	if t.compare(low, n.key) > 0 {
		return t.ascend(n.right, low, yield)
	}
	return t.ascend(n.left, low, yield) && yield(n.key, n.value) && t.ascend(n.right, low, yield)
}
