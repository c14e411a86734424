# shellcheck shell=sh
# What came after the last word of a flow, or of hooks that were called by themselves, on the release that is live.
# shellcheck disable=SC2154
fenced
if [ -n "$entry" ]; then journal "$entry" || printf 'the journal could not be written\n' >&2; fi
if [ -n "$hooked" ]; then renew_manifest; fi
