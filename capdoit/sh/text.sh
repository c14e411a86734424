# shellcheck shell=sh
# Text.

# Print a text with question marks instead of the characters that would break a line or a fact.
to_one_line() {
    printf '%s' "$1" | tr '\n\t\r' '???'
}
