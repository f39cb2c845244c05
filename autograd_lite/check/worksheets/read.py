"""Reading a worksheet: header, forward part and gradient part, from text to a :class:`Sheet`.

``ast.parse`` gives the syntax tree; :func:`_expression` admits the subset node by node and refuses everything
else with line, column and what to write instead.
"""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass, field

from .errors import MODULES, SheetError, like, no_module
from .functions import ATTRIBUTES, CONSTANTS, FUNCTIONS
from .header import Input, header
from .program import (
    DTYPES,
    Attribute,
    Binary,
    Call,
    Compare,
    Constant,
    Index,
    Name,
    Node,
    Sequence,
    Slice,
    Statement,
    Unary,
    names,
)
from .sizes import is_no_variable
from .spelling import respelled, spellings

NOT_NUMPY = frozenset({"sigmoid", "relu", "softmax", "len", "int", "float", "astype", "range", "sliding_window_view"})
LISTED = "All functions are in `autograd-lite check --help` and on the page docs/worksheets.md"
MAX_CHARACTERS = 60_000
MAX_DEPTH = 80
MAX_NODES = 20_000
MAX_STATEMENTS = 400
SEPARATOR = re.compile(r"^#\s*-{2,}\s*gradients?\s*-{2,}\s*$", re.IGNORECASE)


@dataclass
class Sheet:
    """A worksheet that has been read."""

    text: str
    title: str
    inputs: dict[str, Input]
    wanted: list[str]
    forward: list[Statement]
    gradient: list[Statement]
    refused: list[SheetError] = field(default_factory=list)
    """Statements of the gradient part outside the subset; the others can still be marked."""
    tainted: frozenset[str] = frozenset()
    """Targets that a refused statement may have changed, so that their value is not known."""
    spelled: dict[str, str] = field(default_factory=dict)
    """Names such as ``d_z`` or ``dL_dz``, and the ``dz`` as which they are read."""

    @property
    def loss(self) -> str:
        """The name of the loss: the last forward variable."""
        return self.forward[-1].target

    @property
    def variables(self) -> frozenset[str]:
        """Every input and forward variable."""
        return frozenset(self.inputs) | {statement.target for statement in self.forward}

    def line(self, number: int) -> str:
        """Return the text of one line, from 1."""
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""


_BINARY = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
    ast.Pow: "**",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
}
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_UNARY = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}
_INSTEAD = {
    ast.For: "write the sum over the rows as a matrix product (X.T @ dz) or with np.sum(..., axis=...)",
    ast.While: "write one statement per step",
    ast.If: "write np.where(condition, a, b)",
    ast.IfExp: "write np.where(condition, a, b)",
    ast.FunctionDef: "write the function's formula where it is used",
    ast.Lambda: "write the function's formula where it is used",
    ast.Import: "np and its functions are known without an import",
    ast.ImportFrom: "np and its functions are known without an import",
    ast.ListComp: "write the sum or the array with whole-array operations",
    ast.NamedExpr: "give the value a line of its own",
    ast.BoolOp: "combine masks with & and |, or with np.logical_and",
    ast.AnnAssign: "leave the annotation out",
    ast.Return: "leave it out; every gradient that is assigned is marked",
}


