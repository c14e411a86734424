# shellcheck shell=sh
# Undoes a publish: current is again what it was before, or nothing when there was nothing.
# shellcheck disable=SC2154
fenced
if [ "$(live)" = "$deploy_to/releases/$release" ] && [ "$(live)" != "$before" ]; then
    rm -rf .capdoit/next
    if [ -n "$before" ]; then
        mkdir .capdoit/next
        ln -s "$before" .capdoit/next/current
        mv -f .capdoit/next/current "$deploy_to/"
    else
        rm -f current
    fi
    journal "$entry" || printf 'the journal could not be written\n' >&2
fi
live
