# shellcheck shell=sh
# What a host answers, a line each: KEY, a tab, the fact.
fact() {
    printf '%s\t%s\n' "$1" "$2"
}

one_line() {
    printf '%s' "$1" | tr '\n\t\r' '???'
}
