"""A module whose functions say which of their statements they come to: much quicker than tracing every call of a test.

It reads text and gives a tree, and runs nothing.
"""

from __future__ import annotations

import ast

MARK = "__reached__"
"""What the marked functions call with a line: whoever runs them puts it among the module's globals."""


def marked(source: str) -> ast.Module:
    """The module's tree with a mark before every statement that stands in a function; the lines stay as they are."""
    tree = _Marking().visit(ast.parse(source))
    assert isinstance(tree, ast.Module)
    return ast.fix_missing_locations(tree)


class _Marking(ast.NodeTransformer):
    def __init__(self) -> None:
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Only what is inside of functions runs again when a test does."""
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815 - ast's name

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Put a mark before each statement of each list of them."""
        super().generic_visit(node)
        for name, value in ast.iter_fields(node) if self._depth else ():
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, name, [part for one in value for part in (_mark(one), one)])
        return node


def _mark(one: ast.stmt) -> ast.stmt:
    call = ast.Call(ast.Name(MARK, ast.Load()), [ast.Constant(one.lineno)], [])
    return ast.copy_location(ast.Expr(call), one)
