# shellcheck shell=sh
# The part of an upload that has arrived.

# Remove the part ($1) at the end of the script, also when the script is stopped. When the controller has died, the shell
# cannot even write that its programs were terminated (PIPE).
remove_at_the_end() {
    unfinished=$1
    trap remove_unfinished EXIT
    trap 'exit 1' HUP INT PIPE TERM
}

remove_unfinished() {
    rm -rf "$unfinished"
}
