# shellcheck shell=sh
# Print a file.
# Given: remote
cat <"$remote"
