"""Rules about files: writers whose bytes hold the time, addresses or random names, each with its canonical one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_kit.steps.lint.module import Module, argument, is_none, is_open, keyword, text_end

PACKED = (".gz", ".zip", ".tar", ".tgz")


class PackedTable:
    """A compressed table holds the time at which it was written."""

    id = "packed-table"
    fix = 'mlops_kit.write("x.csv.gz", frame), or compression={"method": "gzip", "mtime": 0}'

    _methods = frozenset({"to_csv", "to_json", "to_pickle", "to_xml", "to_stata"})

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield tables that are written compressed, by option or by the name of the file."""
        for call in module.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in self._methods:
                continue
            option = keyword(call, "compression")
            if isinstance(option, ast.Dict):
                if _item(option, "method") in ("gzip", "zip", "tar") and "mtime" not in ast.unparse(option):
                    yield call
            elif (isinstance(option, ast.Constant) and option.value in ("gzip", "zip", "tar")) or (
                (is_none(option) or text_end(option) == "infer")
                and call.args
                and text_end(call.args[0]).endswith(PACKED)
            ):
                yield call


class Pickle:
    """A pickle depends on which objects the process happens to share, on the order of sets, and on addresses that estimators keep."""

    id = "pickle"
    fix = 'return it as Model, or mlops_kit.write("x.skops", model), mlops_kit.write("x.joblib", value)'

    _functions = frozenset(
        {"pickle.dump", "pickle.dumps", "joblib.dump", "cloudpickle.dump", "cloudpickle.dumps", "dill.dump", "dill.dumps", "skops.io.dump",
         "skops.io.dumps", "sklearn.externals.joblib.dump", "pandas.to_pickle"}
    )  # fmt: skip

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield pickles, except those that are read again at once to copy a value."""
        for call in module.calls:
            name = module.name_of(call.func)
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            outer = module.parent(call)
            copied = isinstance(outer, ast.Call) and module.name_of(outer.func).endswith(".loads")
            if (name in self._functions and not copied) or (method == "to_pickle" and not name):
                yield call


class Archive:
    """An archive holds the times, owners and order of its files; a gzip header holds the time."""

    id = "archive"
    fix = 'mlops_kit.write("x.tar.gz", folder), mlops_kit.write("x.zip", {path: content}), mlops_kit.write("x.gz", data)'

    _always = frozenset({"shutil.make_archive"})
    _openers = frozenset(
        {
            "zipfile.ZipFile",
            "tarfile.open",
            "tarfile.TarFile.open",
            "tarfile.TarFile",
            "gzip.open",
            "gzip.GzipFile",
        }
    )

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield archives that are written, unless the file sets the times of the members itself."""
        dated = _sets_times(module)
        for call, name in module.called:
            if name in self._openers and _mode(call).startswith(("w", "a", "x")):
                if not (dated and name.startswith(("zipfile", "tarfile"))) and keyword(call, "mtime") is None:
                    yield call
            elif name in self._always or (
                name == "gzip.compress" and is_none(argument(call, 2, "mtime")) and not is_open(call)
            ):
                yield call


class ArrayArchive:
    """`savez` writes a zip, whose members may be dated, and keeps the order of memory."""

    id = "array-archive"
    fix = 'mlops_kit.write("x.npz", {"a": array})'

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield npz files."""
        for call, name in module.called:
            if name in ("numpy.savez", "numpy.savez_compressed"):
                yield call


class DatedFigure:
    """SVG and PDF files hold the date, SVG random ids as well."""

    id = "dated-figure"
    fix = 'return it as Figure, or mlops_kit.write("x.svg", figure)'

    _endings = (".svg", ".svgz", ".pdf", ".eps", ".ps")

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield vector figures without fixed metadata."""
        salted = any(isinstance(n, ast.Constant) and n.value == "svg.hashsalt" for n in ast.walk(module.tree))
        for call in module.calls:
            name = module.name_of(call.func)
            method = call.func.attr if isinstance(call.func, ast.Attribute) else name.rsplit(".", 1)[-1]
            if method != "savefig":
                continue
            form = keyword(call, "format")
            given = text_end(argument(call, 0, "fname")) if form is None else f".{text_end(form)}"
            metadata = keyword(call, "metadata")
            undated = metadata is not None and "None" in ast.unparse(metadata)
            unknown = metadata is not None and not isinstance(metadata, ast.Dict)
            if given.endswith(self._endings) and not (
                (undated or unknown) and (salted or not given.endswith((".svg", ".svgz")))
            ):
                yield call


class StyledTable:
    """A Styler gives its table a random id on every call."""

    id = "styled-table"
    fix = 'return it as Html, or mlops_kit.write("x.html", styler); or .to_html(table_uuid="table")'

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield pages of Stylers without an id of their own."""
        for call in module.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in (
                "to_html",
                "to_latex",
                "render",
            ):
                continue
            chain = _chain(module, call.func.value)
            if (
                "style" in chain
                and "set_uuid" not in chain
                and keyword(call, "table_uuid") is None
                and call.func.attr != "to_latex"
            ):
                yield call


class Workbook:
    """A workbook holds when it was created and changed."""

    id = "workbook"
    fix = 'mlops_kit.write("x.xlsx", {"sheet": frame}); better a table that DVC can compare, such as Csv'

    _functions = frozenset({"pandas.ExcelWriter", "openpyxl.Workbook", "xlsxwriter.Workbook"})

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield workbooks that are written without the canonical writer."""
        written = any(
            name in ("mlops_kit.write", "mlops_kit.canonical.xlsx_bytes") for _, name in module.called
        )
        for call in module.calls:
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if method == "to_excel" or (module.name_of(call.func) in self._functions and not written):
                yield call


def _item(node: ast.Dict, key: str) -> object:
    for name, value in zip(node.keys, node.values, strict=True):
        if isinstance(name, ast.Constant) and name.value == key and isinstance(value, ast.Constant):
            return value.value
    return None


def _mode(call: ast.Call) -> str:
    mode = argument(call, 1, "mode")
    if isinstance(mode, ast.Constant) and isinstance(mode.value, str):
        return mode.value
    return "" if mode is None else "r"


def _sets_times(module: Module) -> bool:
    """Return whether the file makes members with dates of its own: ZipInfo with a date, or an assignment to `mtime`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "mtime" and isinstance(node.ctx, ast.Store):
            return True
    return any(
        name == "zipfile.ZipInfo" and argument(call, 1, "date_time") is not None
        for call, name in module.called
    )


def _chain(module: Module, node: ast.expr) -> set[str]:
    """Return the attributes of a chain of calls, names followed to what they stand for: `frame.style.bar().hide()`."""
    found: set[str] = set()
    for _ in range(50):
        node = module.value_of(node)
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
            node = node.value
        else:
            break
    return found
