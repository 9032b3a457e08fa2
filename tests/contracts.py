"""A kind of import contract that import-linter lacks, an allow-list of imports; it decides no border.

The borders themselves, with their names and reasons, stand in ``pyproject.toml``.
"""

from __future__ import annotations

from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """Lets ``modules`` import themselves and ``may_import``, each with all below it, and nothing else.

    With ``outside = false`` libraries and the standard library are not looked at, only the project's own packages.
    """

    modules = fields.ListField(subfield=fields.StringField())
    may_import = fields.ListField(subfield=fields.StringField())
    outside = fields.BooleanField(required=False, default=True)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """One line for each import that is not allowed, with its place; a module that does not exist is an error."""
        modules, may_import = cast(list[str], self.modules), cast(list[str], self.may_import)
        missing = [name for name in modules if name not in graph.modules]
        if missing:
            raise ValueError(f"There is no module {', '.join(missing)}: mend the contract in pyproject.toml.")
        own = {name.partition(".")[0] for name in self.session_options["root_packages"]}
        everything = cast(bool, self.outside)
        broken: list[str] = []
        for importer in sorted(name for name in graph.modules if _within(name, modules)):
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                looked_at = everything or imported.partition(".")[0] in own
                above = importer.startswith(f"{imported}.")  # importing a module runs the packages it lies in anyway
                if looked_at and not above and not _within(imported, [*modules, *may_import]):
                    broken += _places(graph, importer, imported)
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what ``check`` found."""
        for line in check.metadata["broken"]:
            output.print_error(line)


def _within(module: str, packages: list[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _places(graph: ImportGraph, importer: str, imported: str) -> list[str]:
    details = graph.get_import_details(importer=importer, imported=imported)
    return [f"{importer}:{detail['line_number']} {detail['line_contents']}" for detail in details]
