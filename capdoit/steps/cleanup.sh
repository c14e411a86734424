# shellcheck shell=sh
# Removes the releases that the decision names.
# shellcheck disable=SC2154
fenced
eval "set -- $removals"
for name; do
    remove_release "$name"
done
forget_manifests
