# shellcheck shell=sh
# Remove the releases that keep_releases does not keep, and what earlier removals left.
# Needs: delete_removed enter_deploy_to forget_manifests remove_release renew_manifest require_lock touch_manifest
# Given: hooks_ran removals
enter_deploy_to
require_lock
if [ -n "$hooks_ran" ]; then renew_manifest; fi
eval "set -- $removals"
for release_to_remove; do
    remove_release "$release_to_remove"
done
delete_removed
touch_manifest
forget_manifests
