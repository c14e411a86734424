# shellcheck shell=sh
# Keep the block of an application and a stage in the crontab of the user; all other lines stay as they are.
# Arguments: "check" or "install"; the names of the application and the stage; the file with the lines of the block, which
# is removed if there are none; the file that keeps the crontab before a change.
action=$1 file=$4 before_file=$5
begin="# BEGIN capdoit $2 $3"
end="# END capdoit $2 $3"
LC_ALL=C
export LC_ALL
umask 077

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

print_crontab() {
    if ! errors=$(crontab -l 2>&1 >"$work/before"); then
        case $errors in
            *"no crontab for"* | *"No such file"*) : >"$work/before" ;;
            *) fail "$errors" ;;
        esac
    fi
    cat "$work/before"
}

# Print the lines on stdin with the new block: where the old one is, else at the end.
replace_block() {
    BEGIN_LINE=$begin END_LINE=$end BLOCK_FILE=$file awk '
        function print_block(line) {
            if ((getline line <ENVIRON["BLOCK_FILE"]) <= 0) return
            print ENVIRON["BEGIN_LINE"]
            do print line; while ((getline line <ENVIRON["BLOCK_FILE"]) > 0)
            print ENVIRON["END_LINE"]
        }
        $0 == ENVIRON["BEGIN_LINE"] { if (blocks++) exit; print_block(); is_inside = 1; next }
        $0 == ENVIRON["END_LINE"] { if (!is_inside) { blocks = 2; exit } is_inside = 0; next }
        !is_inside { print }
        END {
            if (is_inside || blocks > 1) exit 3
            if (!blocks) print_block()
        }'
}

# Let the real crontab check a file, if it can do that without a change. Argument: the file.
check_syntax() {
    case $(crontab -V 2>&1) in
        cronie*) crontab -T "$1" ;;
        *"[-n] file"*) crontab -n "$1" ;;
    esac
}

# Print an answer of crontab, and the lines that it names, with their numbers. Debian's crontab names the line before the
# wrong one. Arguments: the answer, the file.
print_wrong_lines() {
    cat "$1"
    sed -n 's/^[^:]*:\([0-9]*\):.*/\1/p' "$1" | while read -r number; do
        awk -v from="$number" 'NR == from || NR == from + 1 { print "line " NR ": " $0 }' "$2"
    done
}

[ -s "$file" ] || file=/dev/null
if ! command -v crontab >/dev/null; then
    [ "$file" != /dev/null ] || exit 0
    fail "there is no program crontab on this host; install it (Debian: cron)"
fi
# Another application of this user may change the crontab at the same time. A directory can be locked without a trace.
exec 8<"$HOME" && flock 8
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
print_crontab >"$work/lines" || exit
replace_block <"$work/lines" >"$work/after" ||
    fail "the crontab has a line \"$begin\" or \"$end\" without the other one, or twice." \
        "Nothing was changed. Remove these lines with: crontab -e"
if cmp -s "$work/before" "$work/after"; then
    exit 0
fi
if [ "$action" = check ]; then
    check_syntax "$work/after" >"$work/answer" 2>&1 || fail "crontab refuses the jobs of the release:" "$(print_wrong_lines "$work/answer" "$work/after")"
    exit 0
fi
cp "$work/before" "$before_file" || exit
crontab "$work/after" || fail "the crontab was not changed"
if [ -s "$file" ]; then
    echo "the block \"$2 $3\" of the crontab has $(wc -l <"$file") lines; the crontab before is in $before_file"
else
    echo "the block \"$2 $3\" of the crontab was removed; the crontab before is in $before_file"
fi
