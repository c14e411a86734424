# shellcheck shell=sh
# After a flow that did not finish: its half-made release goes, and the host says where it stands.
# shellcheck disable=SC2154
fenced
live
if [ -n "$half_made" ]; then
    case $(live) in
        */"$half_made") ;;
        *) (remove_release "$half_made") || printf 'releases/%s could not be removed\n' "$half_made" >&2 ;;
    esac
fi
rm -rf .capdoit/next .capdoit/unpack .capdoit/incoming
journal "$entry" || printf 'the journal could not be written\n' >&2
