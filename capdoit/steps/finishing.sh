# shellcheck shell=sh
# Removes the releases that the decision names.
# shellcheck disable=SC2154
fenced
if [ -n "$hooked" ]; then renew_manifest; fi
eval "set -- $removals"
for name; do
    remove_release "$name"
done
removed_beside
forget_manifests
