# shellcheck shell=sh
# The lock of deploy_to, as a script of the flow that took it sees it; run is the id of that flow.
# Given: deploy_to run

# End the script unless this flow holds the lock, which an unlock by force may have taken from it.
require_lock() {
    holder=
    read -r holder 2>/dev/null <"$deploy_to/.capdoit/lock" || :
    case $holder in
        *"\"run\": \"$run\""*) ;;
        *)
            printf 'the lock of %s is no longer held by this flow; it was unlocked, or taken over\n' "$deploy_to" >&2
            exit 9
            ;;
    esac
}
