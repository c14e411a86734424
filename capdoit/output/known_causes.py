"""Known causes of failures: what programs say, and a hint for each. The table is pure; its tests run the programs."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from capdoit.errors import NO_ROOM, Problem

LOGIN = r"\Acannot connect: "  # how the reason of a failed login begins
NO_LOGIN = r"\A(?!cannot connect: )[\s\S]*?"  # of anything else, such as git that runs ssh on a host
FROM_REPOSITORY = "Could not read from remote repository"
UNATTENDED = "(?:a password|a terminal|interactive authentication) is required"
LONGEST_LINE = 500  # characters of a line that are looked at: an output may have lines without an end


@dataclass(frozen=True)
class KnownCause:
    """A cause that programs name in words of their own.

    Attributes:
        pattern: what the reason of a problem, with the last lines of output below it, contains.
        hint: what to do. In braces: the names of the pattern's groups; ``hosts``, the names of the hosts; ``login``,
            the command that logs in to the first of them.
        command: the command that the hint names last; empty for none. Braces as in the hint; what programs said is
            quoted.
        only_with: another text that must be there; empty for none.
    """

    pattern: re.Pattern[str]
    hint: str
    command: str = ""
    only_with: str = ""


@dataclass(frozen=True)
class FoundCause:
    """A known cause, found in a problem.

    Attributes:
        hint: what to do.
        command: the command that the hint names last; empty for none.
        line: the line of the problem that tells the cause, and not only that something failed. Two causes that differ
            only in it are equal.
    """

    hint: str
    command: str
    line: str = field(compare=False)


def find_known_cause(problem: Problem) -> FoundCause | None:
    """Return the known cause of a problem; None if it is not known.

    Args:
        problem: the text of programs is in its lines; its host may be the names of several hosts.
    """
    text = "\n".join(line[:LONGEST_LINE] for line in problem.text.split("\n"))
    for cause in KNOWN_CAUSES:
        if cause.only_with in problem.text and (found := cause.pattern.search(text)):
            return _fill_in(cause, found, problem)
    return None


def _fill_in(cause: KnownCause, found: re.Match[str], problem: Problem) -> FoundCause:
    said = {name: text or "" for name, text in found.groupdict().items()}
    quoted = {name: shlex.quote(text) for name, text in said.items()}
    places = {"hosts": problem.host or "this machine", "login": problem.login}
    hint, command = cause.hint.format_map({**said, **places}), cause.command.format_map({**quoted, **places})
    return FoundCause(hint, command, problem.text.split("\n")[_find_line(found)].strip())


def _find_line(found: re.Match[str]) -> int:
    """Return the number of the line in which a match ends, or in which its group ``line`` is."""
    place = found.start("line") if "line" in found.re.groupindex else max(found.end() - 1, 0)
    return found.string.count("\n", 0, place)


def _cause(pattern: str, hint: str, command: str = "", only_with: str = "") -> KnownCause:
    return KnownCause(re.compile(pattern, re.MULTILINE), hint, command, only_with)


GIT_SERVER_UNREACHABLE = (
    "The git server is not reachable from {hosts}. Hosts connect to it themselves: a firewall may stop them, or "
    "repo_url is wrong. To send the code from this machine instead, use the archive transfer (archive:)"
)

# The first one that matches counts, so the special ones stand before the general ones.
KNOWN_CAUSES = (
    # -- ssh from this machine
    _cause(
        LOGIN + r"Host key verification failed\.[\s\S]*Offending \S+ key in (?P<file>.+):\d+$"
        r"[\s\S]*Host key for (?P<name>\S+) has changed",
        "The host key of {hosts} is not the one that this machine knows: the host was installed anew, or somebody is "
        "in between. Ask for its fingerprint. Then remove the old key, and log in once by hand: ssh shows the "
        "fingerprint of the new key before you accept it",
        "ssh-keygen -R {name} -f {file} && {login}",
    ),
    _cause(
        LOGIN + r"Host key verification failed\.(?:[\s\S]*host key is known for)?",
        "ssh on this machine does not know the host key of {hosts}, and capdoit trusts no unknown host. Log in once by "
        "hand and compare the fingerprint",
        "{login}",
    ),
    _cause(
        LOGIN + r"(?P<line>\S+: Permission denied) \([^)]*publickey[\s\S]*The agent has no identities",
        "The ssh agent of this machine holds no key. Add yours",
        "ssh-add",
    ),
    _cause(
        LOGIN + r"(?P<user>[^@\s]+)@\S+: Permission denied \([^)]*publickey",
        "None of the keys that ssh offers lets you in as {user} on {hosts}. Is user: right in deploy.yml, and is your "
        "public key in ~{user}/.ssh/authorized_keys there? To see the keys that ssh offers",
        "{login} -v",
    ),
    _cause(
        LOGIN + r".*Too many authentication failures",
        "The ssh agent offers too many keys before the right one. Name the key in deploy.yml: "
        "ssh_options: [IdentitiesOnly=yes, IdentityFile=~/.ssh/KEY]",
    ),
    _cause(
        LOGIN + r".*before authentication",
        "The ssh server accepts connections and drops them. Too many log in at once (MaxStartups in its sshd_config), "
        "or it blocks this machine after failed logins (PerSourcePenalties, fail2ban). Its log tells",
        "{login}",
    ),
    _cause(
        LOGIN + r".*LogLevel=QUIET",
        "Remove LogLevel=QUIET from ssh_options in deploy.yml: then ssh says why. To try by hand",
        "{login} -v",
    ),
    _cause(
        LOGIN + r".*Could not resolve hostname (?P<name>[^\s:]+)",
        "{name} is neither a name in DNS nor in the configuration of ssh. Is hostname: right in deploy.yml?",
    ),
    _cause(
        LOGIN + r".*(?:Connection refused|Connection timed out|No route to host|Network is unreachable)",
        "Is {hosts} up, is port: right in deploy.yml, and does a firewall let you through? To try by hand",
        "{login}",
    ),
    # -- git on a host
    _cause(
        NO_LOGIN + r"(?P<line>Host key verification failed)\.",
        "The host key of the git server in repo_url is not known to the user of deploys on {hosts}. Put the key into "
        "~/.ssh/known_hosts there, after comparing its fingerprint with the one that the server's operator publishes. "
        "To print it",
        "ssh-keyscan GITSERVER",
        only_with=FROM_REPOSITORY,
    ),
    _cause(
        NO_LOGIN + r"^(?P<line> *(?:\S+@)?\S+: Permission denied) \([^)]*publickey",
        "The git server accepts no key of the user of deploys on {hosts}. Give that user a deploy key, or let it use "
        "yours: ssh_options: [ForwardAgent=yes] in deploy.yml, with the key in your agent (ssh-add)",
        only_with=FROM_REPOSITORY,
    ),
    _cause(
        r"detected dubious ownership in repository at '(?P<path>[^']+)'",
        "On {hosts}, git refuses the repository because it belongs to another user than that of deploys. If that is "
        "meant, type there, as the user of deploys",
        "git config --global --add safe.directory {path}",
    ),
    _cause(
        r"git-lfs: (?:command )?not found|smudge filter lfs failed|Smudge error:",
        "git on {hosts} is set up for Git LFS, but cannot get the contents of the files. Install git-lfs there and let "
        "it reach its server; or, to deploy the pointers, remove the setting: git lfs uninstall",
    ),
    _cause(
        r"fatal: not a git repository",
        "A release has no .git: git commands, such as git submodule update, do not work in it. Submodules and files in "
        "Git LFS must come another way, such as the archive transfer (archive: in deploy.yml)",
    ),
    _cause(
        r"Could not resolve host(?:name)?:? (?P<name>[^\s:]+)",
        "The name {name} is not known on {hosts}. Hosts reach the repository themselves: look at their DNS, or at "
        "repo_url in deploy.yml. To send the code from this machine instead, use the archive transfer (archive:)",
    ),
    _cause(
        r"does not appear to be a git repository|repository '[^']*' (?:does not exist|not found)|Repository not found",
        "Is repo_url right in deploy.yml? A path means a directory of {hosts}, not of this machine. A server also says "
        "so about a repository that the user of deploys may not read",
    ),
    _cause(
        r"Connection refused|Connection timed out|No route to host|Network is unreachable",
        GIT_SERVER_UNREACHABLE,
        only_with=FROM_REPOSITORY,
    ),
    _cause(r"fatal: unable to access '", GIT_SERVER_UNREACHABLE),
    # -- programs on a host
    _cause(
        LOGIN + r"(?P<line>sudo: .*incorrect password)[\s\S]*^ *the password is from (?P<place>.*)$",
        "{place} must be the password of the user that ssh logs in as on {hosts}, not of the user of become",
    ),
    _cause(
        LOGIN + r"sudo: " + UNATTENDED,
        "sudo on {hosts} asks the user of the login for a password, to run everything as the user of become. Set "
        "become_password in deploy.yml, or allow it without, by a line in sudoers (visudo): "
        "LOGIN ALL=(USER) NOPASSWD: ALL",
    ),
    _cause(
        r"sudo: (?:" + UNATTENDED + r"|.* must have a tty)|Sorry, user \S+ is not allowed to execute",
        "Nobody can type a password during a flow. Allow it on {hosts} by a line in sudoers (visudo). For a command "
        "that begins with sudo: LOGIN ALL=(root) NOPASSWD: /FULL/PATH/OF/COMMAND ARGUMENTS. For a hook with user=, "
        "which runs a shell as that user: LOGIN ALL=(USER) NOPASSWD: ALL",
    ),
    _cause(
        r"(?P<line>sudo: unknown user:? (?P<user>\S+))$",
        "There is no user {user} on {hosts}. Is the name right: become: in deploy.yml, or sudo -u in a hook?",
    ),
    _cause(
        r"^ *tar \((?:grand)?child\): (?P<command>\S+): Cannot exec: No such file or directory$",
        "tar on {hosts} needs {command}, which is not on the PATH. Install it there, or compress the archive in "
        "another format, such as .tar.gz",
    ),
    _cause(
        r"^ +(?P<line>linked file .+ does not exist in )",
        "A file in shared was removed on {hosts} after the deploy had looked for it, or since that deploy. "
        "If linked_files in deploy.yml names its source on this machine, this puts it there again",
        "doit setup:STAGE",
    ),
    _cause(
        r"no inode is left in ",
        "The file system on {hosts} has room, but no inodes: too many small files. To find the directories that have "
        "most",
        "du --inodes -x / | sort -n | tail",
    ),
    _cause(
        NO_ROOM.pattern,
        "Space or inodes are used up on {hosts}: df -h and df -i show which. Sizes of releases: doit cap releases "
        "--sizes; keep_releases in deploy.yml says how many are kept",
    ),
    _cause(
        r"[Rr]ead-only file system",
        "A kernel makes a file system read-only after errors of its disk; dmesg on {hosts} tells. Once repaired, as "
        "root there",
        "mount -o remount,rw MOUNTPOINT",
    ),
    _cause(
        r"^ *(?:\S*sh: (?:line )?(?:\d+: )?(?:eval: )?(?:line \d+: )?|sudo: |env: [‘']?)"  # noqa: RUF001 - as env prints it
        r"(?P<command>[\w.+-]+)['’]?: (?:command )?(?:not found|No such file or directory)$",  # noqa: RUF001
        "{command} is not on the PATH of {hosts}: a flow uses no login shell, so it reads neither ~/.profile nor "
        '~/.bashrc. Add its directory in deploy.yml, as default_env: {{PATH: "/ITS/DIRECTORY:$PATH"}}. To find it, '
        "there",
        "bash -lic 'command -v {command}'",
    ),
)
