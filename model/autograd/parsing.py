"""From text to an `Expression`: two allowlists, one of characters and words, one of `ast` nodes.

Nothing is ever evaluated as Python. The first allowlist sees to pointed messages; the second
would hold even if the first had a hole.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from model.autograd import errors, numeric
from model.autograd.expression import Expression, Node
from model.autograd.function_names import not_a_function
from model.autograd.operations import FUNCTIONS, OPERATIONS


@dataclass(frozen=True)
class Limits:
    """How much an expression may hold, so that every one is answered at once."""

    characters: int = 300
    nodes: int = 200  # numbers, variables and operations, as written
    depth: int = 40
    variables: int = 12
    name: int = 20  # characters
    number: float = 1e100  # and 1e-100 is the smallest
    exponent: float = 100.0  # of a constant one


LIMITS = Limits()

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "π": math.pi, "e": math.e}

# Greek letters that no Latin letter is mistaken for; π is the constant.
GREEK = "αβγδεζηθικλμνξπρςστυφχψωΓΔΘΛΞΠΣΦΨΩ"
# What is typed for a sign or letter that is read here; full-width and styled forms besides these
# are found by Unicode's own compatibility mapping.
LOOK_ALIKES: Mapping[str, str] = {
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True)),
    **dict(zip("АВЕКМНОРСТХаеорсухѕіј", "ABEKMHOPCTXaeopcyxsij", strict=True)),
    **dict.fromkeys("×·⋅∙∗", "*"),
    **dict.fromkeys("÷∕⁄", "/"),
    **dict.fromkeys("−–—", "-"),
    **{"²": "**2", "³": "**3", "√": "sqrt", "、": ","},
}
FORBIDDEN: Mapping[str, type[errors.ExpressionError]] = {
    **dict.fromkeys("'\"`“”‘’", errors.TextNotAllowed),
    **dict.fromkeys("[]{}【】", errors.BracketNotAllowed),
    **dict.fromkeys("=<>:;", errors.ComparisonNotAllowed),
    "!": errors.FactorialNotSupported,
    ".": errors.AttributeNotAllowed,
}
GROUPED_DIGITS = re.compile(r"(?<![\w.,])[0-9]{1,3}(?:,[0-9]{3})+(?!\w|,[0-9])")

TOKEN = re.compile(
    rf"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<name>[A-Za-z_{GREEK}][A-Za-z0-9_{GREEK}]*)"
    r"|(?P<power>\*\*|\^)|(?P<operator>//|[-+*/])|(?P<open>\()|(?P<close>\))|(?P<comma>,)"
)


@dataclass(frozen=True)
class Token:
    kind: str  # a group of TOKEN, or "end"
    text: str
    start: int


def parse(source: str) -> Expression:
    """Read an expression: + - * / ** (or ^), parentheses, `FUNCTIONS`, pi and e, and up to twelve
    variables. Raises a subclass of `ExpressionError` that points at the first mistake, or NotText.
    """
    if not isinstance(source, str):
        raise errors.NotText()
    if len(source) > LIMITS.characters:
        raise errors.ExpressionTooLong(
            source, LIMITS.characters, length=len(source), limit=LIMITS.characters
        )
    if not source.strip():
        raise errors.EmptyExpression(source, 0)
    check_grammar(source, tokenize(source))
    # `ast` counts UTF-8 bytes of what it was given; `origin` leads back to the user's characters.
    pieces = ["(", *("**" if c == "^" else " " if c.isspace() else c for c in source), ")"]
    origin = [i - 1 for i, piece in enumerate(pieces) for _ in piece.encode()]
    try:
        tree = ast.parse("".join(pieces), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise errors.NotUnderstood(source, 0) from error  # none that `check_grammar` lets through
    return _Builder(source, origin).build(tree.body)


def tokenize(source: str) -> list[Token]:
    """The words and signs of `source`, or an error at the first that has no place here."""
    tokens, at = [], 0
    while at < len(source):
        if source[at].isspace():
            at += 1
            continue
        match = TOKEN.match(source, at)
        if match is None:
            raise _bad_character(source, at)
        token = Token(str(match.lastgroup), match.group(), at)
        _check_word(source, token)
        tokens.append(token)
        at = match.end()
    return [*tokens, Token("end", "", len(source))]


def _bad_character(source: str, at: int) -> errors.ExpressionError:
    character = source[at]
    instead = LOOK_ALIKES.get(character) or unicodedata.normalize("NFKC", character)
    if instead != character and (TOKEN.match(instead) or instead in FORBIDDEN):
        code = f"U+{ord(character):04X}"
        return errors.LookAlike(source, at, character=character, code=code, instead=instead)
    compares = source[at : at + 2] == "!="
    kind = FORBIDDEN.get("=" if compares else character, errors.UnknownCharacter)
    return kind(source, at, character=character if character.isprintable() else ascii(character))


def _check_word(source: str, token: Token) -> None:
    if token.kind == "name":
        if keyword.iskeyword(token.text):
            raise errors.ReservedWord(source, token.start, name=token.text)
        if token.text.startswith("_") or len(token.text) > LIMITS.name:
            name = token.text if len(token.text) <= LIMITS.name else token.text[: LIMITS.name] + "…"
            raise errors.BadName(source, token.start, name=name, limit=LIMITS.name)
    elif token.text == "//":
        raise errors.FloorDivisionNotAllowed(source, token.start)
    elif token.kind == "number":
        if re.match(r"0\d", token.text):
            _check_grouping(source, token.start)
            raise errors.BadNumber(source, token.start, text=token.text)
        number = float(token.text)
        if number and not 1 / LIMITS.number <= number <= LIMITS.number:
            text = token.text if len(token.text) <= 20 else token.text[:20] + "…"
            raise errors.NumberOutOfRange(source, token.start, text=text)


def _check_grouping(source: str, at: int) -> None:
    """Raise DigitsGrouped if the character is within a number such as 1,000."""
    for match in GROUPED_DIGITS.finditer(source):
        if match.start() <= at < match.end():
            comma = match.start() + match.group().index(",")
            raise errors.DigitsGrouped(source, comma, text=match.group().replace(",", ""))


def check_grammar(source: str, tokens: list[Token]) -> None:
    """Operands and operators must take turns and parentheses must pair up."""
    opened: list[tuple[int, bool]] = []  # where, and whether a function's
    wants_operand = True
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        calls = before is not None and before.text in FUNCTIONS
        if wants_operand:
            if token.kind in ("close", "comma", "power", "end") or token.text in ("*", "/"):
                raise errors.MissingOperand(source, token.start)
        elif token.kind in ("number", "name") or (token.kind == "open" and not calls):
            raise _missing_operator(source, before, token, after)
        if token.kind == "open":
            opened.append((token.start, calls))
            if len(opened) > LIMITS.depth:
                raise errors.TooDeeplyNested(source, token.start, limit=LIMITS.depth)
        elif token.kind == "close":
            if not opened:
                raise errors.ParenthesisNotOpened(source, token.start)
            opened.pop()
        elif token.kind == "comma" and not (opened and opened[-1][1]):
            _check_grouping(source, token.start)
            raise errors.StrayComma(source, token.start)
        elif token.kind == "end" and opened:
            raise errors.ParenthesisNotClosed(source, opened[-1][0])
        elif token.text in FUNCTIONS and (after is None or after.kind != "open"):
            raise errors.FunctionWithoutArgument(source, token.start, name=token.text)
        wants_operand = token.kind not in ("number", "name", "close")


def _missing_operator(
    source: str, before: Token | None, token: Token, after: Token | None
) -> errors.ExpressionError:
    left = before.text if before else ""
    if token.kind == "open" and before and before.kind == "name":
        return not_a_function(source, before.start, left)
    right = "(…)" if token.kind == "open" else token.text
    left = "(…)" if left == ")" else left
    if token.text in FUNCTIONS and after is not None and after.kind == "open":
        right = f"{token.text}(…)"
    return errors.ImplicitMultiplication(source, token.start, left=left, right=right)


SIGNS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}


class _Builder:
    """Walks the syntax tree once and lists its operations, each distinct one once."""

    def __init__(self, source: str, origin: list[int]) -> None:
        self.source, self.origin = source, origin
        self.nodes: list[Node] = []
        self.places: dict[tuple, int] = {}  # what a node computes -> its place in `nodes`
        self.variables: list[str] = []
        self.written = 0  # nodes as written, repeated ones included

    def build(self, tree: ast.expr) -> Expression:
        self._visit(tree, depth=1)
        return Expression(self.source, tuple(self.nodes), tuple(self.variables))

    def _span(self, tree: ast.expr) -> tuple[int, int]:
        end = tree.end_col_offset or tree.col_offset + 1
        return self.origin[tree.col_offset], self.origin[end - 1] + 1

    def _error(
        self, kind: type[errors.ExpressionError], tree: ast.expr, **facts: object
    ) -> errors.ExpressionError:
        return kind(self.source, self._span(tree)[0], **facts)

    def _visit(self, tree: ast.expr, depth: int) -> int:
        """Add `tree` and all that it uses; return its place."""
        if depth > LIMITS.depth:
            raise self._error(errors.TooDeeplyNested, tree, limit=LIMITS.depth)
        match tree:
            case ast.Constant(value=int() | float()) if not isinstance(tree.value, bool):
                start, end = self._span(tree)
                return self._add("number", (), tree, self.source[start:end])
            case ast.Name(id=name) if name in CONSTANTS:
                return self._add("number", (), tree, name)
            case ast.Name(id=name):
                return self._variable(name, tree)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._visit(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._add("neg", (self._visit(operand, depth + 1),), tree)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in SIGNS:
                inputs = (self._visit(left, depth + 1), self._visit(right, depth + 1))
                return self._add(SIGNS[type(op)], inputs, tree)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                return self._call(name, args, tree, depth)
        raise self._error(errors.NotUnderstood, tree)

    def _variable(self, name: str, tree: ast.expr) -> int:
        if name not in self.variables:
            if len(self.variables) == LIMITS.variables:
                raise self._error(errors.TooManyVariables, tree, name=name, limit=LIMITS.variables)
            self.variables.append(name)
        return self._add("variable", (), tree, name)

    def _call(self, name: str, args: list[ast.expr], tree: ast.expr, depth: int) -> int:
        many = OPERATIONS[name].arity == 2
        if len(args) < 2 if many else len(args) != 1:
            kind = errors.TooFewArguments if many else errors.WrongArgumentCount
            raise self._error(kind, tree, name=name, given=len(args))
        place = self._visit(args[0], depth + 1)
        if not many:
            return self._add(name, (place,), tree)
        for arg in args[1:]:  # max(a, b, c) is max(max(a, b), c)
            place = self._add(name, (place, self._visit(arg, depth + 1)), tree)
        return place

    def _add(self, operation: str, inputs: tuple[int, ...], tree: ast.expr, name: str = "") -> int:
        self.written += 1
        if self.written > LIMITS.nodes:
            raise self._error(errors.TooManyOperations, tree, limit=LIMITS.nodes)
        key = (operation, inputs, name)
        if key not in self.places:
            constant = None
            if operation == "number":
                constant = CONSTANTS[name] if name in CONSTANTS else float(name)
            elif inputs:
                constant = self._constant(operation, inputs, tree)
            self.places[key] = len(self.nodes)
            self.nodes.append(Node(operation, inputs, name, *self._span(tree), constant))
        return self.places[key]

    def _constant(self, operation: str, inputs: tuple[int, ...], tree: ast.expr) -> float | None:
        """The value of an operation between constants, or None where a variable is in it."""
        values = [self.nodes[i].constant for i in inputs]
        if operation == "pow" and values[1] is not None and abs(values[1]) > LIMITS.exponent:
            facts = {"exponent": f"{values[1]:.6g}", "limit": f"{LIMITS.exponent:g}"}
            raise errors.ExponentTooLarge(self.source, self.nodes[inputs[1]].start, **facts)
        if None in values:
            return None
        with np.errstate(all="ignore"):
            result = float(numeric.APPLY[operation](*map(np.float64, values)))
        # A power so small that it is 0 here would have millions of digits in exact arithmetic.
        vanished = operation == "pow" and values[0] and abs(result) < 1e-300
        if not math.isfinite(result) or vanished:
            start, end = self._span(tree)
            raise errors.ConstantUndefined(self.source, start, text=self.source[start:end])
        return result
