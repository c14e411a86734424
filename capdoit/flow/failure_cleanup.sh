# shellcheck shell=sh
# After a flow that did not finish: the host says what is live there, and its half-made release goes, or
# is set aside when that was asked for; then it says where.
# shellcheck disable=SC2154
aside() {
    remove_tree .capdoit/failed && mkdir .capdoit/failed && mv "releases/$half_made" .capdoit/failed/
}

# The first that a deploy writes into the journal is that it makes its release.
is_ours() {
    case $(tail -n 20 .capdoit/journal 2>/dev/null) in
        *"\"run\": \"$run\""*) [ "$(live)" != "$deploy_to/releases/$half_made" ] ;;
        *) return 1 ;;
    esac
}

fenced
live
if [ -n "$half_made" ] && [ -d "releases/$half_made" ] && is_ours; then
    if [ -n "$keep" ] && (aside); then
        printf '%s\n' "$deploy_to/.capdoit/failed/$half_made"
    else
        (remove_release "$half_made") || printf 'releases/%s could not be removed\n' "$half_made" >&2
    fi
fi
sweep || :
forget_manifests
journal "$entry" || printf 'the journal could not be written\n' >&2
if [ -n "$hooked" ] && [ -z "$half_made" ]; then renew_manifest; fi
