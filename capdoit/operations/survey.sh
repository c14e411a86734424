# shellcheck shell=sh
# The facts of one host, a line each: KEY, a tab, the fact. Changes nothing, but makes the directories
# of a deploy when make_dirs says so.
# shellcheck disable=SC2154
LC_ALL=C
export LC_ALL
unset CDPATH

# The last line may lack its end: a full disk cut it. Notes are long, and read when they are asked for.
lines() {
    tail -n 1500 "$2" | sed '/^{"event": "noted"/d' | tail -n 1000 | cut -c1-16384 | while IFS= read -r line || [ -n "$line" ]; do fact "$1" "$line"; done
}

# What there is in all, and what is free, where we are.
room() {
    df "$1" . 2>/dev/null | {
        read -r _
        read -r _ all _ free _ && echo "$all $free"
    }
}

# Whether somebody has a lock, by the kernel's list: to try it would be in the way of a flow that does the same.
is_held() {
    [ -r /proc/locks ] || return 0
    inode=$(stat -c %i "$1") || return 0
    if [ -n "$(sed -n "/ FLOCK .*:$inode /p" /proc/locks)" ]; then fact lock_is_held yes; else fact lock_is_held no; fi
}

# Without one of these the facts would be wrong, and not just fewer.
for tool in cut dd find readlink sed tail tr; do
    command -v "$tool" >/dev/null || {
        echo "$tool is not installed" >&2
        exit 1
    }
done

fact user "$(id -un 2>/dev/null || id -u)"
eval "set -- $tools"
for tool; do
    command -v "$tool" >/dev/null 2>&1 || fact no_tool "$tool"
done

# A directory that cannot be entered must not pass for one that is not there.
can_be_entered() {
    place=$1
    while [ -n "$place" ] && [ ! -e "$place" ] && [ ! -L "$place" ]; do place=${place%/*}; done
    if [ -d "$place" ] && [ ! -x "$place" ]; then
        echo "$(one_line "$place") cannot be entered by $(id -un 2>/dev/null || id -u)" >&2
        exit 1
    fi
}

can_be_entered "$deploy_to"
if [ -n "$make_dirs" ]; then mkdir -p "$deploy_to" || fact not_made "$deploy_to"; fi
if cd "$deploy_to" 2>/dev/null; then
    fact deploy_to "$(one_line "$(pwd -P)")"
    for name in releases shared .capdoit; do
        if [ -L "$name" ]; then fact link "$name"; fi
    done
    if [ -n "$make_dirs" ]; then
        within_bounds || exit 1
        mkdir -p releases shared || fact not_made "$deploy_to"
        eval "set -- $linked_dirs"
        for path; do
            mkdir -p "shared/$path" || fact not_made "$deploy_to/shared/$(one_line "$path")"
        done
        eval "set -- $linked_files"
        for path; do
            case $path in
                */*) mkdir -p "shared/${path%/*}" || fact not_made "$deploy_to/shared/$(one_line "${path%/*}")" ;;
            esac
        done
    fi
    why=$(within_bounds 2>&1) || fact out_of_bounds "$(one_line "$why")"
    for name in . releases shared repo .capdoit .capdoit/lock .capdoit/journal; do
        if [ -e "$name" ] && [ ! -w "$name" ]; then fact not_writable "$name"; fi
    done
    fact disk "$(room -Pk)"
    fact inodes "$(room -Pi)"
    if [ -L current ]; then
        fact current "$(one_line "$(readlink current)")"
        if place=$(cd current/ 2>/dev/null && pwd -P); then fact current_place "$(one_line "$place")"; fi
    elif [ -e current ]; then
        fact current_is_no_link yes
    fi
    eval "set -- $linked_files"
    number=0
    for path; do
        if [ ! -e "shared/$path" ]; then fact no_file "$number"; fi
        number=$((number + 1))
    done
    if cd releases 2>/dev/null; then
        # What is larger than 4096 bytes is no revision, and takes sh long to read.
        large=" $(find ./*/REVISION -prune -size +8 2>/dev/null | tr '\n' ' ') "
        for name in *; do
            case $name in
                [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9])
                    revision=
                    if [ -f "$name/REVISION" ] && [ ! -L "$name" ]; then
                        case $large in
                            *" ./$name/REVISION "*) ;;
                            *) read -r revision <"$name/REVISION" || : ;;
                        esac
                    fi
                    case $revision in
                        *[!0-9A-Za-z._-]*) revision= ;;
                    esac
                    fact release "$name $revision"
                    ;;
                '*') ;;
                *) fact stray "$(one_line "$name")" ;;
            esac
        done
        cd ..
    fi
    for name in .capdoit/failed/[0-9]*; do
        if [ -d "$name" ]; then fact set_aside "$(one_line "${name##*/}")"; fi
    done
    for name in rolled-back-release-[0-9]*.tar.gz; do
        if [ -f "$name" ]; then
            name=${name#rolled-back-release-}
            fact archive "$(one_line "${name%.tar.gz}")"
        fi
    done
    if [ -f .capdoit/lock ]; then
        fact lock "$(one_line "$(dd if=.capdoit/lock bs=16384 count=1 2>/dev/null)")"
        is_held .capdoit/lock
    fi
    eval "set -- $scratch"
    for name; do
        if [ -e ".capdoit/$name" ] || [ -L ".capdoit/$name" ]; then fact scratch "$name"; fi
    done
    if [ -f .capdoit/drilled ]; then fact drilled "$(one_line "$(dd if=.capdoit/drilled bs=4096 count=1 2>/dev/null)")"; fi
    if [ -f .capdoit/journal ]; then lines journal .capdoit/journal; fi
    if [ -f revisions.log ]; then lines log revisions.log; fi
fi
fact end yes
