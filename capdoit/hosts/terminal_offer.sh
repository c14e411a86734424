# shellcheck shell=sh
# Give a script to the terminal that reads the named pipe $folder/script, once. The script has secrets: so it is neither
# an argument, which all users see, nor a file, which could be left behind. Only this user can enter the new directory.
# Print the process that does this; TERM ends it.
# Given: folder terminal_script
set -e
umask 077
mkdir "$folder"
mkfifo "$folder/script"
(
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '%s\n' "$terminal_script" >"$folder/script" &
    trap 'kill "$!"; exit 1' HUP INT TERM
    wait "$!"
) >/dev/null 2>&1 &
echo "$!"