_CALLED = {
    ast.For: "a loop",
    ast.While: "a loop",
    ast.If: "a condition",
    ast.IfExp: "a condition",
    ast.FunctionDef: "a function definition",
    ast.Lambda: "a function definition",
    ast.Import: "an import",
    ast.ImportFrom: "an import",
    ast.ListComp: "a list comprehension",
    ast.BoolOp: "'and' or 'or'",
    ast.AnnAssign: "an annotation",
    ast.Expr: "an expression alone",
    ast.Return: "a return",
    ast.NamedExpr: "the operator :=",
}
_SYMBOLS = {ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>"}
# By the beginning of Python's own words, whose end proposes what no worksheet wants, or differs between its versions.
_CURES = {
    "invalid syntax": "write every product with * or @ and a transpose as .T, and close every bracket",
    "invalid decimal literal": "write a product with *, such as 2 * x",
    "cannot assign to expression": "a gradient has a name of its own, such as dw for dL/dw",
    "unterminated string": "write a transpose as .T, and a derivative as dx",
    "invalid character": "write -, * and ** as on the keyboard, such as x ** 2",
}


def read(text: str) -> Sheet:
    """Read a worksheet.

    Args:
        text: the whole file.

    Returns:
        The sheet; statements of the gradient part that are outside the subset are in ``refused``.

    Raises:
        SheetError: ``syntax-error``, ``bad-header``, ``no-separator`` or, for the forward part, ``unsupported``.
    """
    if len(text) > MAX_CHARACTERS:
        raise SheetError("unsupported", f"The sheet has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    tree = _parse(text)
    lines = text.splitlines()
    separator = _separator(lines)
    inputs, wanted = header(lines[: separator - 1])
    sheet = Sheet(text, _title(tree), inputs, wanted, [], [])
    _fill(sheet, tree, separator, forward=True)
    _check_forward(sheet)
    return sheet


def read_submission(assignment: Sheet, text: str) -> Sheet:
    """Read a submission against an assignment: only its gradient part counts.

    Args:
        assignment: gives the title, the inputs, the wanted gradients and the forward part.
        text: the submission; its own header and forward part are not read.

    Returns:
        A sheet whose line numbers are the submission's in the gradient part.

    Raises:
        SheetError: ``syntax-error``, ``no-separator`` or ``unsupported``.
    """
    if len(text) > MAX_CHARACTERS:
        raise SheetError("unsupported", f"The sheet has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    tree = _parse(text)
    sheet = Sheet(text, assignment.title, assignment.inputs, assignment.wanted, list(assignment.forward), [])
    _fill(sheet, tree, _separator(text.splitlines()), forward=False)
    return sheet


def _separator(lines: list[str]) -> int:
    for number, line in enumerate(lines, 1):
        if SEPARATOR.match(line.strip()):
            return number
    raise SheetError("no-separator", "The line '# --- gradients ---' between forward and gradient part is missing.")


def _fill(sheet: Sheet, tree: ast.Module, separator: int, forward: bool) -> None:
    """Add the statements of a syntax tree to a sheet."""
    tainted: set[str] = set()
    if len(tree.body) > MAX_STATEMENTS:
        raise SheetError(
            "unsupported", f"The sheet has {len(tree.body)} statements; at most {MAX_STATEMENTS} are read."
        )
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and _is_text(statement.value):
            continue
        in_forward = statement.lineno < separator
        if in_forward and not forward:
            continue
        try:
            own = _statements(statement)
        except SheetError as error:
            if in_forward or _touches_the_machine(statement):
                raise
            sheet.refused.append(error)
            tainted |= _assigned(statement)
            continue
        (sheet.forward if in_forward else sheet.gradient).extend(own)
    if sheet.forward:
        sheet.spelled = spellings(sheet.gradient, sheet.variables, sheet.loss)
        sheet.gradient = [respelled(statement, sheet.spelled) for statement in sheet.gradient]
    sheet.tainted = frozenset(sheet.spelled.get(name, name) for name in tainted)


def _parse(text: str) -> ast.Module:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise SheetError("syntax-error", _not_python(error, text), error.lineno, column=error.offset) from None
    except (RecursionError, MemoryError):
        raise SheetError("unsupported", "An expression is nested too deeply; split it over several lines.") from None
    except ValueError as error:
        raise SheetError("syntax-error", f"The text is not Python: {error}.") from None
    level: list[ast.AST] = [tree]
    total = 0
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        total += len(level)
        if total > MAX_NODES:
            raise SheetError("unsupported", f"The sheet has more than {MAX_NODES:,} operations.")
    if level:
        line = min((node.lineno for node in level if isinstance(node, ast.expr)), default=None)
        raise SheetError("unsupported", "An expression is nested too deeply; split it over several lines.", line)
    return tree


def _not_python(error: SyntaxError, text: str) -> str:
    """Return what is wrong with a line that Python cannot read, and what to write instead."""
    line = text.splitlines()[error.lineno - 1] if error.lineno and error.lineno <= text.count("\n") + 1 else ""
    if re.search(r"\blambda\b(?![^:]*:)", line.partition("#")[0]):
        return "lambda is a word of Python's own; call it lambda_."
    for words, cure in _CURES.items():
        if error.msg.startswith(words):
            said = words if words.startswith("cannot") else error.msg
            return f"{said}; {cure}."
    return f"{error.msg}."


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _title(tree: ast.Module) -> str:
    first = tree.body[0] if tree.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return " ".join(first.value.value.split())
    return ""


def _assigned(statement: ast.stmt) -> set[str]:
    """Return the names that a refused statement may assign, however deep."""
    found = set()
    for node in ast.walk(statement):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            while isinstance(target, ast.Subscript | ast.Attribute):
                target = target.value
            found |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)} if target is not None else set()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "at" and node.args:
            found |= {node.args[0].id} if isinstance(node.args[0], ast.Name) else set()
    return found


def _touches_the_machine(statement: ast.stmt) -> bool:
    """Return whether a statement imports, defines or reaches into objects: such a sheet is refused whole."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            return any(alias.name.partition(".")[0] != "numpy" for alias in node.names)
        if isinstance(node, ast.ClassDef | ast.AsyncFunctionDef | ast.NamedExpr):
            return True
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            return True
        if isinstance(node, ast.Name) and (node.id.startswith("__") or node.id in _MACHINE):
            return True
    return False


_MACHINE = frozenset(
    [
        "eval",
        "exec",
        "compile",
        "open",
        "getattr",
        "setattr",
        "delattr",
        "vars",
        "globals",
        "locals",
        "input",
        "breakpoint",
        "os",
        "sys",
        "subprocess",
    ]
)


def _refuse(node: ast.AST, what: str, instead: str) -> SheetError:
    line, column = getattr(node, "lineno", None), getattr(node, "col_offset", -1) + 1
    return SheetError(
        "unsupported", f"{what} is outside the worksheet's subset; {instead}.", line, column=column or None
    )


def _statements(statement: ast.stmt) -> list[Statement]:
    """Return the statements that one of Python's stands for: ``n, d = X.shape`` and ``a = b = x`` are two."""
    if not isinstance(statement, ast.Assign):
        return [_statement(statement)]
    found: list[Statement] = []
    for target in statement.targets:
        if isinstance(target, ast.Tuple | ast.List):
            found += _unpacked(target, statement)
        else:
            found.append(_statement(ast.copy_location(ast.Assign([target], statement.value), statement)))
    return found


def _unpacked(target: ast.Tuple | ast.List, statement: ast.Assign) -> list[Statement]:
    """Return one statement for each name of ``n, d = X.shape``, ``a, b = x, y`` or ``s, l = np.linalg.slogdet(A)``."""
    value = statement.value
    written = [target.id for target in target.elts if isinstance(target, ast.Name)]
    count = len(target.elts)
    if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == count == len(written):
        parts = [_expression(part) for part in value.elts]
        independent = not any(set(written[:k]) & names(part) for k, part in enumerate(parts))
    else:
        whole = _expression(value)
        sliced = isinstance(whole, Index) and isinstance(whole.index, Slice)
        shape = whole.value if isinstance(whole, Index) and sliced else whole
        independent = (isinstance(shape, Attribute) and shape.name == "shape") or (
            isinstance(whole, Call) and whole.function == "linalg.slogdet"
        )
        parts = [Index(whole, Constant(k)) for k in range(count)]
    if not independent or len(written) != count:
        raise _refuse(statement, "assigning to several names at once", "write one statement per name")
    line, column = statement.lineno, statement.col_offset + 1
    return [
        Statement("assign", _target(part)[0], value, line, column)
        for part, value in zip(target.elts, parts, strict=True)
        if not (isinstance(part, ast.Name) and part.id == "_")
    ]


def _statement(statement: ast.stmt) -> Statement:
    line, column = statement.lineno, statement.col_offset + 1
    if isinstance(statement, ast.Assign):
        target, index = _target(statement.targets[0])
        kind = "assign" if index is None else "store"
        return Statement(kind, target, _expression(statement.value), line, column, "", index)
    if isinstance(statement, ast.AugAssign):
        op = _BINARY.get(type(statement.op), "")
        if op not in ("+", "-", "*", "/"):
            raise _refuse(statement, f"'{op or type(statement.op).__name__}='", "use +=, -=, *= or /=")
        target, index = _target(statement.target)
        kind = "augment" if index is None else "store_augment"
        return Statement(kind, target, _expression(statement.value), line, column, op, index)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        scatter = _dotted(call.func)
        if scatter in ("np.add.at", "np.subtract.at") and len(call.args) == 3 and not call.keywords:
            if not isinstance(call.args[0], ast.Name):
                raise _refuse(call, f"{scatter} on an expression", "give it the name of a gradient")
            index, value = _expression(call.args[1]), _expression(call.args[2])
            value = Unary("-", value) if scatter == "np.subtract.at" else value
            return Statement("add_at", call.args[0].id, value, line, column, "", index)
    instead = _INSTEAD.get(type(statement), "leave it out, or write name = expression")
    if isinstance(statement, ast.Expr) and type(statement.value) in _INSTEAD:
        return _statement_of_expression(statement)
    raise _refuse(statement, _CALLED.get(type(statement), f"'{type(statement).__name__}'"), instead)


def _statement_of_expression(statement: ast.Expr) -> Statement:
    _expression(statement.value)
    raise _refuse(statement, "an expression alone", "write name = expression")


def _target(node: ast.expr) -> tuple[str, Node | None]:
    if isinstance(node, ast.Name):
        if node.id == "np" or node.id.startswith("__"):
            raise _refuse(node, f"assigning to {node.id}", "choose another name")
        return node.id, None
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return node.value.id, _expression(node.slice)
    if isinstance(node, ast.Tuple | ast.List):
        raise _refuse(node, "assigning to several names at once", "write one statement per name")
    raise _refuse(node, "assigning to an attribute or a nested index", "assign to a name or to name[index]")


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _expression(node: ast.expr, subscripts: bool = False) -> Node:
    match node:
        case ast.Constant(value=(bool() | None) as value):
            return Constant(value)
        case ast.Constant(value=int() as value):
            if value.bit_length() > 63:
                raise _refuse(node, "a whole number above 2**63", "write it as a float")
            return Constant(value)
        case ast.Constant(value=float() as value):
            return Constant(value)
        case ast.Constant(value=str() as value) if subscripts:
            return Constant(value)
        case ast.Constant(value=value) if value is Ellipsis:
            return Constant(...)
        case ast.Constant():
            raise _refuse(node, f"the constant {node.value!r:.40}", "use numbers")
        case ast.Name(id=name):
            if name == "np" or name.startswith("__"):
                raise _refuse(node, name, "name a variable of the sheet")
            return Name(name)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return Unary(_UNARY[type(op)], _expression(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return Binary(_BINARY[type(op)], _expression(left), _expression(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return Compare(_COMPARE[type(op)], _expression(left), _expression(right))
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return Sequence(tuple(_expression(item) for item in items), type(node).__name__.lower())
        case ast.Subscript(value=value, slice=index):
            return Index(_expression(value), _expression(index))
        case ast.Slice(lower=lower, upper=upper, step=step):
            return Slice(*(None if part is None else _expression(part) for part in (lower, upper, step)))
        case ast.Attribute():
            return _attribute(node)
        case ast.Call():
            return _call(node)
    if isinstance(node, ast.BinOp):
        symbol = _SYMBOLS.get(type(node.op), type(node.op).__name__)
        raise _refuse(node, f"the operator {symbol}", "write a power with ** and a transpose as .T")
    what = _CALLED.get(type(node), f"'{type(node).__name__}'")
    raise _refuse(node, what, _INSTEAD.get(type(node), "use NumPy expressions"))


def _attribute(node: ast.Attribute) -> Node:
    if isinstance(node.value, ast.Name) and node.value.id == "np":
        if node.attr in CONSTANTS:
            return Constant(CONSTANTS[node.attr])
        instead = "write a large number such as 1e30" if node.attr == "inf" else "call a function of the subset"
        raise _refuse(node, f"np.{node.attr}", instead)
    if node.attr not in ATTRIBUTES:
        raise _refuse(node, f"the attribute .{node.attr}", f"use one of {', '.join('.' + name for name in ATTRIBUTES)}")
    return Attribute(_expression(node.value), node.attr)


def _call(node: ast.Call) -> Node:
    keywords = []
    for keyword in node.keywords:
        if keyword.arg is None:
            raise _refuse(node, "'**' in a call", "write the keywords out")
        value = keyword.value
        worded = keyword.arg in ("ord", "mode")
        keywords.append((keyword.arg, _dtype(value) if keyword.arg == "dtype" else _expression(value, worded)))
    positional = list(node.args)
    first: list[Node] = []
    if isinstance(node.func, ast.Name):
        name, form = node.func.id, "plain"
    elif _dotted(node.func).startswith("np."):
        name, form = _dotted(node.func).removeprefix("np."), "np"
    elif isinstance(node.func, ast.Attribute):
        name, form = node.func.attr, "method"
        first = [_expression(node.func.value)] if not name.startswith("_") else []
    else:
        instead = "write a product with *, such as 2 * (x + y), and call a function by its name, np.exp(x)"
        raise _refuse(node, "calling the result of an expression", instead)
    function = FUNCTIONS.get(name)
    known = function is not None and (
        (form == "np" and name not in NOT_NUMPY)
        or (form == "method" and function.method)
        or (form == "plain" and function.plain)
    )
    if function is None or not known:
        module = _dotted(node.func) if _dotted(node.func).split(".")[0] in MODULES else ""
        shown = module or {"np": _dotted(node.func), "method": f".{name}"}.get(form, name)
        product = (
            f"{name} * (...) if a product is meant, else " if form == "plain" and not hasattr(builtins, name) else ""
        )
        instead = f"{like(shown, map(as_called, FUNCTIONS), 2)}write {product}the formula out. {LISTED}"
        if form != "np" and function is not None and name not in NOT_NUMPY:
            instead = f"write np.{name}(...)"
        raise _refuse(node, f"{shown}(...)", instead)
    arguments = [
        _expression(argument, subscripts=(name, position) in _WORDED) if name != "astype" else _dtype(argument)
        for position, argument in enumerate(positional)
    ]
    arguments = [*first, *arguments]
    for word, _ in keywords:
        if word not in function.keywords:
            own = _NUMPY_WORD.get(word)
            instead = f"it is called {own} here" if own in function.keywords else "leave it out"
            raise _refuse(node, f"the keyword {word} of {name}", instead)
    if len(arguments) > function.most or len(arguments) + len(keywords) < function.least:
        raise _refuse(node, f"{name} with {len(arguments)} arguments", "give it the arguments that NumPy asks for")
    return Call(name, tuple(arguments), tuple(keywords), form)


def as_called(function: str) -> str:
    """Return a function of the subset as a worksheet writes it: with np. before it, as a method, or alone."""
    if function in ("astype", "flatten"):
        return f".{function}"
    return function if function in NOT_NUMPY else f"np.{function}"


_NUMPY_WORD = {"dim": "axis", "keepdim": "keepdims"}
_WORDED = (("einsum", 0), ("linalg.norm", 1))


def _dtype(node: ast.expr) -> Node:
    name = node.id if isinstance(node, ast.Name) else _dotted(node).removeprefix("np.").rstrip("0123456789")
    if name not in DTYPES:
        raise _refuse(node, "this dtype", "use float, int or bool")
    return Constant(name)


def _check_forward(sheet: Sheet) -> None:
    if not sheet.forward:
        raise SheetError("loss-not-scalar", "The forward part has no statement; its last line must be the loss L.")
    defined = set(sheet.inputs)
    for statement in sheet.forward:
        if statement.kind != "assign":
            raise SheetError(
                "unsupported",
                f"{statement} changes a value in the forward part; give the new value a name of its own.",
                statement.line,
                statement.target,
            )
        for name in sorted(names(statement.value) - defined):
            raise SheetError(
                "undefined-name",
                is_no_variable(sheet.inputs, name)
                or f"{name} is read before anything defines it; "
                + (no_module(name) or f"{like(name, defined)}list it under '# inputs:' or define it above."),
                statement.line,
                name,
            )
        if statement.target in defined:
            raise SheetError(
                "unsupported",
                f"{statement.target} is bound twice; every name of the forward part is defined once.",
                statement.line,
                statement.target,
            )
        defined.add(statement.target)
