# shellcheck shell=sh
# Whether the repository answers this host.
# shellcheck disable=SC2154
export GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes}"
git ls-remote -- "$repo_url" HEAD >/dev/null
