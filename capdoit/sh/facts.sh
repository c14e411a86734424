# shellcheck shell=sh
# Facts: what a host answers, one line for each: KEY, a tab, the fact.
print_fact() {
    printf '%s\t%s\n' "$1" "$2"
}
