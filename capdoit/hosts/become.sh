# shellcheck shell=sh
# Run the shell of a session as another user, with sudo. Arguments: the user, the program of the shell, and "password" if
# stdin begins with two lines that have the password for sudo: one to try it, since sudo would take the lines behind a
# wrong password for more passwords, and one for the shell. Without cached credentials (-k), sudo either always reads a
# line or never does.
# The text is an argument of sh -c in single quotes: no single quotes, backslashes or exclamation marks outside of
# comments.

newline="
"
if [ -z "$3" ]; then
    exec sudo -n -H -u "$1" -- sh -c "$2"
fi
IFS= read -r password
if sudo -n -k -H -u "$1" -- sh -c : 2>/dev/null; then
    IFS= read -r password
    exec sudo -n -H -u "$1" -- sh -c "$2"
fi
printf "%s%s" "$password" "$newline" | sudo -k -S -p "" -H -u "$1" -- sh -c : || exit 1
exec sudo -k -S -p "" -H -u "$1" -- sh -c "$2"
