# shellcheck shell=sh
# What every script of a flow begins with. deploy_to, run (the flow's id) and entry (a line for the
# journal, or nothing) are assigned in front.
# shellcheck disable=SC2154
set -eu
unset CDPATH

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Only the flow that holds the lock may change anything: who was unlocked by force stops here.
fenced() {
    holder=
    read -r holder 2>/dev/null <.capdoit/lock || :
    case $holder in
        *"\"run\": \"$run\""*) ;;
        *) die "the lock of $deploy_to is no longer held by this flow; it was unlocked, or taken over" ;;
    esac
}

# A line that a full disk cut short must not swallow the next one, whoever writes that.
journal() {
    if [ -s .capdoit/journal ] && [ -n "$(tail -c 1 .capdoit/journal)" ]; then
        printf '\n' >>.capdoit/journal
    fi
    [ -z "$1" ] || printf '%s\n' "$1" >>.capdoit/journal
}

# Also what has directories that its user may not write, as package managers make them. No mode of a file is ever
# changed: it may be a link to that of another release.
remove_tree() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi
    if rm -rf "$1" 2>/dev/null; then return 0; fi
    find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \;
    rm -rf "$1"
}

live() {
    link=
    if [ -L current ]; then link=$(readlink current); fi
    printf '%s' "$link" | tr '\n\t\r' '???'
    echo
}

cd "$deploy_to"
