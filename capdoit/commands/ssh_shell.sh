# shellcheck shell=sh
# Become an interactive shell in the live release, or else in deploy_to or the home directory. It is no login shell: that
# would set PATH anew.
# Environment: SHELL
# Given: deploy_to host host_umask
if [ -n "$host_umask" ]; then
    umask "$host_umask"
fi
if cd "$deploy_to/current" 2>/dev/null; then
    release=$(pwd -P)
    echo "$host: release ${release##*/}"
else
    cd "$deploy_to" 2>/dev/null || :
    echo "$host: nothing is live in $deploy_to; this is $(pwd)"
fi
case ${SHELL-} in
    '' | */nologin | */false) SHELL=/bin/sh ;; # of an account of a service, to which sudo leads
esac
exec "$SHELL"
