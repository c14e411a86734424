# shellcheck shell=sh
# shellcheck disable=SC2154
cat <"$remote"
