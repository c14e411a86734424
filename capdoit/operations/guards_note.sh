# shellcheck shell=sh
# The newest note of the journal about a release, or about any when none is named; nothing when there is none.
# shellcheck disable=SC2154
[ -f "$deploy_to/.capdoit/journal" ] || exit 0
if [ -n "$release" ]; then
    sed -n "/^{\"event\": \"noted\", \"release\": \"$release\"/p" "$deploy_to/.capdoit/journal"
else
    sed -n '/^{"event": "noted"/p' "$deploy_to/.capdoit/journal"
fi | tail -n 1
