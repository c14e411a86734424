# shellcheck shell=sh
# Privacy: the archives of releases, their manifests and the journal are closed to users who do not deploy.

# Set a umask for files that only this user can read, or this user and a group: the group of deploy_to, which is the
# current directory, deploys if it can write there.
set_private_umask() {
    if is_open_to_group; then umask 007; else umask 077; fi
}

# Create a file if it is missing.
create_private_file() {
    (set_private_umask && true >>"$1")
}

is_open_to_group() {
    [ -n "$(find . -prune -perm -020)" ]
}

# Print the mode of such a file.
print_private_mode() {
    if is_open_to_group; then echo 660; else echo 600; fi
}

# Close the files that an earlier version of capdoit left open to everybody. Only their owner can do that.
close_old_files() {
    mode=$(print_private_mode)
    find .capdoit/journal .capdoit/drilled .capdoit/manifests/[0-9]* rolled-back-release-[0-9]*.tar.gz \
        -type f ! -perm "$mode" -exec chmod "$mode" {} + 2>/dev/null || :
}
