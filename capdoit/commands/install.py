"""`doit cap install`: a first deploy.yml and dodo.py."""

from __future__ import annotations

from pathlib import Path

from capdoit.commands.request import Asked
from capdoit.config.settings import is_stage_name
from capdoit.errors import ConfigError

TEMPLATES = Path(__file__).parent / "templates"
DEFAULT_STAGES = ("staging", "production")  # Capistrano's


def install(asked: Asked) -> int:
    """Write deploy.yml and dodo.py where there are none."""
    stages = asked.words or DEFAULT_STAGES
    for stage in stages:
        if not is_stage_name(stage) or stages.count(stage) > 1:
            raise ConfigError(f"{stage} cannot be a stage's name, or stands here twice; nothing was written")
    deploy = _template("deploy.yml").replace("{default_stage}", stages[0])
    blocks = [_template("stage.yml").replace("{stage}", stage) for stage in stages]
    _write(asked, asked.dodo.parent / "deploy.yml", deploy + "".join(blocks))
    _write(asked, asked.dodo, _template("dodo.py"))
    asked.console.say("Next: put your hosts into deploy.yml, then `doit check` and `doit deploy`.")
    return 0


def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.in").read_text(encoding="utf-8")


def _write(asked: Asked, file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        asked.console.say(f"[skip] {file} exists")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    else:
        asked.console.say(f"[write] {file}")
