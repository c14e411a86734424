"""`doit cap install`: a first deploy.yml and dodo.py, and the JSON Schema that checks deploy.yml in editors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.project_files import ignore_files, read_template, write_file, write_schema
from capdoit.commands.subcommand import Flag, Subcommand, ValueOption
from capdoit.config.settings import is_stage_name
from capdoit.errors import ConfigError
from capdoit.hooks.discovery import recipe_names
from capdoit.text import join_names

if TYPE_CHECKING:
    from capdoit.commands.frameworks import Framework
    from capdoit.commands.git_origin import GitOrigin

DEFAULT_STAGES = ("staging", "production")  # Capistrano's
TO_FILL_IN = re.compile(r"[^#]*: !todo ")
FROM_CAPISTRANO = Flag("from-capistrano", "convert the Capistrano project in this directory")
CAP = ValueOption("cap", "the command that runs Capistrano; none reads its files as text", shlex.split)


def install_files(request: CommandRequest) -> int:
    """Write deploy.yml and dodo.py unless they exist, the JSON Schema, and lines of .gitignore."""
    if request.has(FROM_CAPISTRANO):
        from capdoit.commands.install_from_capistrano import install_from_capistrano

        return install_from_capistrano(request, request.value_of(CAP))
    if request.value_of(CAP):
        raise ConfigError("--cap is for --from-capistrano; nothing was written")
    stages = request.words or DEFAULT_STAGES
    for stage in stages:
        if not is_stage_name(stage) or stages.count(stage) > 1:
            raise ConfigError(f"{stage} cannot be the name of a stage, or occurs twice; nothing was written")
    deploy_file = request.dodo_file.with_name("deploy.yml")
    has_hosts = deploy_file.exists()
    _write_first_files(request, stages, deploy_file)
    for line in _list_places_to_fill_in(deploy_file):
        request.console.write(line)
    first = "" if has_hosts else "put your hosts into deploy.yml, then "
    request.console.write(f"Next: {first}run `doit check` and `doit deploy`.")
    return 0


def _write_first_files(request: CommandRequest, stages: Sequence[str], deploy_file: Path) -> None:
    """Write the files, and say what of the project is in a new deploy.yml."""
    from capdoit.commands.first_deploy_file import make_first_deploy_text
    from capdoit.commands.frameworks import find_frameworks
    from capdoit.commands.git_origin import find_origin

    project, is_new = request.dodo_file.parent, not deploy_file.exists()
    origin, frameworks = find_origin(project), find_frameworks(project, recipe_names(project))
    write_file(request.console, deploy_file, make_first_deploy_text(project, stages, origin, frameworks))
    write_file(request.console, request.dodo_file, read_template("dodo.py") + read_template("hook.py"))
    write_schema(request.console, project)
    ignore_files(request.console, project)
    for line in _describe_findings(origin, frameworks) if is_new else ():
        request.console.write(line)


def _describe_findings(origin: GitOrigin, frameworks: Sequence[Framework]) -> Iterator[str]:
    """Yield what was found in the project and is in deploy.yml."""
    from capdoit.commands.frameworks import propose_recipes

    if origin.url:
        yield f"From git: {origin.url}, branch {origin.branch or 'unknown'}."
    else:
        yield f"No repository was found: {origin.missing}."
    if frameworks:
        active = [recipe.key for recipe in propose_recipes(frameworks) if recipe.is_active]
        recipes = f"recipes {join_names(active)}" if active else "recipes in comments"
        found = join_names(one.name for one in frameworks)
        yield f"Found: {found}. deploy.yml has {recipes}; `doit cap recipes` lists them."


def _list_places_to_fill_in(file: Path) -> list[str]:
    """Return the lines of deploy.yml that have ``!todo``, after a heading; nothing if there are none."""
    lines = enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
    places = [f"  {file.name}:{number}  {line.strip()}" for number, line in lines if TO_FILL_IN.match(line)]
    heading = f"Fill in the values marked !todo ({len(places)}); what needs one of them is refused until then:"
    return [heading, *places] if places else []


COMMAND = Subcommand(
    name="install",
    help="write deploy.yml, dodo.py, and the JSON Schema of deploy.yml",
    description=(
        "The stages are staging and production unless you name others. deploy.yml gets the git remote and branch, and "
        "recipes for the frameworks of the project. A deploy.yml or dodo.py that exists is not "
        "changed; the schema is renewed. In a git repository, .gitignore gets lines for the log and doit's database. "
        "--from-capistrano runs your Capistrano once for each stage, without a connection to a host, and writes what "
        "it says: settings, hosts, recipes for plugins, and stubs for your tasks."
    ),
    run=install_files,
    words=("[STAGE…]",),
    options=(FROM_CAPISTRANO, CAP),
    examples=("install --from-capistrano", 'install --from-capistrano --cap "bundle exec cap"'),
)
