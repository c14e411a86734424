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
        # For one that may not be read, as cp says, an empty one stands in: that it is there is all that a rollback asks.
        if [ -f "$deploy_to/$1" ] && [ ! -e "$shadow/$1" ]; then cp -p "$deploy_to/$1" "$shadow/$1" || : >"$shadow/$1"; fi
    fi
}

# Where a relative link leads from its place in the real deploy_to; the shadow lies deeper.
meant() {
    dir=$(cd "$(dirname "$link")" && pwd -P)
    dir=$here${dir#"$here/.capdoit/drill"}
    while :; do
        case $to in
            ../*) to=${to#../} ;;
            *) break ;;
        esac
        dir=${dir%/*}
    done
    to=$dir/$to
}

stays() {
    [ -e "$link" ] || return 1 # readlink -f says the path of what is not there, too
    case $(readlink -f "$link")/ in
        "$here/.capdoit/drill"/*) return 0 ;;
        *) return 1 ;;
    esac
}

for link; do
    to=$(readlink "$link")
    relative=
    case $to in
        "$shadow"/*) continue ;;
        /*) ;;
        *)
            if stays; then continue; fi
            relative=yes
            meant
            ;;
    esac
    case $to/ in
        "$deploy_to"/*) below=${to#"$deploy_to"} ;;
        "$here"/*) below=${to#"$here"} ;;
        *)
            # It may lead there by another way.
            found=$(readlink -f "$to") || found=
            case $found/ in
                "$here"/*) below=${found#"$here"} ;;
                *)
                    if [ -n "$relative" ]; then rm -f "$link" && ln -s "$to" "$link"; fi
                    continue
                    ;;
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
