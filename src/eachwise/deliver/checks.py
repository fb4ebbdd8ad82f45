"""Every value that a template prints must be known to be there, or the template must say what to print instead.

``person.traits.NAME``, ``event.NAME`` and what an item may lack are optional: they need ``| default(…)`` or an
``if`` around them. Everything else must be one of the names that a message has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from eachwise.deliver.sandbox import environment

Path = tuple[str, ...]
Guards = frozenset[Path]
Found = Iterator[tuple[int, str]]

# What is always there, by root: its fields. An empty set: the root itself, a text or a function.
ALWAYS: dict[str, frozenset[str]] = {
    "person": frozenset({"individual_id", "stage", "lapsed", "engagement", "traits"}),
    "experience": frozenset({"experience_id", "title", "kind"}),
    "event": frozenset(),
    "items": frozenset(),
    "link": frozenset(),
    "unsubscribe_url": frozenset(),
    "preferences_url": frozenset(),
    "message_id": frozenset(),
    "range": frozenset(),
}
ITEM_ALWAYS = frozenset({"item_id", "title", "attributes", "reasons"})
ITEM_OPTIONAL = frozenset({"url", "image_url", "price", "currency"})
LOOP = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"}
)
FOR_DEPTH_MAX = 2

_ITEM, _FREE, _LOOP = "item", "free", "loop"
_REFUSED = (
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.Block,
    nodes.Macro,
    nodes.CallBlock,
)


def faults_of(source: str, *, html: bool, layout: bool) -> Found:
    """The faults of one template: line (from 1) and what to write instead."""
    try:
        tree = environment(html).parse(source)
    except TemplateSyntaxError as error:
        yield error.lineno, f"not a valid template: {error.message}"
        return
    yield from _Checker(layout).checked(tree.body, frozenset())
    try:
        environment(html).from_string(source)
    except TemplateSyntaxError as error:
        yield error.lineno, f"not a valid template: {error.message}"


class _Checker:
    """Walks the tree of a template. ``names`` are its own: what kind of value each holds."""

    def __init__(self, layout: bool) -> None:
        self.layout = layout
        self.names: dict[str, str] = {}
        self.loops = 0

    def checked(self, body: list[Any], guards: Guards) -> Found:
        """The faults of statements."""
        for node in body:
            yield from self._statement(node, guards)

    def _statement(self, node: nodes.Node, guards: Guards) -> Found:
        if isinstance(node, _REFUSED):
            words = type(node).__name__.lower()
            yield node.lineno, f"{{% {words} %}} is not taken: write it out, or use a layout"
        elif isinstance(node, nodes.If):
            yield from self._if(node, guards)
        elif isinstance(node, nodes.For):
            yield from self._for(node, guards)
        elif isinstance(node, nodes.Assign | nodes.AssignBlock):
            yield from self._assign(node, guards)
        elif isinstance(node, nodes.Output):
            for each in node.nodes:
                yield from self._value(each, guards)
        else:
            for child in node.iter_child_nodes():
                if isinstance(child, nodes.Expr):
                    yield from self._value(child, guards)
                else:
                    yield from self._statement(child, guards)

    def _assign(self, node: nodes.Assign | nodes.AssignBlock, guards: Guards) -> Found:
        if isinstance(node, nodes.Assign):
            yield from self._value(node.node, guards)
        else:
            yield from self.checked(node.body, guards)
        for name in node.target.find_all(nodes.Name):
            self.names[name.name] = _FREE
        if isinstance(node.target, nodes.Name):
            self.names[node.target.name] = _FREE

    def _if(self, node: nodes.If, guards: Guards) -> Found:
        faults, there, missing = self._test(node.test, guards)
        yield from faults
        yield from self.checked(node.body, guards | there)
        rest = guards | missing
        for other in node.elif_:
            faults, there, missing = self._test(other.test, rest)
            yield from faults
            yield from self.checked(other.body, rest | there)
            rest |= missing
        yield from self.checked(node.else_, rest)

    def _for(self, node: nodes.For, guards: Guards) -> Found:
        if node.recursive:
            yield node.lineno, "a recursive loop is not taken"
        yield from self._value(node.iter, guards)
        self.loops += 1
        if self.loops > FOR_DEPTH_MAX:
            yield node.lineno, f"loops stand at most {FOR_DEPTH_MAX} deep in one another"
        before = dict(self.names)
        over = _root(node.iter)
        targets = [node.target] if isinstance(node.target, nodes.Name) else []
        targets += list(node.target.find_all(nodes.Name))
        for target in targets:
            plain_items = over == "items" and isinstance(node.target, nodes.Name)
            self.names[target.name] = _ITEM if plain_items else _FREE
        self.names["loop"] = _LOOP
        inside = guards
        if node.test is not None:
            faults, there, _ = self._test(node.test, guards)
            yield from faults
            inside = guards | there
        yield from self.checked(node.body, inside)
        self.names = before
        self.loops -= 1
        yield from self.checked(node.else_, guards)

    # -- expressions ---------------------------------------------------------------------------------------

    def _value(self, node: nodes.Node, guards: Guards) -> Found:
        """The faults of an expression whose value is used."""
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            yield from self._read(node, guards)
        elif isinstance(node, nodes.Filter) and node.name in ("default", "d"):
            if node.node is not None:
                yield from self._read_or_value(node.node, guards)
            for each in (*node.args, *node.kwargs):
                yield from self._value(each, guards)
        elif isinstance(node, nodes.CondExpr):
            faults, there, missing = self._test(node.test, guards)
            yield from faults
            yield from self._value(node.expr1, guards | there)
            if node.expr2 is None:
                yield node.lineno, "an inline if needs its else: what is printed otherwise?"
            else:
                yield from self._value(node.expr2, guards | missing)
        elif isinstance(node, nodes.And | nodes.Or | nodes.Not | nodes.Test | nodes.Compare):
            yield from self._test(node, guards)[0]
        else:
            for child in node.iter_child_nodes():
                yield from self._value(child, guards)

    def _read_or_value(self, node: nodes.Node, guards: Guards) -> Found:
        """What ``default`` is applied to: it may be missing, but not misspelt."""
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            path = _path(node)
            yield from self._read(node, guards | ({path} if path else frozenset()), optional=True)
        else:
            yield from self._value(node, guards)

    def _test(
        self, node: nodes.Node, guards: Guards
    ) -> tuple[list[tuple[int, str]], Guards, Guards]:
        """The faults of a condition; what is there where it holds; what is there where it does not."""
        none: Guards = frozenset()
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            path = _path(node)
            found = list(self._read_or_value(node, guards))
            return found, frozenset({path}) if path else none, none
        if isinstance(node, nodes.Not):
            found, there, missing = self._test(node.node, guards)
            return found, missing, there
        if isinstance(node, nodes.And):
            left = self._test(node.left, guards)
            right = self._test(node.right, guards | left[1])
            return left[0] + right[0], left[1] | right[1], left[2] & right[2]
        if isinstance(node, nodes.Or):
            left = self._test(node.left, guards)
            right = self._test(node.right, guards | left[2])
            return left[0] + right[0], left[1] & right[1], left[2] | right[2]
        if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
            found, there, _ = self._test(node.node, guards)
            return (found, there, none) if node.name == "defined" else (found, none, there)
        if isinstance(node, nodes.Compare) and all(op.op in ("eq", "ne") for op in node.ops):
            return self._compared(node, guards)
        return list(self._plain_value(node, guards)), none, none

    def _compared(
        self, node: nodes.Compare, guards: Guards
    ) -> tuple[list[tuple[int, str]], Guards, Guards]:
        """``a == "x"``: what is missing equals nothing, so that it needs no guard, and is one where it holds."""
        none: Guards = frozenset()
        found: list[tuple[int, str]] = []
        for each in (node.expr, *(op.expr for op in node.ops)):
            found += self._read_or_value(each, guards)
        path = _path(node.expr)
        constant = len(node.ops) == 1 and isinstance(node.ops[0].expr, nodes.Const)
        if not path or not constant:
            return found, none, none
        there = frozenset({path})
        return (found, there, none) if node.ops[0].op == "eq" else (found, none, there)

    def _plain_value(self, node: nodes.Node, guards: Guards) -> Found:
        if isinstance(node, nodes.Test | nodes.Compare):
            for child in node.iter_child_nodes():
                yield from self._value(child, guards)
        else:
            yield from self._value(node, guards)

    # -- names ---------------------------------------------------------------------------------------------

    def _read(self, node: nodes.Node, guards: Guards, *, optional: bool = False) -> Found:
        path = _path(node)
        if path is None:
            yield from self._dynamic(node, guards)
            return
        if path in guards and not optional:
            return
        root, *rest = path
        if root in self.names:
            fault = self._own_name(self.names[root], rest)
        elif root == "content" and self.layout and not rest:
            fault = ""
        elif root not in ALWAYS:
            known = ", ".join(sorted(ALWAYS))
            yield node.lineno, f"nothing is called {root!r} here; known: {known}"
            return
        else:
            fault = _known_root(root, rest)
        if fault and (not optional or fault.startswith("there is no")):
            if path in guards and not fault.startswith("there is no"):
                return
            yield node.lineno, fault.replace("PATH", ".".join(path))

    def _dynamic(self, node: nodes.Node, guards: Guards) -> Found:
        """``items[n]`` with a computed name, or a field of a call's result: only where a default stands behind it."""
        if isinstance(node, nodes.Getitem):
            if not isinstance(node.arg, nodes.Slice):
                words = "a computed name may be missing: name it outright, or loop over the values"
                yield node.lineno, words
            yield from self._value(node.node, guards)
        elif isinstance(node, nodes.Getattr):
            yield from self._value(node.node, guards)

    def _own_name(self, kind: str, rest: list[str]) -> str:
        if not rest:
            return ""
        if kind == _LOOP:
            return "" if rest[0] in LOOP else f"there is no loop.{rest[0]}"
        if kind == _ITEM:
            return _item_field(rest)
        return _OPTIONAL


