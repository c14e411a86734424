"""The rules for the settings of deploy.yml: the reader of each, and the levels that may have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from capdoit.config.path_readers import (
    read_deploy_to,
    read_inner_paths,
    read_linked_files,
    read_log_patterns,
    read_shared_to,
)
from capdoit.config.readers import (
    Reader,
    choice_reader,
    read_age,
    read_boolean,
    read_environment,
    read_password,
    read_roles,
    read_ssh_options,
    read_string,
    read_umask,
    read_user,
    whole_number_reader,
)
from capdoit.config.recipe_uses import read_recipes
from capdoit.config.vars import read_vars

TOP, STAGE, HOST = "top", "stage", "host"
ANYWHERE = (TOP, STAGE, HOST)


@dataclass(frozen=True)
class SettingRule:
    """The rule for one setting of deploy.yml.

    Attributes:
        read: reader of its value.
        description: one or more sentences for people.
        levels: the levels that may have it: ``top``, ``stage``, ``host``.
        default: value of a transfer's setting that is not set; None for no value.
        is_required: whether a transfer cannot work without this setting.
        is_scalar: whether the value is a single text, number or word, which may be ``!env NAME`` or ``!cmd COMMAND``.
        is_text: whether other settings depend on the text, so that one that is not known needs a placeholder.
        is_for_deploys: whether only deploys use it; a rollback then does not need its variable or command.
        is_for_loading: whether `doit list` uses it, which runs no command.
        is_secret: whether its value is masked if it comes from an environment variable.
    """

    read: Reader[Any]
    description: str
    levels: tuple[str, ...] = (TOP, STAGE)
    default: Any = None
    is_required: bool = False
    is_scalar: bool = True
    is_text: bool = False
    is_for_deploys: bool = False
    is_for_loading: bool = False
    is_secret: bool = False


ON_FAILURE = choice_reader(("stop", "rollback"), "an action after a failure")
DRILL = choice_reader(("never", "after_deploy"), "a time for automatic drills")
TRANSPORT = choice_reader(("ssh", "local"), "a transport")

DEFAULT_LOG = "log/capdoit.log"

RULES_OF_HOSTS_AND_STAGES = {
    "user": SettingRule(
        read_string, "The user that ssh logs in as; ssh's own choice if not set.", ANYWHERE, is_text=True
    ),
    "port": SettingRule(whole_number_reader(1, 65535), "The port for ssh; ssh's own choice if not set.", ANYWHERE),
    "become": SettingRule(
        read_user,
        "The user that everything on the host runs as, by sudo, after the login; the user of the login if not set.",
        ANYWHERE,
        is_text=True,
    ),
    "become_password": SettingRule(
        read_password,
        "The password that sudo asks the user of the login for: !env NAME or !cmd COMMAND. Not needed with NOPASSWD.",
        ANYWHERE,
        is_scalar=False,
    ),
    "deploy_to": SettingRule(
        read_deploy_to,
        "The directory on the host; /var/www/APPLICATION if not set. ~/ is the home directory of the user that ssh "
        "logs in as. A relative path starts there, too; for a local host it starts at the directory of deploy.yml.",
        ANYWHERE,
        is_text=True,
    ),
    "shared_to": SettingRule(
        read_shared_to,
        "The directory to which the symlink shared leads, or the directories to which paths in it lead, by path.",
        ANYWHERE,
    ),
    "vars": SettingRule(
        read_vars,
        "Values of the project, by name: %{vars.NAME} in other settings, flow.vars and host.vars in hooks.",
        ANYWHERE,
        is_scalar=False,
    ),
    "default_env": SettingRule(
        read_environment,
        "Environment variables for everything that runs on hosts; a stage and a host add to it. $NAME is the host's "
        "own variable, $$ a dollar, and !env NAME a secret from your environment.",
        ANYWHERE,
        is_scalar=False,
    ),
    "umask": SettingRule(
        read_umask,
        "The umask of everything that runs on hosts, such as 027; that of the login if not set.",
        ANYWHERE,
    ),
    "logs": SettingRule(
        read_log_patterns,
        "The logs that doit cap logs follows: paths in deploy_to or absolute paths, which may have wildcards.",
        ANYWHERE,
        is_scalar=False,
    ),
    "ssh_options": SettingRule(
        read_ssh_options,
        "Options for ssh -o, such as ConnectTimeout=5; a stage and a host add to them.",
        ANYWHERE,
        is_scalar=False,
    ),
}
RULES_OF_STAGES = {
    "keep_releases": SettingRule(
        whole_number_reader(1),
        "The number of releases to keep. The rollback target and the last release that all hosts got are always kept.",
        is_for_deploys=True,
    ),
    "linked_files": SettingRule(
        read_linked_files,
        "Files in shared, linked into every release; a deploy needs them. In a mapping, the value is the file on this "
        "machine, relative to the directory of deploy.yml, that doit setup:STAGE uploads.",
        is_scalar=False,
    ),
    "linked_dirs": SettingRule(read_inner_paths, "Directories in shared, linked into every release.", is_scalar=False),
    "keep_failed": SettingRule(
        read_boolean, "Whether each host keeps its last failed release in .capdoit/failed.", is_for_deploys=True
    ),
    "on_failure": SettingRule(
        ON_FAILURE,
        "What follows if something fails after publishing: rollback goes back and marks the release as bad.",
        is_for_deploys=True,
    ),
    "confirm": SettingRule(
        read_boolean,
        "Whether a deploy or rollback shows what it would do and asks before it changes a host; yes=1 answers.",
    ),
    "max_failures": SettingRule(
        whole_number_reader(0),
        "The number of hosts that cannot be reached without which a deploy goes on.",
        is_for_deploys=True,
    ),
    "timeout": SettingRule(whole_number_reader(1), "Seconds after which a flow fails; no limit if not set."),
    "drill": SettingRule(DRILL, "When to rehearse a rollback without being asked.", is_for_deploys=True),
    "drill_max_age": SettingRule(
        read_age, "doit check warns if the last drill is older than this, such as 30d or 12h.", is_for_deploys=True
    ),
    "ssh_config": SettingRule(
        read_string, "A configuration file for ssh -F, relative to the directory of deploy.yml.", is_text=True
    ),
    "recipes": SettingRule(
        read_recipes,
        "Recipes and their options; their hooks run in this order. false in a stage turns a recipe off.",
        is_scalar=False,
    ),
}
RULES_OF_HOSTS = {
    "hostname": SettingRule(
        read_string, "The name or address for ssh; the name of the host if not set.", (HOST,), is_text=True
    ),
    "roles": SettingRule(read_roles, "The roles of the host, such as db.", (HOST,), is_scalar=False),
    "primary": SettingRule(read_boolean, "Whether the host is the primary of its roles.", (HOST,)),
    "no_release": SettingRule(read_boolean, "Whether the host gets no code; hooks may still run on it.", (HOST,)),
    "transport": SettingRule(TRANSPORT, "local for a directory of this machine, without ssh.", (HOST,)),
}
