# shellcheck shell=sh
# What every script of a flow begins with, behind fence.sh. entry is a line for the journal, or nothing.
# shellcheck disable=SC2154
set -eu
unset CDPATH

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
