# shellcheck shell=sh
# Errors.
die() {
    printf '%s\n' "$*" >&2
    exit 1
}
