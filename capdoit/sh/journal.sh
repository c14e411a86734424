# shellcheck shell=sh
# The journal, and records like it: files that get one line at their end for each event.
# Needs: create_private_file try_with_reserve

# Append a line ($2) to a record ($1), unless the line is empty. The last line may be incomplete, after a power failure:
# then it gets its end first, or is removed where not even that has room.
append_to_record() {
    if is_incomplete "$1"; then
        printf '\n' 2>/dev/null >>"$1" || cut_incomplete_line "$1"
    fi
    [ -z "$2" ] || try_with_reserve append_line "$1" "$2"
}

append_to_journal() {
    [ -e .capdoit/journal ] || try_with_reserve create_private_file .capdoit/journal
    append_to_record .capdoit/journal "$1"
}

# Append a line where a journal that cannot be written must not stop the flow.
append_to_journal_or_warn() {
    append_to_journal "$1" || printf 'the journal could not be written\n' >&2
}

# Append a line completely, or leave the record as it was.
append_line() {
    printf '%s\n' "$2" >>"$1" && return
    cut_incomplete_line "$1"
    return 1
}

# Check whether a record ends within a line. A power failure may have left NUL bytes.
is_incomplete() {
    [ -s "$1" ] && [ -n "$(tail -c 1 "$1" | tr '\0' '?')" ]
}

# Remove an incomplete last line, which a full disk leaves.
cut_incomplete_line() {
    if is_incomplete "$1"; then
        total=$(wc -c <"$1")
        incomplete=$(tail -n 1 "$1" | wc -c)
        dd if=/dev/null of="$1" bs=1 seek="$((total - incomplete))" count=0 2>/dev/null
    fi
}