_OPTIONAL = "PATH may be missing: write {{ PATH | default('…') }}, or put {% if PATH %} around it"


def _known_root(root: str, rest: list[str]) -> str:
    """What is wrong with a path under one of the names that every message has; "" for nothing."""
    if root == "event":
        return _OPTIONAL if rest else ""
    if root == "items":
        if not rest:
            return ""
        return _OPTIONAL if len(rest) == 1 else _item_field(rest[1:]) or _OPTIONAL
    if not rest:
        return ""
    known = ALWAYS[root]
    if rest[0] not in known:
        return f"there is no {root}.{rest[0]}; known: {', '.join(sorted(known)) or 'no fields'}"
    return _OPTIONAL if rest[0] == "traits" and len(rest) > 1 else ""


def _item_field(rest: list[str]) -> str:
    if rest[0] in ITEM_OPTIONAL or (rest[0] == "attributes" and len(rest) > 1):
        return _OPTIONAL
    if rest[0] in ITEM_ALWAYS:
        return ""
    known = ", ".join(sorted(ITEM_ALWAYS | ITEM_OPTIONAL))
    return f"there is no field {rest[0]!r} of an item; known: {known}"


def _path(node: nodes.Node) -> Path | None:
    """``a.b["c"]`` as ("a", "b", "c"); None of what is computed."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        below = _path(node.node)
        return None if below is None else (*below, node.attr)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        below = _path(node.node)
        return None if below is None else (*below, str(node.arg.value))
    return None


def _root(node: nodes.Node) -> str:
    """The name that a loop runs over, through slices and filters that keep the entries as they are."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        return _root(node.node)
    keeps = ("reverse", "sort", "list", "unique", "select", "reject", "selectattr", "rejectattr")
    if isinstance(node, nodes.Filter) and node.name in keeps and node.node is not None:
        return _root(node.node)
    return ""
