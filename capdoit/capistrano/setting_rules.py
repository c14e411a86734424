"""Settings of Capistrano itself as settings of deploy.yml, and the project's own settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from capdoit.capistrano.environment_entries import convert_entries
from capdoit.capistrano.environment_values import (
    CannotBeWrittenError,
    explain_missing_value,
    name_variables,
    require_value,
)
from capdoit.capistrano.own_settings import convert_own_value, find_hidden_variables
from capdoit.capistrano.plugin_rule import VERSIONS
from capdoit.capistrano.project import CapistranoSetting, CapistranoStage
from capdoit.capistrano.report import Omission, join_reasons
from capdoit.capistrano.ruby_origins import describe_lost_code
from capdoit.capistrano.ssh_options import convert_ssh_options
from capdoit.config.readers import APPLICATION, UMASK
from capdoit.controller_command import CurrentBranch
from capdoit.layout import is_inside
from capdoit.questions import Question
from capdoit.sources import EnvironmentVariable, ToFillIn
from capdoit.url_credentials import find_url_passwords

# Settings with an equal name and meaning, in the order in which deploy.yml has them.
SAME = (
    "application", "deploy_to", "repo_url", "branch", "repo_tree", "keep_releases", "linked_files", "linked_dirs",
)  # fmt: skip
# A setting without which deploy.yml cannot be loaded: where its value is not written, a variable has it.
NEEDED = {"repo_url": EnvironmentVariable("REPO_URL")}
# Settings whose default would be taken silently where their value is not written.
TO_FILL_IN = {
    "application": ToFillIn("the name of the application"),
    "deploy_to": ToFillIn("the directory on the hosts"),
    "repo_url": ToFillIn("the address of the git repository"),
    "branch": ToFillIn("the branch to deploy"),
    "repo_tree": ToFillIn("the directory of the repository that is deployed"),
    "keep_releases": ToFillIn("the number of releases to keep"),
}
SSH = ("ssh_options", "connection_timeout")
FIXED_LAYOUT = "the directories on hosts have fixed names; rename them on the hosts before the first deploy"
# Settings that have no equal here, and what to do.
REASONS = {
    "current_directory": FIXED_LAYOUT,
    "releases_directory": FIXED_LAYOUT,
    "shared_directory": FIXED_LAYOUT,
    "repo_path": FIXED_LAYOUT,
    "git_shallow_clone": "each host keeps a complete mirror",
    "git_verify_commit": 'commits are not verified; let a doit task do it: cap.before("starting", "TASK")',
    "git_http_username": "write user and password into repo_url, as !env NAME",
    "git_http_password": "write user and password into repo_url, as !env NAME",
    "filter": "use hosts= or roles= on the command line",
    "sshkit_backend": "hosts are reached with ssh",
    "pty": "commands of hooks have no terminal",
}
# Settings that nothing here needs: how much is shown, temporary files, and how Capistrano works inside.
NOT_NEEDED = re.compile(
    r"format|format_options|log_level|tmp_dir|local_user|print_config_variables|scm|stage|stages|default_stage|deploying"
    r"|deploy_config_path|stage_config_path|locale|git_wrapper_path|git_environmental_variables|git_strategy"
    r"|git_max_concurrent_connections|git_wait_interval|use_sudo|keep_failed|release_path"
    r"|release_timestamp|config_example_suffix|airbrussh\w*|default_shell|normalize_asset_timestamps|deploy_via"
    r"|copy_exclude|group_writable|capistrano_version|lock|revision_log_message|current_revision\w*|previous_revision\w*"
)


@dataclass(frozen=True)
class Written:
    """A value of deploy.yml.

    Attributes:
        value: the value.
        comment: what to know about it.
    """

    value: Any
    comment: str = ""


@dataclass
class StageDraft:
    """The settings of a stage as deploy.yml will have them.

    Attributes:
        settings: settings by name.
        own: the project's own settings by name.
        omissions: what was not carried over.
        not_needed: names of settings that nothing here needs.
    """

    settings: dict[str, Written] = field(default_factory=dict)
    own: dict[str, Written] = field(default_factory=dict)
    omissions: list[Omission] = field(default_factory=list)
    not_needed: list[str] = field(default_factory=list)


def convert_settings(stage: CapistranoStage, used: Collection[str]) -> StageDraft:
    """Return the settings of a stage.

    Args:
        stage: the stage of Capistrano.
        used: names of settings that recipes have taken up.
    """
    draft = StageDraft()
    for name in SAME:
        setting = stage.settings.get(name)
        if setting and (setting.place or name.startswith("linked_")):  # plugins link directories, too
            _take(setting, draft, draft.settings, CLEANERS.get(name, lambda setting: setting.value))
            _list_hidden_secrets(setting, draft.settings.get(name), draft)
    _take_environment(stage, draft)
    for setting in stage.settings.values():
        if setting.name not in (*SAME, "default_env", *SSH, *used) and setting.place:
            _take_other(setting, draft)
    _drop_nested_links(draft, stage)
    _take_ssh_options(stage, draft)
    _take_umask(stage, draft)
    draft.omissions += [*_find_sshkit_settings(stage), *_find_values_of_today(stage, draft, used)]
    draft.omissions += _find_unmet_lines(stage, [omission.what for omission in draft.omissions])
    draft.omissions += _find_unknown_values(stage, (*SSH, *used))
    return draft


def _find_unmet_lines(stage: CapistranoStage, listed: Collection[str]) -> Iterator[Omission]:
    """Yield the settings and servers that a condition leaves out today."""
    for line in stage.unmet:
        is_needed = line.setting not in REASONS and not NOT_NEEDED.fullmatch(line.setting)
        if is_needed and line.declaration not in listed:
            yield Omission(line.declaration, UNMET, line.place)


def _find_unknown_values(stage: CapistranoStage, names: Collection[str]) -> Iterator[Omission]:
    """Yield the settings of these names without a value."""
    for setting in stage.settings.values():
        if setting.name in names and setting.place and setting.error:
            yield Omission(f"set :{setting.name}", explain_missing_value(setting.error), setting.place)


def _find_values_of_today(stage: CapistranoStage, draft: StageDraft, used: Collection[str]) -> Iterator[Omission]:
    """Yield the settings that code computes, and of which deploy.yml has only the value of today."""
    written = {**draft.settings, **draft.own}
    for setting in stage.settings.values():
        is_written = setting.name in written or (setting.name in used and setting.value is not None)
        if setting.place and is_written and not setting.error and setting.name not in VERSIONS:
            value = written[setting.name].value if setting.name in written else setting.value
            if not isinstance(value, ToFillIn) and (why := describe_lost_code(setting, value)):
                yield Omission(f"set :{setting.name}", why, setting.place)


def _take(
    setting: CapistranoSetting,
    draft: StageDraft,
    settings: dict[str, Written],
    clean: Callable[[CapistranoSetting], Any],
) -> None:
    """Add a setting with its value, or say why not."""
    try:
        value = name_variables(clean(require_value(setting)), setting.variables, setting.defaults)
        if value not in (None, [], {}, ""):
            settings[setting.name] = Written(_refuse_objects(value), _describe_origin(setting))
        elif setting.value in (None, ""):
            draft.omissions.append(Omission(f"set :{setting.name}", "its value is empty", setting.place))
    except CannotBeWrittenError as error:
        advice = _take_placeholder(setting, settings)
        draft.omissions.append(Omission(f"set :{setting.name}", join_reasons(str(error), advice), setting.place))


def _take_placeholder(setting: CapistranoSetting, settings: dict[str, Written]) -> str:
    """Add what stands for a value that is not written, so that no default replaces it; return what to do."""
    needed, wanted = NEEDED.get(setting.name), TO_FILL_IN.get(setting.name)
    if needed and not setting.error:
        settings[setting.name] = Written(needed, f"FILL IN: set this environment variable, or write {setting.name}")
        return f"set the environment variable {needed.variable} to its value"
    if wanted:
        settings[setting.name] = Written(wanted, f"computed in {setting.place}")
        return "deploy.yml has !todo for it"
    return ""


def _refuse_objects(value: Any) -> Any:
    """Return a value; raise CannotBeWrittenError for an object of Ruby."""
    if isinstance(value, Mapping) and set(value) == {"ruby"}:
        raise CannotBeWrittenError(f"its value is a Ruby object ({value['ruby']})")
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _refuse_objects(item)
    return value


def _describe_origin(setting: CapistranoSetting) -> str:
    if setting.is_question:
        also = "; branch= answers" if setting.name == "branch" else ""
        return f"Capistrano asks for it ({setting.place}){also}"
    if setting.name == "branch" and setting.asks_git:
        return ""
    return f"computed in {setting.place}" if setting.is_computed else ""


# -- values that Capistrano accepts and deploy.yml does not


def _clean_application(setting: CapistranoSetting) -> Any:
    if isinstance(setting.value, str) and not APPLICATION.fullmatch(setting.value):
        raise CannotBeWrittenError(f"{setting.value!r} has characters other than letters, digits, dots, - and _")
    return setting.value


def _clean_deploy_to(setting: CapistranoSetting) -> Any:
    path = str(setting.value).rstrip("/")
    if not path.startswith(("/", "~/")) and "CAPDOIT_UNSET" not in path:
        return f"~/{path}"  # ssh begins in the home directory
    return path


def _clean_paths(setting: CapistranoSetting) -> Any:
    """Return a list of paths without repetitions, as `append` of a list inside a list makes them."""
    value = setting.value if isinstance(setting.value, list) else [setting.value]
    flat = chain.from_iterable(item if isinstance(item, list) else [item] for item in value if item)
    paths = dict.fromkeys(str(path).strip().removeprefix("./").rstrip("/") for path in flat)
    if outside := [path for path in paths if not is_inside(path)]:
        raise CannotBeWrittenError(f"{outside[0]!r} is not a path inside the release")
    return [*paths]


def _clean_branch(setting: CapistranoSetting) -> Any:
    """Return the branch, or how deploy.yml finds it: it asks the operator, or takes what is checked out."""
    found = CurrentBranch(".") if setting.asks_git else setting.value or None
    if not setting.is_question:
        return found
    return Question("branch", "", found)


def _clean_url(setting: CapistranoSetting) -> Any:
    """Return the URL of the repository; raise CannotBeWrittenError if deploy.yml would have its password."""
    named = name_variables(setting.value, setting.variables, setting.defaults)
    text = named.default if isinstance(named, EnvironmentVariable) else named
    if find_url_passwords(str(text)):
        raise CannotBeWrittenError("its password is not written")
    return named


def _clean_number(setting: CapistranoSetting) -> Any:
    return int(setting.value) if str(setting.value).isdigit() else setting.value


CLEANERS: Mapping[str, Callable[[CapistranoSetting], Any]] = {
    "application": _clean_application,
    "deploy_to": _clean_deploy_to,
    "keep_releases": _clean_number,
    "branch": _clean_branch,
    "repo_url": _clean_url,
    "linked_files": _clean_paths,
    "linked_dirs": _clean_paths,
}


def _drop_nested_links(draft: StageDraft, stage: CapistranoStage) -> None:
    """Remove linked paths inside of other linked paths: the outer one shares them already."""
    links = {name: draft.settings[name].value for name in ("linked_files", "linked_dirs") if name in draft.settings}
    dirs = links.get("linked_dirs", [])
    for name, paths in links.items():
        inner = [path for path in paths if any(path.startswith(f"{outer}/") for outer in dirs)]
        inner += [path for path in paths if name == "linked_files" and path in dirs]
        if inner:
            kept = [path for path in paths if path not in inner]
            draft.settings[name] = replace(draft.settings[name], value=kept)
            why = "it is inside another linked directory, which shares it"
            draft.omissions += [Omission(f"{name}: {path}", why, stage.settings[name].place) for path in inner]


# -- everything else


def _take_environment(stage: CapistranoStage, draft: StageDraft) -> None:
    """Add the environment variables that can be written, and list the others."""
    setting = stage.settings.get("default_env")
    if setting and setting.place:
        if isinstance(setting.value, Mapping) and not setting.error:
            kept, omissions = convert_entries(setting)
            draft.omissions += omissions
            setting = replace(setting, value=kept, statements=())
        _take(setting, draft, draft.settings, lambda setting: setting.value)
        _list_hidden_secrets(setting, draft.settings.get("default_env"), draft)


def _take_other(setting: CapistranoSetting, draft: StageDraft) -> None:
    if setting.name in REASONS:
        if setting.error or setting.value not in (None, False):
            draft.omissions.append(Omission(f"set :{setting.name}", REASONS[setting.name], setting.place))
    elif NOT_NEEDED.fullmatch(setting.name):
        draft.not_needed.append(setting.name)
    else:
        _take(setting, draft, draft.own, lambda _: convert_own_value(setting))
        _list_hidden_secrets(setting, draft.own.get(setting.name), draft)


def _list_hidden_secrets(setting: CapistranoSetting, written: Written | None, draft: StageDraft) -> None:
    """List the secrets that deploy.yml takes from the environment, although deploy.rb has them."""
    if written and written.value in NEEDED.values():  # it is in the list already
        return
    for variable in find_hidden_variables(written.value if written else None, setting):
        why = f"it looks like a secret and is not written; set the environment variable {variable}"
        draft.omissions.append(Omission(f"set :{setting.name}", why, setting.place))


def _take_ssh_options(stage: CapistranoStage, draft: StageDraft) -> None:
    """Add the options of ssh. Capistrano forwards the agent by default, and hosts may fetch the code with it."""
    setting = stage.settings.get("ssh_options")
    options = setting.value if setting and isinstance(setting.value, Mapping) else {}
    needs_agent = bool(re.match(r"ssh://|[^/:]+@[^/:]+:", str(stage.value("repo_url", ""))))
    converted = convert_ssh_options(options, setting.place if setting else None, needs_agent)
    draft.omissions += converted.omissions
    timeout = stage.value("connection_timeout")
    listed = [*converted.options, *([f"ConnectTimeout={timeout}"] if timeout else [])]
    if listed:
        forwards = "ForwardAgent=yes" in listed and "forward_agent" not in options
        draft.settings["ssh_options"] = Written(listed, AGENT if forwards else "")
    for name in ("user", "port"):
        if options.get(name):
            draft.settings[name] = Written(int(options[name]) if str(options[name]).isdigit() else options[name])


UNMET = "its condition is false now, and deploy.yml has the value of today; a function can decide it each time"
BUNDLED = "bundle exec"
AGENT = "Capistrano always forwards your agent; remove it if the hosts have a key for the repository"


def _take_umask(stage: CapistranoStage, draft: StageDraft) -> None:
    """Add the umask of SSHKit."""
    if UMASK.fullmatch(stage.umask):
        draft.settings["umask"] = Written(stage.umask)
    elif stage.umask:
        draft.omissions.append(Omission(f"SSHKit umask {stage.umask}", "write it in octal digits as umask:"))


def _find_sshkit_settings(stage: CapistranoStage) -> Iterator[Omission]:
    for one in stage.commands:
        bundled = "; recipes run programs of the bundle with bundle exec themselves" if BUNDLED in one.command else ""
        path = "" if one.is_prefix else ", or set PATH in default_env"
        name = f"SSHKit.config.command_map{'.prefix' if one.is_prefix else ''}[:{one.name}]"
        yield Omission(name, f"write {one.command} in hooks{path}{bundled}", one.place)
