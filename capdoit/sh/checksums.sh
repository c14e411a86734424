# shellcheck shell=sh
# Checksums of stdin and of files. openssl takes a third of the time of many versions of sha256sum, but not every host has it.

# Print the sha256 of stdin, and a name.
print_sha256() {
    if has_openssl; then openssl dgst -sha256 -r; else sha256sum; fi
}

# Print a script that prints the line of sha256sum for each file that is an argument and can be read.
# With a failing sha256sum, busybox find would not run the commands that follow.
# shellcheck disable=SC2016
print_checksum_script() {
    if has_openssl; then
        echo 'openssl dgst -sha256 -r "$@" 2>/dev/null | sed "s/ [*]/  /"'
    else
        echo 'sha256sum "$@" || :'
    fi
}

has_openssl() {
    openssl dgst -sha256 -r </dev/null >/dev/null 2>&1
}
