# shellcheck shell=sh
# Given links of a drill's shadow; those that lead into the real deploy_to are replaced by links into the
# shadow, where an empty directory or a copy of the file stands in for what is shared.
# deploy_to, here (where that really is) and shadow are in the environment.
# shellcheck disable=SC2154
set -eu
unset CDPATH

stand_in() {
    if [ -d "$deploy_to/$1" ]; then
        mkdir -p "$shadow/$1"
    else
        mkdir -p "$(dirname "$shadow/$1")"
        # One that cannot be read is missing in the drill, and said so by cp.
        if [ -f "$deploy_to/$1" ] && [ ! -e "$shadow/$1" ]; then cp -p "$deploy_to/$1" "$shadow/$1" || :; fi
    fi
}

for link; do
    to=$(readlink "$link")
    case $to/ in
        "$shadow"/*) continue ;;
        "$deploy_to"/*) below=${to#"$deploy_to"} ;;
        "$here"/*) below=${to#"$here"} ;;
        *)
            # It may lead there by another way.
            to=$(readlink -f "$link") || continue
            case $to/ in
                "$here/.capdoit/drill"/*) continue ;;
                "$here"/*) below=${to#"$here"} ;;
                *) continue ;;
            esac
            ;;
    esac
    below=${below#/}
    case /$below/ in
        */../*) below=nowhere ;;
        /shared/*) stand_in "$below" ;;
    esac
    rm -f "$link"
    ln -s "$shadow/$below" "$link"
done
