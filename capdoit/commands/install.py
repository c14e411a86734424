"""`doit cap install`: a first deploy.yml and dodo.py, and the JSON Schema that checks deploy.yml in editors."""

from __future__ import annotations

import shlex

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.project_files import ignore_files, read_template, write_file, write_schema
from capdoit.commands.schema import SCHEMA_FILE
from capdoit.commands.subcommand import Flag, Subcommand, ValueOption
from capdoit.config.settings import is_stage_name
from capdoit.errors import ConfigError

DEFAULT_STAGES = ("staging", "production")  # Capistrano's
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
    project = request.dodo_file.parent
    deploy = read_template("deploy.yml").replace("{default_stage}", stages[0]).replace("{schema}", SCHEMA_FILE)
    blocks = [read_template("stage.yml").replace("{stage}", stage) for stage in stages]
    write_file(request.console, project / "deploy.yml", deploy + "".join(blocks))
    write_file(request.console, request.dodo_file, read_template("dodo.py") + read_template("hook.py"))
    write_schema(request.console, project)
    ignore_files(request.console, project)
    request.console.write("Next: put your hosts into deploy.yml, then run `doit check` and `doit deploy`.")
    return 0


COMMAND = Subcommand(
    name="install",
    help="write deploy.yml, dodo.py, and the JSON Schema of deploy.yml",
    description=(
        "The stages are staging and production unless you name others. A deploy.yml or dodo.py that exists is not "
        "changed; the schema is renewed. In a git repository, .gitignore gets lines for the log and doit's database. "
        "--from-capistrano runs your Capistrano once for each stage, without a connection to a host, and writes what "
        "it says: settings, hosts, recipes for plugins, and stubs for your tasks."
    ),
    run=install_files,
    words=("[STAGE…]",),
    options=(FROM_CAPISTRANO, CAP),
    examples=("install --from-capistrano", 'install --from-capistrano --cap "bundle exec cap"'),
)
