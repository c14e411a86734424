# shellcheck shell=sh
# Clean up after a flow that failed: print what is live, and remove the release that the flow began to make, or keep
# it aside. Print as facts whether it was removed, where it is kept, and what cannot be removed.
# Needs: append_to_journal_or_warn delete_removed enter_deploy_to fill_reserve forget_manifests move_to_removed
# Needs: print_current print_fact remove_release remove_scratch renew_manifest require_lock
# Given: deploy_to entry hooks_ran keep_failed partial_release run
set_aside() {
    if [ -e .capdoit/failed ] || [ -L .capdoit/failed ]; then move_to_removed .capdoit/failed || return 1; fi
    mkdir .capdoit/failed && mv "releases/$partial_release" .capdoit/failed/
}

# Check that this flow began to make the release, and that the release is not live. The first entry of a deploy in the
# journal says that it begins.
may_be_removed() {
    case $(tail -n 20 .capdoit/journal 2>/dev/null) in
        *"\"run\": \"$run\""*) [ "$(print_current)" != "$deploy_to/releases/$partial_release" ] ;;
        *) return 1 ;;
    esac
}

enter_deploy_to
require_lock
print_current
if [ -n "$partial_release" ] && [ -d "releases/$partial_release" ] && may_be_removed; then
    if [ -n "$keep_failed" ] && (set_aside); then
        print_fact kept "$deploy_to/.capdoit/failed/$partial_release"
    elif (remove_release "$partial_release"); then
        print_fact removed "$partial_release"
    else
        printf 'releases/%s could not be removed\n' "$partial_release" >&2
    fi
fi
delete_removed
remove_scratch || :
forget_manifests
append_to_journal_or_warn "$entry"
if [ -n "$hooks_ran" ] && [ -z "$partial_release" ]; then renew_manifest; fi
fill_reserve 2>/dev/null || :
