# shellcheck shell=sh
# The journal.

# Append a line, unless it is empty. The last line may be incomplete, after a full disk: then it gets its end first.
append_to_journal() {
    if [ -s .capdoit/journal ] && [ -n "$(tail -c 1 .capdoit/journal)" ]; then
        printf '\n' >>.capdoit/journal
    fi
    [ -z "$1" ] || printf '%s\n' "$1" >>.capdoit/journal
}

# Append a line where a journal that cannot be written must not stop the flow.
append_to_journal_or_warn() {
    append_to_journal "$1" || printf 'the journal could not be written\n' >&2
}
