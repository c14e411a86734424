# shellcheck shell=sh
# Change symlinks in the shadow of a drill, which are the arguments: those that point into the real deploy_to then
# point into the shadow.
# Environment: deploy_to real_deploy_to shadow
set -eu
unset CDPATH

# Create an empty directory, or a copy of the file, for something that is shared.
create_stand_in() {
    if [ -d "$deploy_to/$1" ]; then
        mkdir -p "$shadow/$1"
    else
        mkdir -p "$(dirname "$shadow/$1")"
        # A rollback only asks whether the file exists, so an empty one is enough where cp cannot read it.
        if [ -f "$deploy_to/$1" ] && [ ! -e "$shadow/$1" ]; then cp -p "$deploy_to/$1" "$shadow/$1" || : >"$shadow/$1"; fi
    fi
}

# Make the target of a relative symlink absolute, as in the real deploy_to: the shadow is two directories deeper.
resolve_target() {
    directory=$(cd "$(dirname "$link")" && pwd -P)
    directory=$real_deploy_to${directory#"$real_deploy_to/.capdoit/drill"}
    while :; do
        case $target in
            ../*) target=${target#../} ;;
            *) break ;;
        esac
        directory=${directory%/*}
    done
    target=$directory/$target
}

points_into_shadow() {
    [ -e "$link" ] || return 1 # readlink -f prints a path for a missing target, too
    case $(readlink -f "$link")/ in
        "$real_deploy_to/.capdoit/drill"/*) return 0 ;;
        *) return 1 ;;
    esac
}

for link; do
    target=$(readlink "$link")
    relative=
    case $target in
        "$shadow"/*) continue ;;
        /*) ;;
        *)
            if points_into_shadow; then continue; fi
            relative=yes
            resolve_target
            ;;
    esac
    case $target/ in
        "$deploy_to"/*) below=${target#"$deploy_to"} ;;
        "$real_deploy_to"/*) below=${target#"$real_deploy_to"} ;;
        *)
            # The target may be in the real deploy_to by way of other symlinks.
            resolved=$(readlink -f "$target") || resolved=
            case $resolved/ in
                "$real_deploy_to"/*) below=${resolved#"$real_deploy_to"} ;;
                *)
                    if [ -n "$relative" ]; then rm -f "$link" && ln -s "$target" "$link"; fi
                    continue
                    ;;
            esac
            ;;
    esac
    below=${below#/}
    case /$below/ in
        */../*) below=nowhere ;;
        /shared/*) create_stand_in "$below" ;;
    esac
    rm -f "$link"
    ln -s "$shadow/$below" "$link"
done
