# shellcheck shell=sh
# What keeps a flow from a host whose lock it no longer has; run is the flow's id.
# shellcheck disable=SC2154
die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Only the flow that holds the lock may change anything: who was unlocked by force stops here.
fenced() {
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
