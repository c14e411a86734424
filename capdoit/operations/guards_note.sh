# shellcheck shell=sh
# Print the newest note in the journal: about one release, or about any release if $release is empty.
# Given: deploy_to release
[ -f "$deploy_to/.capdoit/journal" ] || exit 0
if [ -n "$release" ]; then
    sed -n "/^{\"event\": \"noted\", \"release\": \"$release\"/p" "$deploy_to/.capdoit/journal"
else
    sed -n '/^{"event": "noted"/p' "$deploy_to/.capdoit/journal"
fi | tail -n 1
