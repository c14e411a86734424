# shellcheck shell=sh
# A command of a hook, in its directory. Stdout is for answers alone: what a command leaves running
# must not write into a later one.
# shellcheck disable=SC2154
if [ -n "$hook_cwd" ]; then
    cd "$hook_cwd" || exit
fi
if [ -n "$hook_answers" ]; then
    eval "$hook_command"
else
    eval "$hook_command" >&2
fi
