# shellcheck shell=sh
# Run a command of a hook in its directory. Stdout is reserved for commands whose output is captured: what another
# command leaves running must not write into the output of a later one.
# Given: hook_command hook_cwd host_umask is_captured
if [ -n "$host_umask" ]; then
    umask "$host_umask" # sudo has added bits to it
fi
if [ -n "$hook_cwd" ]; then
    cd "$hook_cwd" || exit
fi
if [ -n "$is_captured" ]; then
    eval "$hook_command"
else
    eval "$hook_command" >&2
fi
