"""What `python -m provision.pages.api` writes: docs/api, a page for each package that other programs may import.

Only the text of the modules is read: nothing is imported, and `infra` stays what nobody here knows.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

from provision.pages.markdown import bullets, table

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "api"
PACKAGES = ("infra", "provision")
INSIDE = ("agent", "pages", "tasks")
"""Rooms of `provision` that are no library: the program on the box, what writes docs, and the verbs of `fab`."""
_HEAD = """# The API

What a program of one's own can import, from the docstrings of the code (`make pages`). The components of `infra`
compose in a Pulumi program ([examples/two-boxes](../../examples/two-boxes)); `provision` sets a host up without `fab`
([examples/provision_from_python.py](../../examples/provision_from_python.py)). The verbs of `fab` are in the
[README](../../README.md#what-fab-does). Before version 1.0 names may change with each version: the
[changelog](../../CHANGELOG.md) says which.

"""
_WIDTH = 100
"""A signature that is longer stands in lines."""


def pages(root: Path = ROOT) -> dict[str, str]:
    """Return every page: name below docs/api → Markdown."""
    found, rows = {}, []
    for folder in _folders(root):
        name = ".".join(folder.relative_to(root).parts)
        modules = [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.py"))]
        about = {path.stem: _doc(module) for path, module in modules}["__init__"]
        parts = [_module(path, module, name) for path, module in modules if path.stem != "__main__"]
        found[f"{name}.md"] = f"# {name}\n\n{about}\n" + "".join(parts)
        rows.append([f"[{name}]({name}.md)", about.partition("\n\n")[0].replace("\n", " ")])
    return {"README.md": _HEAD + table(["package", "what it is"], rows), **found}


def write(docs: Path = DOCS) -> None:
    """Write all pages, and take away those of packages that are gone."""
    docs.mkdir(exist_ok=True)
    fresh = pages()
    for path in docs.glob("*.md"):
        if path.name not in fresh:
            path.unlink()
    for name, text in fresh.items():
        (docs / name).write_text(text, encoding="utf-8", newline="\n")


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders of all packages that are shown."""
    inside = {root / "provision" / name for name in INSIDE}
    for folder in (path.parent for name in PACKAGES for path in sorted((root / name).rglob("__init__.py"))):
        if folder != root / "provision" and not inside & {folder, *folder.parents}:
            yield folder


def _doc(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    return _prose(ast.get_docstring(node) or "")


def _prose(text: str) -> str:
    """Return a docstring as Markdown: what would be a tag in it is none."""
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or r"\<", inspect.cleandoc(text))


def _module(path: Path, module: ast.Module, package: str) -> str:
    """Return a module's section, "" where it has nothing public."""
    parts = [*_constants(module)]
    parts += [_class(node) for node in module.body if isinstance(node, ast.ClassDef) and _public(node)]
    parts += [_function(node, "###") for node in module.body if isinstance(node, ast.FunctionDef) and _public(node)]
    if not parts:
        return ""
    if path.stem == "__init__":
        return "\n" + "\n".join(parts)
    return f"\n## {package}.{path.stem}\n\n{_doc(module)}\n\n" + "\n".join(parts)


def _public(node: ast.ClassDef | ast.FunctionDef) -> bool:
    return not node.name.startswith("_")


def _constants(module: ast.Module) -> Iterator[str]:
    """Yield the public constants that say what they are, as a list."""
    rows = [f"`{name}`: {text}" for name, text in _described(module.body) if not name.startswith("_")]
    if rows:
        yield bullets(rows)


def _described(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield what is assigned with a docstring below it: name, with its type where one is said, and text."""
    for node, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        text = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            text = _prose(after.value.value).replace("\n", " ")
        if isinstance(node, ast.AnnAssign):
            yield f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}", text
        elif isinstance(node, ast.Assign) and text:
            yield ast.unparse(node.targets[0]), text


def _class(node: ast.ClassDef) -> str:
    """Return a class: what it is, its fields, and its public methods."""
    bases = f"({', '.join(ast.unparse(base) for base in node.bases)})" if node.bases else ""
    fields = [
        f"`{name}`{': ' if text else ''}{text}" for name, text in _described(node.body) if not name.startswith("_")
    ]
    methods = [m for m in node.body if isinstance(m, ast.FunctionDef) and (_public(m) or _made_by(m))]
    parts = [f"### class {node.name}{bases}\n", _doc(node) + "\n", bullets(fields)]
    return "\n".join(filter(str.strip, [*parts, *(_function(method, "####") for method in methods)]))


def _made_by(method: ast.FunctionDef) -> bool:
    """Tell whether a class is made by this, and says how."""
    return method.name == "__init__" and ast.get_docstring(method) is not None


def _function(node: ast.FunctionDef, level: str) -> str:
    """Return a function: how it is called, and what it does."""
    words = [ast.unparse(decorator) for decorator in node.decorator_list]
    if {"property", "functools.cached_property"} & {*words}:
        return f"{level} {node.name}\n\n`{node.name}: {_type(node)}`\n\n{_doc(node)}\n"
    return f"{level} {node.name}\n\n```python\n{_signature(node)}\n```\n\n{_doc(node)}\n"


def _type(node: ast.FunctionDef) -> str:
    return ast.unparse(node.returns) if node.returns else "Any"


def _signature(node: ast.FunctionDef) -> str:
    """Return how it is called, in lines where it is long."""
    rows = list(_arguments(node.args))
    line = f"{node.name}({', '.join(rows)}) -> {_type(node)}"
    if len(line) <= _WIDTH:
        return line
    return f"{node.name}(\n" + "".join(f"    {row},\n" for row in rows) + f") -> {_type(node)}"


def _arguments(given: ast.arguments) -> Iterator[str]:
    """Yield the arguments but `self`, with their types and defaults."""
    named = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(named) - len(given.defaults)) + given.defaults
    for arg, value in zip(named, defaults, strict=True):
        if arg.arg not in ("self", "cls"):
            yield _argument(arg, value)
        if given.posonlyargs and arg is given.posonlyargs[-1]:
            yield "/"
    if given.vararg or given.kwonlyargs:
        yield f"*{ast.unparse(given.vararg)}" if given.vararg else "*"
    for arg, value in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _argument(arg, value)
    if given.kwarg:
        yield f"**{ast.unparse(given.kwarg)}"


def _argument(arg: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(arg) + (f" = {ast.unparse(default)}" if default else "")


if __name__ == "__main__":
    write()
