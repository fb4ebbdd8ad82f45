"""The house style as a test: what STYLE asks of `src` and no linter says."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
PACKAGE = SRC / "eachwise"

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

# Where a person reads the terminal, and where the machine's clock may be asked.
TALKS = {"bench", "cli", "demo", "proofs"}
KNOWS_THE_TIME = TALKS | {"adapters"}

# Functions of values: no store, clock, network, thread or global generator.
PURE = {
    *("maths", "rules", "documents"),
    *("events", "identity", "individual", "catalog", "recommend", "decide"),
    *("journeys", "deliver", "learn", "measure", "worlds"),
}
IMPURE_IMPORTS = {
    *("asyncio", "concurrent", "multiprocessing", "subprocess", "threading"),
    *("http", "httpx", "requests", "socket", "ssl", "starlette", "uvicorn"),
    *("psycopg", "sqlite3"),
    *("random", "secrets"),
}

# numpy.random's names that make an explicit generator; every other one uses the global generator.
EXPLICIT_GENERATORS = {
    *("BitGenerator", "Generator", "SeedSequence", "default_rng"),
    *("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"),
}
WALL_CLOCKS = {
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    "datetime.date.today",
}
UNFINISHED = re.compile(r"\b(TODO|FIXME)\b")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Finding = tuple[int, str]


class Module:
    """One file of `src`: its text, its tree, and what each of its names was imported as."""

    def __init__(self, path: Path, root: Path = PACKAGE) -> None:
        self.name = path.relative_to(root).as_posix()
        self.part = self.name.split("/")[0].removesuffix(".py")
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text, filename=str(path))
        self.imports: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.split(".")[0]
                    self.imports[bound] = alias.name if alias.asname else bound
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def dotted(self, node: ast.expr) -> str:
        """Name what an expression means: `np.random.rand` → `numpy.random.rand`."""
        if isinstance(node, ast.Attribute):
            return f"{self.dotted(node.value)}.{node.attr}"
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, f"builtins.{node.id}")
        return ""

    def calls(self, name: str) -> Iterator[Finding]:
        """Yield each call of a builtin."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and self.dotted(node.func) == f"builtins.{name}":
                yield node.lineno, f"{name}() is called"


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """List the absolute names of the modules that one statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if node.module and not node.level else []


def short_module(module: Module) -> Iterator[Finding]:
    lines = len(module.text.splitlines())
    if lines >= MODULE_LINES_MAX:
        yield lines, f"the module has {lines} lines, not under {MODULE_LINES_MAX}"


def short_functions(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        if isinstance(node, FUNCTIONS) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines >= FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {lines} lines, not under {FUNCTION_LINES_MAX}"


def no_bare_except(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "a bare except hides what went wrong"


def no_print(module: Module) -> Iterator[Finding]:
    if module.part not in TALKS:
        yield from module.calls("print")


def nothing_unfinished(module: Module) -> Iterator[Finding]:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) and UNFINISHED.search(token.string):
            yield token.start[0], "unfinished work belongs in an issue"
        if token.type == tokenize.NAME and token.string == "NotImplementedError":
            yield token.start[0], "what is not implemented is not declared"


def no_salted_hash(module: Module) -> Iterator[Finding]:
    yield from module.calls("hash")


def no_global_generator(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and "random" in imported(node):
            yield node.lineno, "random has one generator for the whole process"
        elif isinstance(node, ast.Attribute | ast.Name):
            name = module.dotted(node)
            if name.startswith("numpy.random.") and name.split(".")[2] not in EXPLICIT_GENERATORS:
                yield node.lineno, f"{name} uses the global generator"


def no_wall_clock(module: Module) -> Iterator[Finding]:
    if module.part in KNOWS_THE_TIME:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and module.dotted(node) in WALL_CLOCKS:
            yield node.lineno, f"{module.dotted(node)} is asked, not the clock that was passed"


def pure_imports(module: Module) -> Iterator[Finding]:
    if module.part not in PURE:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in imported(node):
                if name.split(".")[0] in IMPURE_IMPORTS:
                    yield node.lineno, f"a pure part imports {name}"


def has_docstrings(module: Module) -> Iterator[Finding]:
    if not ast.get_docstring(module.tree):
        yield 1, "the module has no docstring"
    for node in module.tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            marks = {module.dotted(decorator) for decorator in node.decorator_list}
            if not ast.get_docstring(node) and "typing.overload" not in marks:
                yield node.lineno, f"{node.name} has no docstring"


RULES: tuple[Callable[[Module], Iterator[Finding]], ...] = (
    short_module,
    short_functions,
    no_bare_except,
    no_print,
    nothing_unfinished,
    no_salted_hash,
    no_global_generator,
    no_wall_clock,
    pure_imports,
    has_docstrings,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_src_keeps(rule: Callable[[Module], Iterator[Finding]]) -> None:
    modules = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
    assert modules
    found = [
        f"src/eachwise/{module.name}:{line}: {words}"
        for module in modules
        for line, words in rule(module)
    ]
    assert not found, "\n".join(found)


# One breach a rule, so that a rule that stopped looking fails here.
BREACHES = (
    (short_module, "decide/a.py", "x = 1\n" * MODULE_LINES_MAX),
    (short_functions, "decide/a.py", "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
    (no_bare_except, "decide/a.py", "try:\n    x = 1\nexcept:\n    x = 2\n"),
    (no_print, "decide/a.py", "print('x')\n"),
    (nothing_unfinished, "decide/a.py", "x = 1  # TO" + "DO later\n"),
    (nothing_unfinished, "decide/a.py", "raise NotImplementedError\n"),
    (no_salted_hash, "decide/a.py", "x = hash('a')\n"),
    (no_global_generator, "decide/a.py", "import random\n"),
    (no_global_generator, "decide/a.py", "from random import choice as pick\n"),
    (no_global_generator, "decide/a.py", "import numpy as np\nnp.random.seed(1)\n"),
    (no_global_generator, "decide/a.py", "from numpy.random import rand\nrand()\n"),
    (no_wall_clock, "flow/a.py", "import time\nnow = time.time()\n"),
    (no_wall_clock, "flow/a.py", "import time\nclock = time.time_ns\n"),
    (no_wall_clock, "flow/a.py", "from time import time\nnow = time()\n"),
    (no_wall_clock, "flow/a.py", "import datetime as dt\nnow = dt.datetime.now(dt.UTC)\n"),
    (no_wall_clock, "settings.py", "from datetime import datetime\nnow = datetime.now()\n"),
    (pure_imports, "decide/a.py", "import sqlite3\n"),
    (pure_imports, "maths/a.py", "from asyncio import sleep\n"),
    (has_docstrings, "decide/a.py", "x = 1\n"),
    (has_docstrings, "decide/a.py", '"""A."""\n\n\ndef f(): ...\n'),
    (has_docstrings, "decide/a.py", '"""A."""\n\n\nclass A: ...\n'),
)
ALLOWED = (
    (no_print, "cli.py", "print('x')\n"),
    (no_print, "demo/a.py", "print('x')\n"),
    (no_salted_hash, "decide/a.py", "from eachwise.maths import hash\nx = hash('a')\n"),
    (no_global_generator, "decide/a.py", "import numpy as np\nnp.random.default_rng(1)\n"),
    (no_global_generator, "decide/a.py", "from . import random\n"),
    (no_global_generator, "decide/a.py", "def f(random): return random.choice(2)\n"),
    (no_wall_clock, "adapters/a.py", "import time\nnow = time.time()\n"),
    (no_wall_clock, "flow/a.py", "import time\nstarted = time.perf_counter()\n"),
    (no_wall_clock, "flow/a.py", "def f(clock): return clock.time()\n"),
    (no_wall_clock, "flow/a.py", "def f(time): return time.time()\n"),
    (pure_imports, "adapters/a.py", "import sqlite3\n"),
    (pure_imports, "events/a.py", "from urllib.parse import urlsplit\n"),
    (has_docstrings, "decide/a.py", '"""A."""\n\n\ndef _f(): ...\n'),
)


def _look(rule: Callable[[Module], Iterator[Finding]], at: Path, name: str, text: str) -> bool:
    path = at / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return bool(list(rule(Module(path, at))))


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES)
def test_a_breach_is_seen(
    rule: Callable[[Module], Iterator[Finding]], name: str, text: str, tmp_path: Path
) -> None:
    assert _look(rule, tmp_path, name, text)


@pytest.mark.parametrize(("rule", "name", "text"), ALLOWED)
def test_what_is_allowed_passes(
    rule: Callable[[Module], Iterator[Finding]], name: str, text: str, tmp_path: Path
) -> None:
    assert not _look(rule, tmp_path, name, text)


def test_every_rule_has_a_breach() -> None:
    assert {rule for rule, _, _ in BREACHES} == set(RULES)
