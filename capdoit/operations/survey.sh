# shellcheck shell=sh
# Print the facts of a host. Change nothing, except that make_dirs creates the directories of a deploy.
# Needs: is_safe_deploy_to print_fact to_one_line
# Given: deploy_to linked_dirs linked_files make_dirs scratch tools
LC_ALL=C
export LC_ALL
unset CDPATH

# The last line may lack its end: a full disk cut it. Notes are long, and read when they are asked for.
lines() {
    tail -n 1500 "$2" | sed '/^{"event": "noted"/d' | tail -n 1000 | cut -c1-16384 | while IFS= read -r line || [ -n "$line" ]; do print_fact "$1" "$line"; done
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
    if [ -n "$(sed -n "/ FLOCK .*:$inode /p" /proc/locks)" ]; then print_fact lock_is_held yes; else print_fact lock_is_held no; fi
}

# Without one of these the facts would be wrong, and not just fewer.
for tool in cut dd find readlink sed tail tr; do
    command -v "$tool" >/dev/null || {
        echo "$tool is not installed" >&2
        exit 1
    }
done

print_fact user "$(id -un 2>/dev/null || id -u)"
eval "set -- $tools"
for tool; do
    command -v "$tool" >/dev/null 2>&1 || print_fact no_tool "$tool"
done

# A directory that cannot be entered must not pass for one that is not there.
can_be_entered() {
    place=$1
    while [ -n "$place" ] && [ ! -e "$place" ] && [ ! -L "$place" ]; do place=${place%/*}; done
    if [ -d "$place" ] && [ ! -x "$place" ]; then
        echo "$(to_one_line "$place") cannot be entered by $(id -un 2>/dev/null || id -u)" >&2
        exit 1
    fi
}

can_be_entered "$deploy_to"
if [ -n "$make_dirs" ]; then mkdir -p "$deploy_to" || print_fact not_made "$deploy_to"; fi
if cd "$deploy_to" 2>/dev/null; then
    print_fact deploy_to "$(to_one_line "$(pwd -P)")"
    for name in releases shared .capdoit; do
        if [ -L "$name" ]; then print_fact link "$name"; fi
    done
    if [ -n "$make_dirs" ]; then
        is_safe_deploy_to || exit 1
        mkdir -p releases shared || print_fact not_made "$deploy_to"
        eval "set -- $linked_dirs"
        for path; do
            mkdir -p "shared/$path" || print_fact not_made "$deploy_to/shared/$(to_one_line "$path")"
        done
        eval "set -- $linked_files"
        for path; do
            case $path in
                */*) mkdir -p "shared/${path%/*}" || print_fact not_made "$deploy_to/shared/$(to_one_line "${path%/*}")" ;;
            esac
        done
    fi
    why=$(is_safe_deploy_to 2>&1) || print_fact out_of_bounds "$(to_one_line "$why")"
    for name in . releases shared repo .capdoit .capdoit/lock .capdoit/journal; do
        if [ -e "$name" ] && [ ! -w "$name" ]; then print_fact not_writable "$name"; fi
    done
    print_fact disk "$(room -Pk)"
    print_fact inodes "$(room -Pi)"
    if [ -L current ]; then
        print_fact current "$(to_one_line "$(readlink current)")"
        if place=$(cd current/ 2>/dev/null && pwd -P); then print_fact current_place "$(to_one_line "$place")"; fi
    elif [ -e current ]; then
        print_fact current_is_no_link yes
    fi
    eval "set -- $linked_files"
    number=0
    for path; do
        if [ ! -e "shared/$path" ]; then print_fact no_file "$number"; fi
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
                    print_fact release "$name $revision"
                    ;;
                '*') ;;
                *) print_fact stray "$(to_one_line "$name")" ;;
            esac
        done
        cd ..
    fi
    for name in .capdoit/failed/[0-9]*; do
        if [ -d "$name" ]; then print_fact set_aside "$(to_one_line "${name##*/}")"; fi
    done
    for name in rolled-back-release-[0-9]*.tar.gz; do
        if [ -f "$name" ]; then
            name=${name#rolled-back-release-}
            print_fact archive "$(to_one_line "${name%.tar.gz}")"
        fi
    done
    if [ -f .capdoit/lock ]; then
        print_fact lock "$(to_one_line "$(dd if=.capdoit/lock bs=16384 count=1 2>/dev/null)")"
        is_held .capdoit/lock
    fi
    eval "set -- $scratch"
    for name; do
        if [ -e ".capdoit/$name" ] || [ -L ".capdoit/$name" ]; then print_fact scratch "$name"; fi
    done
    if [ -f .capdoit/drilled ]; then print_fact drilled "$(to_one_line "$(dd if=.capdoit/drilled bs=4096 count=1 2>/dev/null)")"; fi
    if [ -f .capdoit/journal ]; then lines journal .capdoit/journal; fi
    if [ -f revisions.log ]; then lines log revisions.log; fi
fi
print_fact end yes
