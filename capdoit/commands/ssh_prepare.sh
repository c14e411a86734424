# shellcheck shell=sh
# Make the named pipe $folder/script in a new directory that only this user can enter.
# Given: folder
set -e
umask 077
mkdir "$folder"
mkfifo "$folder/script"
