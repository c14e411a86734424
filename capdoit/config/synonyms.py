"""Names that settings have in other tools, and what people call them: they are not similar to the names here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

SYNONYMS = {
    "hostname": "address addr fqdn host ip server ssh uri",
    "user": "login remote_user ssh_user username",
    "port": "ssh_port",
    "ssh_options": "bastion forward_agent gateway identity_file jump jump_host key keys proxy ssh_key",
    "roles": "groups tags",
    "deploy_to": "deploy_path destination dir directory folder path root target",
    "application": "app app_name name project",
    "repo_url": "git_url repo repository url",
    "branch": "commit ref rev revision tag",
    "repo_tree": "subdir subdirectory",
    "archive": "artifact package tarball",
    "transfer": "copy_strategy deploy_via scm strategy",
    "keep_releases": "keep max_releases releases retain",
    "linked_files": "copy_files shared_files",
    "linked_dirs": "shared_children shared_dirs shared_directories shared_folders",
    "default_env": "env env_vars environment variables",
    "vars": "facts params parameters values",
    "recipes": "modules plugins",
    "hosts": "host machines nodes server servers",
    "stages": "environments envs stage targets",
    "default_stage": "default_environment",
}


def hint_at_synonyms(levels: Mapping[str, str], here: Iterable[str]) -> dict[str, str]:
    """Return the hints for unknown settings of a level that have another name here, by the unknown name.

    Args:
        levels: the levels of each known setting, in words.
        here: the known settings of the level.
    """
    known = {name: f"; did you mean {name}?" for name in here}
    elsewhere = {name: f"; did you mean {name}? It belongs {level}" for name, level in levels.items()}
    # The hints of this level come last, so they win where a name can mean several settings.
    return {**_by_synonym({**elsewhere, **known}), **_by_synonym(known)}


def _by_synonym(hints: Mapping[str, str]) -> dict[str, str]:
    return {synonym: hints[name] for name, synonym in _pairs() if name in hints}


def _pairs() -> Iterator[tuple[str, str]]:
    for name, synonyms in SYNONYMS.items():
        for synonym in synonyms.split():
            yield name, synonym
