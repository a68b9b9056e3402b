"""Runs IEC 61131-3 Structured Text: blark parses it, this checks its types and translates it into Python.

Only what FB_Linegate.st uses, and stricter than any PLC's compiler, so that the text means the same on all of them:
no implicit conversions, no conversion or index out of range, loops over fixed bounds. What PLCs do not agree on is
`arithmetic`: "wraps" in the width of its operands at each step, or "wide" as on a 64-bit processor. Both must do.
"""

from __future__ import annotations

import copy
from functools import cache
from types import SimpleNamespace
from typing import Any, Literal

from blark import transform as ast
from blark.parse import parse_source_code

from tests.plc.st_types import MASKS, Array, Function, Structure, at, converted, initial

Arithmetic = Literal["wraps", "wide"]
LITERAL = "literal"
CONVERSIONS = {
    f"{a}_TO_{b}": (a, b) for a in MASKS for b in MASKS if a != b and (a, b) != ("UDINT", "WORD")
}  # fmt: skip


class NotInSubset(Exception):
    """The text uses something that not every PLC knows, or knows alike."""


@cache
def parsed(source: str) -> tuple[Any, ...]:
    """The text's types, constants, functions and blocks; parsing takes seconds."""
    return tuple(parse_source_code(source).transform().items)


class Program:
    """The types, constants and functions of some ST files, and their function blocks to instantiate."""

    def __init__(self, *sources: str, arithmetic: Arithmetic = "wraps") -> None:
        self._arithmetic = arithmetic
        self._types: dict[str, Structure] = {}
        self._constants: dict[str, tuple[Any, Any]] = {}
        self._functions: dict[str, Function] = {}
        self._blocks: dict[str, dict[str, Any]] = {}
        self._python: dict[str, Any] = {"at": at, "converted": converted, "copy": copy.deepcopy}
        for source in sources:
            for item in parsed(source):
                self._declare(item)

    def instance(self, block: str) -> SimpleNamespace:
        """A function block's memory, named as in the text but in lower case; `run` is one call of it."""
        memory = SimpleNamespace(**{name: initial(kind) for name, kind in self._blocks[block.lower()].items()})
        body = self._python[f"block_{block.lower()}"]
        memory.run = lambda: body(memory)
        return memory

    # --- declarations --------------------------------------------------------------------------------------------

    def _declare(self, item: Any) -> None:
        match item:
            case ast.DataTypeDeclaration(declaration=ast.StructureTypeDeclaration() as structure):
                members = tuple(m for d in structure.declarations for m in self._variables(d))
                self._types[structure.name.lower()] = Structure(str(structure.name), members)
            case ast.GlobalVariableDeclarations():
                self._take_constants(item.items)
            case ast.Function():
                self._function(item)
            case ast.FunctionBlock():
                self._block(item)
            case _:
                raise NotInSubset(type(item).__name__)

    def _variables(self, declaration: Any) -> list[tuple[str, Any]]:
        if declaration.init.value is not None:
            raise NotInSubset(f"an initial value for {declaration.variables[0]}: it is lost where memory is kept")
        kind = self._kind(declaration.init.spec)
        return [(_name(variable), kind) for variable in declaration.variables]

    def _kind(self, spec: Any) -> Any:
        if isinstance(spec, ast.ArraySpecification):
            bounds = spec.subranges[0]
            return Array(int(bounds.start.value), int(bounds.stop.value), self._kind(spec.type))
        name = str(spec.type_name if isinstance(spec, ast.DataType) else spec.type)
        return self._types.get(name.lower()) or name.upper()

    def _take_constants(self, declarations: Any) -> None:
        for declaration in declarations:
            code, kind = self._expression(declaration.init.value, {})
            declared = self._kind(declaration.init.spec)
            self._same(declared, kind, "initial value")
            self._constants |= {_name(variable): (declared, code) for variable in declaration.variables}

    def _function(self, item: Any) -> None:
        names: dict[str, tuple[Any, str]] = {}
        inputs: list[tuple[str, Any]] = []
        for section in item.declarations:
            found = [v for d in section.items for v in self._variables(d)]
            inputs += found if isinstance(section, ast.InputDeclarations) else []
            names |= {name: (kind, f"v_{name}") for name, kind in found}
        name, result = item.name.lower(), self._kind(item.return_type.type)
        names[name] = (result, "result")
        self._functions[name] = Function(tuple(inputs), result)
        body = [*self._statements(item.body, names), "return result"]
        self._compile(f"function_{name}", [f"v_{n}" for n, _ in inputs], body)

    def _block(self, item: Any) -> None:
        memory: dict[str, Any] = {}
        for section in item.declarations:
            if section.attrs is not None and ast.VariableAttributes.constant in section.attrs:
                self._take_constants(section.items)
            else:
                memory |= {name: kind for d in section.items for name, kind in self._variables(d)}
        self._blocks[item.name.lower()] = memory
        names = {name: (kind, f"m.{name}") for name, kind in memory.items()}
        self._compile(f"block_{item.name.lower()}", ["m"], self._statements(item.body, names))

    def _compile(self, name: str, arguments: list[str], body: list[str]) -> None:
        text = "\n".join([f"def {name}({', '.join(arguments)}):", *("    " + line for line in body)])
        exec(text, self._python)

    # --- statements ----------------------------------------------------------------------------------------------

    def _statements(self, body: Any, names: dict[str, Any]) -> list[str]:
        lines = [line for statement in body.statements for line in self._statement(statement, names)]
        return lines or ["pass"]

    def _nested(self, head: str, body: Any, names: dict[str, Any]) -> list[str]:
        return [head, *("    " + line for line in self._statements(body, names))]

    def _statement(self, statement: Any, names: dict[str, Any]) -> list[str]:
        match statement:
            case ast.AssignmentStatement(variables=[target]):
                return [self._assignment(target, statement.expression, names)]
            case ast.IfStatement():
                lines: list[str] = []
                for branch in (statement, *statement.else_ifs):
                    head = f"{'elif' if lines else 'if'} {self._condition(branch.if_expression, names)}:"
                    lines += self._nested(head, branch.statements, names)
                if statement.else_clause:
                    lines += self._nested("else:", statement.else_clause.statements, names)
                return lines
            case ast.ForStatement(step=None):
                kind, target = self._variable(statement.control, names)
                (first, a), (last, b) = (self._expression(e, names) for e in (statement.from_, statement.to))
                self._same(kind, a, "FOR")
                self._same(kind, b, "TO")
                return self._nested(f"for {target} in range({first}, {last} + 1):", statement.statements, names)
        raise NotInSubset(type(statement).__name__)

    def _assignment(self, target: Any, expression: Any, names: dict[str, Any]) -> str:
        kind, place = self._variable(target, names)
        value, found = self._expression(expression, names)
        self._same(kind, found, f"{target} :=")
        if kind in MASKS:
            return f"{place} = ({value}) & {MASKS[kind]}"
        return f"{place} = {value}" if kind == "BOOL" else f"{place} = copy({value})"

    def _condition(self, expression: Any, names: dict[str, Any]) -> str:
        code, kind = self._expression(expression, names)
        self._same("BOOL", kind, "condition")
        return code

    # --- expressions: (Python, type) -----------------------------------------------------------------------------

    def _expression(self, e: Any, names: dict[str, Any]) -> tuple[str, Any]:
        match e:
            case ast.Boolean():
                return str(str(e.value).upper() == "TRUE"), "BOOL"
            case ast.HexInteger():
                return str(int(e.value, 16)), LITERAL
            case ast.Integer():
                return str(int(e.value)), LITERAL
            case ast.ParenthesizedExpression():
                code, kind = self._expression(e.expr, names)
                return f"({code})", kind
            case ast.UnaryOperation(op="NOT"):
                code, kind = self._expression(e.expr, names)
                return (f"(not {code})", kind) if kind == "BOOL" else (f"(~{code} & {MASKS[kind]})", kind)
            case ast.BinaryOperation():
                return self._operation(e, names)
            case ast.FunctionCall():
                return self._call(e, names)
        kind, place = self._variable(e, names)
        return place, kind

    def _operation(self, e: Any, names: dict[str, Any]) -> tuple[str, Any]:
        (left, a), (right, b) = self._expression(e.left, names), self._expression(e.right, names)
        kind, op = self._same(a, b, str(e.op)), str(e.op).upper()
        if op in ("=", "<>", "<", ">", "<=", ">="):
            return f"({left} { {'=': '==', '<>': '!='}.get(op, op) } {right})", "BOOL"
        if op in ("AND", "OR", "XOR") and kind in ("BOOL", "WORD"):
            words = {"AND": "&", "OR": "|", "XOR": "^"}
            bools = {"AND": "and", "OR": "or", "XOR": "!="}
            return f"({left} {(bools if kind == 'BOOL' else words)[op]} {right})", kind
        if op in ("+", "-", "*", "/", "MOD") and kind in ("UINT", "UDINT", LITERAL):
            code = f"({left} { {'/': '//', 'MOD': '%'}.get(op, op) } {right})"
            wrapped = self._arithmetic == "wraps" and kind in MASKS
            return (f"({code} & {MASKS[kind]})" if wrapped else code), kind
        raise NotInSubset(f"{op} on {kind}")

    def _call(self, e: Any, names: dict[str, Any]) -> tuple[str, Any]:
        name = str(e.name.name)
        given = [(_name(p.name) if p.name else None, *self._expression(p.value, names)) for p in e.parameters]
        if name.upper() in CONVERSIONS:
            (_, code, kind), (source, target) = given[0], CONVERSIONS[name.upper()]
            self._same(source, kind, name)
            return f"converted({code}, {target!r})", target
        if name.upper() == "SHL":
            (_, value, kind), (_, count, _) = given
            return f"(({value} << {count}) & {MASKS[kind]})", kind
        function = self._functions[name.lower()]
        by_name = {parameter: (code, kind) for parameter, code, kind in given}
        for parameter, kind in function.inputs:
            self._same(kind, by_name[parameter][1], f"{name}({parameter})")
        arguments = ", ".join(by_name[parameter][0] for parameter, _ in function.inputs)
        return f"function_{name.lower()}({arguments})", function.result

    def _variable(self, v: Any, names: dict[str, Any]) -> tuple[Any, str]:
        elements = v.elements if isinstance(v, ast.MultiElementVariable) else []
        root = _name(v.name if elements else v)
        kind, place = names.get(root) or self._constants[root]
        for element in elements:
            if isinstance(element, ast.SubscriptList) and isinstance(kind, Array):
                index, index_kind = self._expression(element.subscripts[0], names)
                self._same("UINT", index_kind, "index")
                kind, place = kind.element, f"{place}[at({index}, {kind.first}, {kind.last})]"
            elif isinstance(element, ast.FieldSelector) and isinstance(kind, Structure):
                member = _name(element.field)
                kind, place = dict(kind.members)[member], f"{place}.{member}"
            else:
                raise NotInSubset(f"{v} as {kind}")
        return kind, place

    def _same(self, a: Any, b: Any, where: str) -> Any:
        """The type of both; a literal takes the other's, unless that is BOOL."""
        if a == b or (b == LITERAL and a in MASKS):
            return a
        if a == LITERAL and b in MASKS:
            return b
        raise NotInSubset(f"{where}: {a} and {b} without a conversion")


def _name(variable: Any) -> str:
    """Identifiers are case-insensitive."""
    while not isinstance(variable, str):
        variable = getattr(variable, "variable", None) or variable.name
    return variable.lower()
