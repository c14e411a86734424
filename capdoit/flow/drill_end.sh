# shellcheck shell=sh
# Ends a drill: its shadow goes, and its verdict stays; a drill that was stopped has none.
# shellcheck disable=SC2154
fenced
sweep
if [ -n "$drilled" ]; then
    if ! printf '%s\n' "$drilled" >.capdoit/drilled.new || ! mv -f .capdoit/drilled.new .capdoit/drilled; then
        rm -f .capdoit/drilled.new
        die "the verdict of this drill could not be written"
    fi
fi
