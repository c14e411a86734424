# shellcheck shell=sh
# The journal, and records like it: files that get one line at their end for each event.
# Needs: set_private_umask

# Append a line ($2) to a record ($1), unless the line is empty. The last line may be incomplete, after a full disk or a
# power failure, which may have left NUL bytes: then it gets its end first.
append_to_record() {
    if [ -s "$1" ] && [ -n "$(tail -c 1 "$1" | tr '\0' '?')" ]; then
        printf '\n' >>"$1"
    fi
    [ -z "$2" ] || printf '%s\n' "$2" >>"$1"
}

append_to_journal() {
    [ -e .capdoit/journal ] || (set_private_umask && : >>.capdoit/journal)
    append_to_record .capdoit/journal "$1"
}

# Append a line where a journal that cannot be written must not stop the flow.
append_to_journal_or_warn() {
    append_to_journal "$1" || printf 'the journal could not be written\n' >&2
}
