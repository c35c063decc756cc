"""Exceptions planted before each statement of a module's functions, one at a time."""

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any


class _Planter(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> Any:
        self.generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and not isinstance(node, ast.Module | ast.ClassDef):
                setattr(node, name, [planted for statement in block for planted in (self._call(statement), statement)])
        return node

    @staticmethod
    def _call(statement: ast.stmt) -> ast.stmt:
        call = ast.parse(f"__plant__({statement.lineno})").body[0]
        return ast.fix_missing_locations(ast.copy_location(call, statement))


class Planting:
    """A module whose functions call back before each statement. Use `reached` for the lines, `at` for a plant."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._planted_line = 0
        self._exception: BaseException | None = None
        self.reached: dict[int, None] = {}
        tree = _Planter().visit(ast.parse(inspect.getsource(module)))
        code = compile(tree, str(module.__file__), "exec", dont_inherit=True)
        self._codes = {row.co_qualname: row for row in _functions_in(code)}

    @contextmanager
    def instrumented(self) -> Iterator["Planting"]:
        """Within this block the module's functions are the ones with plants."""
        functions = list(_functions_of(self._module))
        before = [(function, function.__code__) for function in functions]
        self._module.__plant__ = self._statement  # type: ignore[attr-defined]
        for function in functions:
            planted = self._codes.get(function.__qualname__)
            if planted is not None and planted.co_freevars == function.__code__.co_freevars:
                function.__code__ = planted
        try:
            yield self
        finally:
            for function, code in before:
                function.__code__ = code
            del self._module.__plant__  # type: ignore[attr-defined]

    @contextmanager
    def at(self, line: int, exception: BaseException) -> Iterator[None]:
        """Raise the exception the first time that this line is reached within this block."""
        self._planted_line, self._exception = line, exception
        try:
            yield
        finally:
            self._planted_line, self._exception = 0, None

    @property
    def has_struck(self) -> bool:
        """Within a block of `at`: whether the line has been reached."""
        return self._exception is None

    def _statement(self, line: int) -> None:
        self.reached[line] = None
        if line == self._planted_line and self._exception is not None:
            exception, self._exception = self._exception, None
            raise exception


def _functions_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _functions_in(constant)


def _functions_of(module: ModuleType) -> Iterator[FunctionType]:
    for value in vars(module).values():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            yield value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            yield from (row for row in vars(value).values() if isinstance(row, FunctionType))
