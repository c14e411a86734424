# shellcheck shell=sh
# Give a script to the terminal that reads the named pipe $folder/script, once. The script has secrets: so it is neither
# an argument, which all users see, nor a file, which could be left behind. Only this user can enter the new directory.
# Print the process that does this; TERM ends it.
# Given: folder terminal_script

# Make the pipe, write to it in the background, and close stdout and stderr when all is ready. However this ends, the
# directory is removed.
offer_script() {
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 1' HUP INT TERM
    umask 077
    { mkdir "$folder" && mkfifo "$folder/script"; } || exit
    { printf '%s\n' "$terminal_script" >"$folder/script"; } >/dev/null 2>&1 &
    trap 'kill "$!"; exit 1' HUP INT TERM
    exec >/dev/null 2>&1
    wait "$!"
}

offer=$( (offer_script) & echo $!)
[ -p "$folder/script" ] || exit 1
echo "$offer"
