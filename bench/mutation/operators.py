"""Which small wrong changes there are to a module: syntax trees to mutants. It reads text and runs nothing.

Left alone, because no test of behaviour could or should notice: docstrings, annotations, sentences (text with a space
in it, and f-strings), the body of ``assert``, and what only type checkers read.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Edit = Callable[[ast.AST], ast.AST | None]
"""From a copy of the node to what stands in its place; None takes it away."""

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
_TYPES = ("tuple", "list", "dict", "set", "frozenset", "type", "Mapping", "Callable", "Iterable", "Iterator")
"""What stands before brackets in a type; for a value of one nothing does."""
_CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. ``function`` is the outermost function it lies in, empty where only an import makes it count."""

    module: str
    line: int
    where: str
    function: str
    before: str
    after: str
    node: int
    edit: Edit

    @property
    def name(self) -> str:
        """What it is called in the list of equivalent ones: place and words, no line numbers."""
        return f"{self.where or 'module'}: {self.before} -> {self.after}"

    def lines(self, source: str) -> range:
        """The lines of the statement that it lies in; of one that holds others only its own."""
        innermost = range(self.line, self.line + 1)
        for one in ast.walk(ast.parse(source)):  # outer ones come first
            if isinstance(one, ast.stmt):
                body = getattr(one, "body", None)
                end = max(one.lineno, body[0].lineno - 1) if body else (one.end_lineno or one.lineno)
                innermost = range(one.lineno, end + 1) if one.lineno <= self.line <= end else innermost
        return innermost

    def tree(self, source: str) -> ast.Module:
        """The module's tree with this change in it."""
        tree = ast.parse(source)
        target = list(ast.walk(tree))[self.node]
        _Swap(target, self.edit).visit(tree)
        return ast.fix_missing_locations(tree)


class _Swap(ast.NodeTransformer):
    def __init__(self, target: ast.AST, edit: Edit) -> None:
        self._target = target
        self._edit = edit

    def visit(self, node: ast.AST) -> ast.AST | None:
        """Put the change in the place of its target."""
        if node is not self._target:
            return self.generic_visit(node)
        changed = self._edit(copy.deepcopy(node))
        return ast.Pass() if changed is None and isinstance(node, ast.stmt) else changed


def mutants(module: str, source: str) -> list[Mutant]:
    """Every change there is to this text, in the order of its lines."""
    tree = ast.parse(source)
    number = {id(node): k for k, node in enumerate(ast.walk(tree))}
    at_import = _called_at_import(tree)
    found: list[Mutant] = []
    seen: set[tuple[int, str, str, int]] = set()
    for node, where, inside in _alive(tree, (), ""):
        function = "" if inside in at_import else inside
        for edit, before, after in _edits(node):
            key = (getattr(node, "lineno", 0), before, after, getattr(node, "col_offset", 0))
            if key not in seen:
                seen.add(key)
                line = getattr(node, "lineno", 0)
                found.append(Mutant(module, line, ".".join(where), function, before, after, number[id(node)], edit))
    return sorted(found, key=lambda one: (one.line, one.node))


