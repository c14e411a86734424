# shellcheck shell=sh
# End the offer of a script that no terminal has read, by its process, which may have ended.
# Given: offer
kill "$offer" 2>/dev/null || :
