# shellcheck shell=sh
# After hooks that were called by themselves, on the release that is live.
fenced
renew_manifest