def _called_at_import(tree: ast.Module) -> set[str]:
    """The functions of this module that its own import calls: what they do then no later swap changes."""
    statements = [
        one for one in tree.body if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    calls = [call.func for one in statements for call in ast.walk(one) if isinstance(call, ast.Call)]
    return {name.id for name in calls if isinstance(name, ast.Name)}


def _alive(node: ast.AST, where: tuple[str, ...], function: str) -> Iterator[tuple[ast.AST, tuple[str, ...], str]]:
    """All nodes that do something, each with the names around it."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_params", "decorator_list") or _is_idle(node):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_words(child):
                continue
            # A default is made where the function is, not in it.
            defaults = isinstance(child, ast.arguments) and function == ".".join(where)
            inside, owner = where, "" if defaults else function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inside = (*where, child.name)
                is_function = not isinstance(child, ast.ClassDef)
                owner = function or (".".join(inside) if is_function else "")
            yield child, inside, owner
            yield from _alive(child, inside, owner)


def _is_idle(node: ast.AST) -> bool:
    """Parts that change nothing at run time, or only how an impossible thing is reported."""
    if isinstance(node, ast.Assert | ast.ImportFrom | ast.Import | ast.JoinedStr):
        return True
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return True
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) in _TYPES:
        return True
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("cast", "TypeVar", "NewType")


def _is_words(node: ast.AST) -> bool:
    """A docstring, or another text that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _edits(node: ast.AST) -> Iterator[tuple[Edit, str, str]]:
    """Every change of one node, with what was and what will be in its place."""
    for edit in _all(node):
        before = ast.unparse(node)
        changed = edit(copy.deepcopy(node))
        after = "nothing" if changed is None else ast.unparse(ast.fix_missing_locations(changed))
        if isinstance(node, ast.If | ast.While):
            before, after = f"if {ast.unparse(node.test)}", f"if {ast.unparse(changed.test)}"  # type: ignore[union-attr]
        if before != after:
            yield edit, before, after


def _all(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Compare):
        yield from _comparisons(node)
    elif isinstance(node, ast.BoolOp):
        yield _other_connective
        for k in range(len(node.values)):
            yield _without_value(k)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _COUNTED:
        yield _other_operator
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield lambda one: one.operand  # type: ignore[attr-defined]
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield _negated
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    else:
        yield from _parts(node)


def _parts(node: ast.AST) -> Iterator[Edit]:
    """Elements that go, and statements that do not happen."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        for k in range(len(node.elts)):
            yield _without_element(k)
    elif isinstance(node, ast.Dict):
        for k in range(len(node.keys)):
            yield _without_key(k)
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield lambda one: ast.copy_location(ast.Return(ast.Constant(None)), one)
    elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)):
        yield lambda _: None
    elif isinstance(node, ast.Break | ast.Continue):
        yield lambda one: ast.copy_location(ast.Continue() if isinstance(one, ast.Break) else ast.Break(), one)


def _comparisons(node: ast.Compare) -> Iterator[Edit]:
    for k, operator in enumerate(node.ops):
        for other in _COMPARED[type(operator)]:

            def swap(one: ast.AST, k: int = k, other: type[ast.cmpop] = other) -> ast.AST:
                one.ops[k] = other()  # type: ignore[attr-defined]
                return one

            yield swap


def _constants(node: ast.Constant) -> Iterator[Edit]:
    value = node.value
    new: object = None
    if isinstance(value, bool):
        new = not value
    elif isinstance(value, int | float):
        new = value + 1
    elif isinstance(value, str) and " " not in value:
        new = f"{value}?"
    if new is not None:
        yield lambda one: ast.copy_location(ast.Constant(new), one)  # type: ignore[arg-type]


def _calls(node: ast.Call) -> Iterator[Edit]:
    if isinstance(node.func, ast.Name) and node.func.id in _CALLED:

        def rename(one: ast.AST) -> ast.AST:
            one.func.id = _CALLED[one.func.id]  # type: ignore[attr-defined]
            return one

        yield rename
    for k in range(len(node.keywords)):

        def drop(one: ast.AST, k: int = k) -> ast.AST:
            del one.keywords[k]  # type: ignore[attr-defined]
            return one

        yield drop


def _other_connective(one: ast.AST) -> ast.AST:
    one.op = ast.And() if isinstance(one.op, ast.Or) else ast.Or()  # type: ignore[attr-defined]
    return one


def _other_operator(one: ast.AST) -> ast.AST:
    one.op = _COUNTED[type(one.op)]()  # type: ignore[attr-defined]
    return one


def _negated(one: ast.AST) -> ast.AST:
    one.test = ast.UnaryOp(ast.Not(), one.test)  # type: ignore[attr-defined]
    return one


def _without_value(k: int) -> Edit:
    def edit(one: ast.AST) -> ast.AST:
        del one.values[k]  # type: ignore[attr-defined]
        return one if len(one.values) > 1 else one.values[0]  # type: ignore[attr-defined]

    return edit


def _without_element(k: int) -> Edit:
    def edit(one: ast.AST) -> ast.AST:
        del one.elts[k]  # type: ignore[attr-defined]
        if isinstance(one, ast.Set) and not one.elts:
            return ast.copy_location(ast.Call(ast.Name("set", ast.Load()), [], []), one)
        return one

    return edit


def _without_key(k: int) -> Edit:
    def edit(one: ast.AST) -> ast.AST:
        del one.keys[k], one.values[k]  # type: ignore[attr-defined]
        return one

    return edit
