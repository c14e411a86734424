# shellcheck shell=sh
# Ends a drill: its shadow goes, and its verdict stays; a drill that was stopped has none.
# shellcheck disable=SC2154
fenced
sweep
if [ -n "$drilled" ]; then
    printf '%s\n' "$drilled" >.capdoit/drilled.new
    mv -f .capdoit/drilled.new .capdoit/drilled
fi
