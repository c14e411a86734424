# shellcheck shell=sh
# Whether the repository answers this host.
# shellcheck disable=SC2154
git ls-remote -- "$repo_url" HEAD >/dev/null
