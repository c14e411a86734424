# shellcheck shell=sh
# How every script of a flow begins: in deploy_to, and ending at its first failure.
# Given: deploy_to
enter_deploy_to() {
    set -eu
    unset CDPATH
    cd "$deploy_to"
}
