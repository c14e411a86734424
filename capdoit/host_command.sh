# shellcheck shell=sh
# A command of a hook, in its directory.
# shellcheck disable=SC2154
if [ -n "$cwd" ]; then
    cd "$cwd" || exit
fi
eval "$command"
