# shellcheck shell=sh
# Change the entry of the lock, which a lost session of this flow still holds: if that session continues, its scripts
# find another entry and change nothing.
# Needs: enter_deploy_to require_lock
# Given: lock_entry
enter_deploy_to
require_lock
printf '%s\n' "$lock_entry" >.capdoit/lock
