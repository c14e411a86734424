# shellcheck shell=sh
# End the offer of a script that no terminal has read.
# Given: folder
if [ -p "$folder/script" ]; then cat "$folder/script" >/dev/null; fi
